"""The whole path on a real, tiny model: train, score, sample, stop, resume; and what bad input gives."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, clean_env, run_here

REAL = [sys.executable, "-m", "rnncli"]
SMALL = ["--hidden-size", "16", "--layers", "1", "--vocab-size", "40", "--device", "cpu", "--threads", "1"]
Inside = Callable[..., Result]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The real command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNCLI_MODEL", "RNNCLI_ENGINE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Result:
        return run_here(arguments)

    return call


def last(out: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(out.splitlines()[-1])
    return record


def test_through_real_pipes(tmp_path: Path, tiny_model: Path) -> None:
    script = f"""
    rnncli() {{ {shlex.join(REAL)} "$@"; }}
    export RNNCLI_MODEL={shlex.quote(str(tiny_model))}
    printf 'Anna saw the moon.\\n\\n' | rnncli score --json > scores || exit 1
    rnncli sample Anna -n 4 --count 300 | head -1 > sampled
    echo "${{PIPESTATUS[*]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, cwd=tmp_path, env=clean_env(), timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == (b"141 0\n", b"")
    assert [json.loads(line)["words"] for line in (tmp_path / "scores").read_text().splitlines()] == [4, 0]
    assert (tmp_path / "sampled").read_bytes().startswith(b"Anna")


def test_done_and_score_agree(inside: Inside, tiny_corpus: Path) -> None:
    for unit, context in (("stream", "file"), ("lines", "line")):
        code, out, _ = inside(
            "train", str(tiny_corpus), "--unit", unit, "--steps", "12", "--name", unit, "--json", *SMALL
        )
        assert code == 0
        done = last(out)
        code, valid, _ = inside("corpora", "show", unit, "--valid")
        assert code == 0
        Path("valid.txt").write_text(valid)
        code, out, _ = inside("score", "-m", unit, "--total", "--context", context, "--json", "valid.txt")
        total = last(out)
        for figure in ("nats_per_char", "bits_per_byte", "perplexity"):
            assert total[figure] == pytest.approx(done["valid"][figure], abs=1e-4, rel=1e-4)
        assert total["definition"]["context"] == context
    code, out, _ = inside("sample", "-m", "lines", "--count", "4", "-n", "30", "--seed", "1")
    assert (code, out.count("\n")) == (0, 4)


def test_folded_capitals_have_figures_per_word_only(inside: Inside, tiny_corpus: Path) -> None:
    code, out, _ = inside("train", str(tiny_corpus), "--lowercase", "--steps", "3", "--name", "low", "--json", *SMALL)
    done = last(out)
    assert (code, done["valid"]["nats_per_char"], done["ngram_nats_per_char"]) == (0, None, None)
    assert done["valid"]["perplexity"] > 1
    code, out, _ = inside("score", "-m", "low", "--total", "--json", str(tiny_corpus))
    total = last(out)
    assert (code, total["bits_per_byte"]) == (0, None)
    assert (total["definition"]["lowercase"], total["definition"]["lossless"]) == (True, False)
    assert "nats per character" not in Path("models/low/README.md").read_text()


def test_stop_and_resume(tmp_path: Path, tiny_corpus: Path) -> None:
    arguments = [*REAL, "train", str(tiny_corpus), "--steps", "20000", "--name", "x", "--json", *SMALL]
    child = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=clean_env(), text=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line)["event"] == "step":
            break
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err.startswith("rnncli: stopping: this step is finished and saved first")
    stopped = last(out)
    assert (stopped["event"], stopped["reason"]) == ("done", "interrupted")
    more = subprocess.run(
        [*REAL, "train", "--resume", "x", "--steps", str(stopped["steps"] + 3), "--json"],
        capture_output=True, cwd=tmp_path, env=clean_env(), timeout=120, check=True, text=True,
    )  # fmt: skip
    events = [json.loads(line) for line in more.stdout.splitlines()]
    assert [e["step"] for e in events if e["event"] == "step"] == [stopped["steps"] + i for i in (1, 2, 3)]


