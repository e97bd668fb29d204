"""Files and models whose names are no text, or would steer a terminal."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from rnncli.store import read_json, write_json
from tests.cli.conftest import run_here
from tests.cli.test_streams import on_terminal

SMALL = ["--hidden-size", "8", "--embedding-size", "8", "--layers", "1", "--vocab-size", "30", "--threads", "1", "-q"]


def test_a_corpus_whose_name_is_no_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"\xffodd.txt")
    Path(name).write_text("the cat sat on the mat\n" * 40)
    assert run_here(["train", name, "--steps", "2", "--name", "odd", *SMALL])[::2] == (0, "")
    assert run_here(["train", "--resume", "odd", "--steps", "3", "--threads", "1", "-q"])[::2] == (0, "")
    assert read_json(tmp_path / "models" / "odd" / "training" / "run.json")["corpora"] == [str(tmp_path / name)]
    listed = json.loads(run_here(["models", "list", "--json"]).out.splitlines()[0])
    assert listed["corpus"] == ["\ufffdodd.txt"]


def test_a_model_in_a_folder_whose_name_is_no_utf8(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"m\xff\x1b[1m")
    shutil.copytree(tiny_model, name)
    Path("text.txt").write_text("Anna saw the moon.\n")
    found = [run_here(["score", "-m", model, "text.txt", "--total"]) for model in (name, str(tiny_model))]
    assert [one.code for one in found] == [0, 0]
    assert found[0].out == found[1].out


def test_json_keeps_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"name": "a\udcff\u6625"})
    assert (tmp_path / "x.json").read_bytes() == '{\n  "name": "a\\udcff\u6625"\n}\n'.encode()
    assert read_json(tmp_path / "x.json") == {"name": "a\udcff\u6625"}


def test_a_question_cannot_steer_the_terminal(tmp_path: Path) -> None:
    code, shown = on_terminal(["models", "remove", "a\x1b[2J\u202e"], tmp_path, b"n\n")
    assert code == 1
    assert "Delete the model a\u241b[2J<U+202E> for good? [y/N]" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
