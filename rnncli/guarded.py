"""Files of folders that anyone may have made: only ordinary ones are opened, and no more is read than there may be.

A pipe would be waited for, a device never ends, a link may lead to anywhere, a file of a terabyte may take a byte of
disk. What is none of the sort costs a look at its inode. Standard library only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

LONGEST_JSON, LONGEST_LOG = 4 << 20, 64 << 20
"""Bytes of config.json and its like; of a log, of which a run of a million steps has 4 MB."""
LONGEST_TOLD = 200
"""Characters of an error that come from a file."""
PIECE = 1 << 20
"""Bytes that are read at a time."""


def open_file(path: Path) -> BufferedReader:
    """An ordinary file to read; an OSError that says why where it is another thing, or a link out of its folder."""
    _check_kind(os.stat(path).st_mode, path)  # to open a device can be to do something with it
    if path.is_symlink():
        check_within(path.parent, path)
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_kind(os.fstat(number).st_mode, path)
        return open(number, "rb")
    except BaseException:
        os.close(number)
        raise


def _check_kind(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe, a device or a socket, and no file", str(path))


def size_of(file: BinaryIO, most: int) -> int:
    """Bytes of an open file; an OSError where there are more than ``most``."""
    size = os.fstat(file.fileno()).st_size
    if size > most:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than the {most:,} that it may have", file.name)
    return size


def read_file(path: Path, most: int) -> bytes:
    """All of an ordinary file of at most so many bytes."""
    with open_file(path) as file:
        size_of(file, most)
        return file.read(most)


def read_plain(path: Path, most: int) -> bytes:
    """The same of a file that holds JSON, in which no byte is 0: one that is a hole on the disk is not read through."""
    with open_file(path) as file:
        size_of(file, most)
        pieces = []
        while piece := file.read(PIECE):
            if 0 in piece:
                raise OSError(errno.EINVAL, "it is no text", str(path))
            pieces.append(piece)
    return b"".join(pieces)


def check_within(folder: Path, path: Path) -> None:
    """An OSError where ``path`` is a link, or in one, that leads out of the folder, whether or not to something."""
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return
    except RuntimeError:  # a loop of links; an OSError in later versions of Python
        pass
    raise OSError(errno.EPERM, "it is a link that leads out of the folder", str(path))


def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a ValueError where a key stands twice, of which readers take one or the other."""
    found = dict(pairs := list(pairs))
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def one_line(text: str) -> str:
    """What a file says, in one line that a person reads: it may be long, and hold anything."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:LONGEST_TOLD])


def told(error: BaseException) -> str:
    """What an error says, likewise."""
    if isinstance(error, KeyError):
        return one_line(f"it lacks {error}")
    return one_line(error.strerror if isinstance(error, OSError) and error.strerror else str(error))
