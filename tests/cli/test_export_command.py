"""``rnncli export`` by its real command line: forms, figures, refusals."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from rnncli import library
from rnncli.api import load
from tests.cli.conftest import run_here

FILES = ["README.md", "config.json", "model.onnx", "model.safetensors", "tokenizer.json"]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained model in ./models, its training beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RNNCLI_MODEL", raising=False)
    shutil.copytree(tiny_model, tmp_path / "models" / "tiny")
    return tmp_path / "models" / "tiny"


def test_a_model_is_copied_without_its_training(model: Path) -> None:
    result = run_here(["export", "tiny", "--out", "copy"])
    assert (result.code, result.out) == (0, "copy\n")
    assert sorted(path.name for path in Path("copy").iterdir()) == FILES
    assert load("copy").score(["Anna saw the moon."]) == load("tiny").score(["Anna saw the moon."])


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_fewer_bits_and_what_they_cost(model: Path, weights: str) -> None:
    result = run_here(["export", "tiny", "--quantize", weights])
    assert (result.code, result.out) == (0, f"models/tiny-{weights}\n")
    assert "bits per byte" in result.err
    assert "its validation text" in result.err
    lowered, plain = load(f"tiny-{weights}"), load("tiny")
    assert lowered.definition["weights"] == weights
    cost = lowered.definition["cost_of_weights"]
    assert abs(cost["bits_per_byte"]) < 0.02
    valid = (model / "training" / "valid.txt").read_text(encoding="utf-8").splitlines()
    assert plain.unit == "stream"
    totals = [math.fsum(s.tally.logprob for s in m.score(valid, context="file")) for m in (plain, lowered)]
    size = sum(len(line.encode()) + 1 for line in valid)
    assert cost["bits_per_byte"] == pytest.approx((totals[0] - totals[1]) / size / 0.6931471805599453, abs=1e-9)
    assert library.entry(Path(f"models/tiny-{weights}")).size < library.entry(model).size
    assert weights in (Path(f"models/tiny-{weights}") / "README.md").read_text(encoding="utf-8")


def test_its_figures_as_json(model: Path) -> None:
    Path("other.txt").write_text("Bob heard the river.\n" * 5)
    result = run_here(["export", "tiny", "--quantize", "int8", "--json", "--text", "other.txt", "--out", "small"])
    value = json.loads(result.out)
    assert value["model"] == "small"
    assert value["weights"] == "int8"
    assert value["bytes_after"] < value["bytes_before"]
    assert value["cost"]["text"] == "other.txt, 105 characters"


def test_without_a_validation_text_the_model_writes_one(model: Path) -> None:
    shutil.rmtree(model / "training")
    result = run_here(["export", "tiny", "--quantize", "float16"])
    assert result.code == 0
    assert "lines of its own" in result.err


def test_nothing_is_lost(model: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}
    assert run_here(["export", "tiny", "--out", "models/tiny", "--overwrite"]).code == 2
    assert run_here(["export", "tiny", "--out", "models/tiny"]).code == 2
    assert run_here(["export", "tiny", "--quantize", "int8"]).code == 0
    again = run_here(["export", "tiny", "--quantize", "int8"])
    assert again.code == 2
    assert "--overwrite" in again.err
    assert run_here(["export", "tiny", "--quantize", "int8", "--overwrite"]).code == 0
    twice = run_here(["export", "tiny-int8", "--quantize", "float16"])
    assert (twice.code, len(twice.err.splitlines())) == (2, 2)
    missing = run_here(["export", "tiny", "--quantize", "float16", "--text", "nowhere.txt"])
    assert missing.code == 4
    assert not Path("models/tiny-float16").exists()
    assert run_here(["export", "nobody"]).code == 3
    assert {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()} == before


def test_models_show_tells_what_runs_it(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\nEngine: onnx (" in run_here(["models", "show", "tiny"]).out
    shown = json.loads(run_here(["models", "show", "tiny", "--json"]).out)
    assert shown["engine"]["name"] == "onnx"
    assert shown["parts"][0]["kind"] == "rnn"
    monkeypatch.setenv("RNNCLI_ENGINE", "torch")
    assert "\nEngine: torch (as you said)." in run_here(["models", "show", "tiny"]).out
