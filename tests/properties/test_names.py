"""No name leads out of models/: not one that a model is given, nor one by which it is looked up, shown or removed."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli import library
from rnncli.errors import ConfigError, ModelError
from tests.cli.conftest import run_here

PIECES = ["..", ".", "/", "\\", "a", "models", "~", "$HOME", " ", "\x00", "\n", "\x1b[2J", "\u202e", "con", "C:"]
ODD = ["CON", "nul.txt", "aux ", "com1", "LPT9.x", "con .a", "a.", "a ", "a:b", "a*", "x" * 300, "字" * 90]
STEERING = {chr(code) for code in (*range(10), *range(11, 32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), 0x2066)}
"""Characters by which a line would do more than show."""
names = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.text(max_size=12),
    st.text(st.characters(codec="utf-8", categories=("Cc", "Cf", "Zl", "Zp", "Co")), max_size=4),
    st.sampled_from(
        ["CON", "nul.txt", "aux ", "com1", "LPT9.x", "con .a", "a.", "a ", "a:b", "a*", "x" * 300, "字" * 90]
    ),
)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with models/, in one that holds models, too, with a secret in each."""
    outer = tmp_path_factory.mktemp("outer")
    for folder in (outer / "a", outer / "inner" / "models" / "good", outer / "inner" / "a"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"format": 1, "parts": []}))
    before = Path.cwd()
    os.chdir(outer / "inner")
    yield outer
    os.chdir(before)


def everything(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@settings(max_examples=500, deadline=None)
@given(name=names)
def test_a_name_that_is_taken_is_a_folder_in_models_on_any_system(around: Path, name: str) -> None:
    try:
        folder = library.new_folder(["text.txt"], name=name)
    except ConfigError:
        return
    assert folder.parent == library.MODELS
    assert folder.resolve().parent == library.MODELS.resolve()
    assert name.isprintable()
    assert not any(unicodedata.bidirectional(char) in ("RLO", "LRO", "RLE", "LRE", "PDF") for char in name)
    there = PureWindowsPath(name)
    assert not there.is_absolute()
    assert there.parts == (name,)
    assert not there.is_reserved()
    assert name == name.rstrip(". ")
    assert len(os.fsencode(name)) <= 255


@settings(max_examples=300, deadline=None)
@given(name=names)
def test_a_name_that_is_looked_up_is_in_models_or_is_a_folder_that_was_given(around: Path, name: str) -> None:
    for look in (library.resolve, library.find_run):
        try:
            folder = look(name)
        except ModelError:
            continue
        inside = folder.resolve().parent == library.MODELS.resolve() and "/" not in name
        assert inside or folder == Path(name)  # as given: not looked up in models/


@settings(max_examples=150, deadline=None)
@given(name=names.filter(lambda name: not name.startswith("-")))
def test_what_is_shown_and_removed_is_what_was_given(around: Path, name: str) -> None:
    """Nothing is gone, and what is refused is refused in a line and a hint."""
    before = everything(around)
    for words in (["models", "show", name], ["models", "path", name], ["train", "--resume", name]):
        result = run_here(words)
        if result.code:
            assert result.code in (2, 3), (words, result)
            assert len(result.err.splitlines()) == 2, (words, result)
            assert not set(result.err) & STEERING
    try:
        same = Path(name).resolve() in [around / "a", around / "inner" / "a", around / "inner" / "models" / "good"]
    except ValueError:
        same = False
    if not same and name != "good":  # a model's own folder, given as such, may be removed
        result = run_here(["models", "remove", "--yes", name])
        assert result.code in (2, 3), (name, result)
        assert len(result.err.splitlines()) == 2
    assert everything(around) == before
