"""A save that breaks off anywhere leaves a folder that loads, with the old weights or the new ones."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rnncli.errors import ModelError, WriteError
from rnncli.graph.saving import Part, graph_of, save_model, settle
from rnncli.store import CONFIG, GRAPH, NEXT, WEIGHTS, open_folder, vouch_for
from rnncli.text.files import remove_leftovers, replacing, write_bytes
from tests.folders import make_folder
from tests.torture.seams import NAMES, Act, at_operations

OPERATIONS = 10
"""At least so many are made on files by a save."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "model", seed=1)


def save_again(folder: Path) -> None:
    """Other weights."""
    stored = open_folder(folder)
    arrays = {name: array + np.float32(1) for name, array in stored.arrays.items()}
    save_model(folder, {"forward": Part(stored.model, arrays)}, {**stored.config, "note": "new"})


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, Act], None]]:
    """Has a test told of operations on files, and puts back afterwards what that takes."""
    for name in NAMES:
        monkeypatch.setattr(os, name, getattr(os, name))
    monkeypatch.setattr("builtins.open", open)
    monkeypatch.setattr("io.open", open)
    yield at_operations
    monkeypatch.undo()


@pytest.mark.parametrize("upgraded", [False, True])
def test_a_kill_anywhere_leaves_a_folder_that_loads(
    folder: Path, upgraded: bool, watched: Callable[[Path, Act], None]
) -> None:
    if upgraded:  # the graph becomes another one
        (folder / GRAPH).write_bytes(b"an older version's")
        vouch_for(folder, GRAPH)
    old, copies, found = open_folder(folder).fingerprint, list[Path](), []
    watched(folder, lambda number, name: copies.append(shutil.copytree(folder, folder.parent / f"copy{number}")))
    save_again(folder)
    for copy in copies:
        stored = open_folder(copy, patience=0)
        found.append(stored.fingerprint)
        assert stored.config.get("note") == ("new" if stored.fingerprint != old else None)
        remove_leftovers(copy)
        settle(copy)
        assert open_folder(copy, patience=0).fingerprint == stored.fingerprint
        assert [path.name for path in copy.glob(".*")] == []
    new = open_folder(folder, patience=0).fingerprint
    assert new != old
    assert len(found) >= OPERATIONS
    assert set(found) == {old, new}
    assert found == sorted(found, key=[old, new].index)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("when", range(1, OPERATIONS + 1))
def test_an_error_anywhere_leaves_a_folder_that_loads_and_names_the_file(
    folder: Path, number: int, when: int, watched: Callable[[Path, Act], None]
) -> None:
    def act(at: int, name: str) -> None:
        if at == when:
            raise OSError(number, os.strerror(number))

    watched(folder, act)
    with pytest.raises(WriteError) as caught:
        save_again(folder)
    assert caught.value.message.startswith(f"cannot write {folder}/")
    assert caught.value.message.endswith(f": {os.strerror(number)}")
    assert caught.value.hint is not None
    open_folder(folder, patience=0)
    assert [path.name for path in folder.glob(".*.tmp")] == []


def test_a_whole_config_that_does_not_fit_is_not_taken(folder: Path) -> None:
    config = (folder / CONFIG).read_text()
    (folder / NEXT).write_text(config.replace(open_folder(folder).fingerprint, "0" * 64))
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="vouches for"):
        open_folder(folder, patience=0)
    for harmed in ("", "[]", "{"):
        (folder / NEXT).write_text(harmed)
        with pytest.raises(ModelError, match="vouches for"):
            open_folder(folder, patience=0)


def test_a_reader_makes_no_graph_for_a_folder_that_is_being_saved(folder: Path) -> None:
    config = (folder / CONFIG).read_bytes()
    (folder / GRAPH).unlink()
    (folder / NEXT).write_bytes(config)
    data = graph_of(open_folder(folder))
    assert not (folder / GRAPH).exists()
    (folder / NEXT).unlink()
    assert graph_of(open_folder(folder)) == data
    assert (folder / GRAPH).read_bytes() == data


def test_an_error_of_what_is_written_is_not_one_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="corpus"), replacing(tmp_path / "ids"):
        raise FileNotFoundError(errno.ENOENT, "no such corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named_with_the_reason_and_the_cure(tmp_path: Path) -> None:
    with pytest.raises(WriteError) as caught:
        write_bytes(tmp_path / "gone" / "file", b"")
    assert caught.value.message == f"cannot write {tmp_path}/gone/file: No such file or directory"
    assert caught.value.hint == "Leave the folder in its place."