BAD = {
    "empty.txt": b"",
    "one.txt": b"a",
    "blank.txt": b"\n\n  \n\n",
    "short.txt": b"two words",
    "binary.txt": bytes(range(256)) * 40,
    "latin.txt": "d\u00e9j\u00e0 vu\n".encode("latin-1") * 50,
}


@pytest.mark.parametrize("name", [*BAD, "missing.txt", "folder"])
def test_a_bad_corpus_is_one_line_exit_4_and_no_folder(inside: Inside, tmp_path: Path, name: str) -> None:
    if name == "folder":
        (tmp_path / name).mkdir()
    elif name in BAD:
        (tmp_path / name).write_bytes(BAD[name])
    unit = ["--unit", "lines"] if name == "short.txt" else []
    code, out, err = inside("train", name, "--steps", "2", *unit, *SMALL)
    problem = next(line for line in err.splitlines() if line.startswith("rnncli: error: "))
    assert (code, out) == (4, ""), err
    assert any(word in problem for word in (name.split(".")[0], "text", "corpus"))
    assert len(err.splitlines()) - err.splitlines().index(problem) <= 2
    assert not left_behind(tmp_path)


def left_behind(folder: Path) -> list[Path]:
    return list((folder / "models").glob("*"))


def test_bad_settings_are_one_line_and_no_folder(inside: Inside, tmp_path: Path, tiny_corpus: Path) -> None:
    for arguments, code, words in (
        (["--device", "cuda"], 2, "cuda"),
        (["--hidden-size", "32768", "--layers", "32"], 2, "memory"),
        (["--resume", "nothing"], 3, "nothing"),
        (["--from", "nothing"], 3, "nothing"),
        (["--valid", "missing.txt"], 4, "missing.txt"),
        (["--valid", "1.5"], 2, "--valid"),
        (["--encoding", "klingon"], 2, "klingon"),
        (["--precision", "fp16"], 2, "fp16"),
        (["--threads", "0"], 2, "--threads"),
        (["--tokenizer", "word", "--vocab-size", "0"], 2, "--vocab-size"),
    ):
        corpus = [] if "--resume" in arguments else [str(tiny_corpus)]
        result = inside("train", *corpus, "--steps", "2", *arguments)
        assert (result.code, result.out) == (code, ""), (arguments, result.err)
        problem = next(line for line in result.err.splitlines() if line.startswith("rnncli: error: "))
        assert words in problem
        assert not left_behind(tmp_path), arguments


def test_names_and_folders_that_are_taken(inside: Inside, tmp_path: Path, tiny_corpus: Path) -> None:
    train = ("train", str(tiny_corpus), "--steps", "2", *SMALL)
    assert inside(*train, "--name", "x").code == 0
    before = (tmp_path / "models" / "x" / "config.json").read_bytes()
    code, _, err = inside(*train, "--name", "x")
    assert (code, err.splitlines()[0]) == (2, "rnncli: error: the model x exists")
    assert (tmp_path / "models" / "x" / "config.json").read_bytes() == before
    assert inside(*train, "--name", "x", "--overwrite").code == 0
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        result = inside(*train, "--out", out)
        assert result.code in (1, 2)
        assert "rnncli: error: " in result.err
    code, _, err = inside("train", "--resume", "x", "--steps", "4", "--hidden-size", "99")
    assert (code, "--hidden-size" in err) == (2, True)


def test_a_broken_model_folder_is_refused(inside: Inside, tiny_model: Path, tmp_path: Path) -> None:
    harms: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("model.safetensors", lambda data: data[:-1]),
        ("config.json", lambda data: data[:50]),
        ("config.json", lambda data: data.replace(b'"format": 1', b'"format": 99')),
    )
    for file, harm in harms:
        folder = tmp_path / "broken"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tiny_model, folder)
        (folder / file).write_bytes(harm((folder / file).read_bytes()))
        code, out, err = inside("sample", "-m", str(folder), "-n", "1")
        assert (code, out) == (3, "")
        assert file in err.splitlines()[0]
        assert len(err.splitlines()) == 2
