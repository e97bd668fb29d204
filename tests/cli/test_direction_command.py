"""Backward and both ways through the command line."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import pytest

from tests.cli.conftest import run_here

TRAIN = ("--steps", "4", "--hidden-size", "8", "--embedding-size", "8", "--vocab-size", "30", "-q", "--threads", "1")
TEXT = b"the boat is old\n\nold is the boat\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Path) -> Path:
    place = tmp_path_factory.mktemp("directions")
    with contextlib.chdir(place):
        Path("lines.txt").write_bytes(TEXT)
        for way in ("forward", "backward", "both"):
            assert run_here(["train", str(tiny_corpus), "--direction", way, "--name", way, *TRAIN]).code == 0
    return place


@pytest.fixture
def home(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def score(*arguments: str) -> str:
    code, out, err = run_here(["score", "--json", *arguments, "lines.txt"])
    assert (code, err) == (0, "")
    return out


def logprobs(out: str) -> list[float]:
    return [json.loads(line)["logprob"] for line in out.splitlines()]


def test_each_way_and_their_mean(home: Path) -> None:
    ways = ("forward", "backward", "both")
    found = {way: logprobs(score("-m", "both", "--direction", way)) for way in ways}
    means = [
        math.log((math.exp(a) + math.exp(b)) / 2) for a, b in zip(found["forward"], found["backward"], strict=True)
    ]
    assert found["both"] == pytest.approx(means, abs=1e-6)
    assert found["forward"] == logprobs(score("-m", "both"))
    assert found["backward"] == pytest.approx(logprobs(score("-m", "backward")), abs=1e-6)
    total = json.loads(score("--total", "-m", "both", "--direction", "both"))
    assert total["logprob"] == pytest.approx(sum(means), abs=1e-6)
    assert total["definition"]["direction"] == "both"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("score -m forward --direction backward", "the model forward reads forward alone"),
        ("score -m backward --direction both", "the model backward reads backward alone"),
        ("score -m both --direction both --tokens", "read both ways, tokens and words have no one probability"),
        ("score -m both --direction both --format kenlm", "read both ways, tokens and words"),
        ("score -m both --direction both --no-eos", "read both ways, a line without its end"),
        ("score -m both --direction both --context file", "read both ways, the lines of a file"),
        (
            "score -m both --direction both --prefix a",
            "a model that reads backward knows nothing of what stands before",
        ),
        ("score -m backward --prefix a", "a model that reads backward knows nothing of what stands before"),
        ("sample -m backward", "the model backward reads lines from their ends"),
        ("score --direction up", "Invalid value for '--direction'"),
        ("train x --direction up", "Invalid value for '--direction'"),
        ("train --resume both --direction forward", "--direction forward differs from the run's, which is both"),
    ],
)
def test_the_wrong_direction_is_one_line_and_exit_code_2(home: Path, arguments: str, problem: str) -> None:
    command, *rest = arguments.split()
    code, out, err = run_here([command, *(["lines.txt"] if command == "score" else []), *rest])
    assert (code, out) == (2, "")
    assert problem in err
    assert len(err.splitlines()) <= 2


def test_the_plan_the_card_and_the_end_tell_of_both(home: Path, tiny_corpus: Path) -> None:
    arguments = [argument for argument in TRAIN if argument != "-q"]
    err = run_here(["train", str(tiny_corpus), "--direction", "both", "--name", "again", *arguments]).err
    assert "one after the other" in err
    assert "rnncli: now the network that reads backward" in err.splitlines()
    assert any(line.startswith("  the network that reads backward  ") for line in err.splitlines())
    card = run_here(["models", "show", "again"]).out
    assert "It has two networks" in card
    assert "nats per character, read backward" in card
    assert "it scores, and does not write" in run_here(["models", "show", "backward"]).out
    assert "rnncli sample" not in run_here(["models", "show", "backward"]).out
