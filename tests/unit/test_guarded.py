"""Files of folders that anyone may have made: ordinary ones are read, and no more of them than there may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnncli.guarded import PIECE, check_within, open_file, read_file, read_plain, unique


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"words")
    (tmp_path / "elsewhere").write_bytes(b"secret")
    return folder


def test_an_ordinary_file_is_read(folder: Path) -> None:
    assert read_file(folder / "file", 5) == read_plain(folder / "file", 5) == b"words"
    with open_file(folder / "file") as file:
        assert file.read() == b"words"


def test_a_link_within_the_folder_is_followed_and_so_is_one_to_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("file")
    assert read_file(folder / "link", 5) == b"words"
    (tmp_path / "named").symlink_to(folder)
    assert read_file(tmp_path / "named" / "file", 5) == b"words"
    assert read_file(tmp_path / "named" / "link", 5) == b"words"


@pytest.mark.parametrize("target", ["../elsewhere", "/etc/passwd", "../folder/../elsewhere"])
def test_a_link_out_of_the_folder_is_not(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(target)
    with pytest.raises(OSError, match="leads out of the folder"):
        open_file(folder / "link")


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "loop").symlink_to("loop")
    (folder / "nothing").symlink_to("gone")
    for name, error in (("pipe", OSError), ("device", OSError), ("loop", OSError), ("nothing", FileNotFoundError)):
        with pytest.raises(error):
            open_file(folder / name)
    with pytest.raises(IsADirectoryError):
        open_file(folder)


def test_more_than_there_may_be_is_not_read(folder: Path) -> None:
    with pytest.raises(OSError, match="more than the 4 that it may have"):
        read_file(folder / "file", 4)
    os.truncate(folder / "file", 1 << 40)  # takes no place
    with pytest.raises(OSError, match="more than"):
        read_plain(folder / "file", 1 << 30)


def test_a_hole_is_no_text_and_is_not_read_through(folder: Path) -> None:
    os.truncate(folder / "file", 1 << 40)
    with pytest.raises(OSError, match="no text"):
        read_plain(folder / "file", 1 << 41)
    (folder / "file").write_bytes(b" " * PIECE + b"x")
    assert len(read_plain(folder / "file", 2 * PIECE)) == PIECE + 1


def test_what_does_not_exist_may_still_lead_out(folder: Path) -> None:
    check_within(folder, folder / "new")
    (folder / "link").symlink_to("../new")
    with pytest.raises(OSError, match="leads out"):
        check_within(folder, folder / "link")
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    check_within(folder, folder / "file")


def test_a_key_that_stands_twice_is_an_error() -> None:
    assert unique([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="twice"):
        unique([("a", 1), ("a", 1)])
