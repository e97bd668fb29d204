"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rnncli.errors import WriteError

_SUFFIX = ".tmp"
_CURES = {
    errno.ENOSPC: "Free some space on that disk",
    errno.EDQUOT: "Free some of the space that you may use there",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "Make the disk writable",
    errno.EACCES: "Make the folder writable",
    errno.EPERM: "Make the folder writable",
    errno.EIO: "Look after that disk: it fails",
    errno.ENOENT: "Leave the folder in its place",
}


class Written:
    """A file that is being written: its errors are WriteErrors that name ``path``, which may be another place."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path

    def write(self, data: Any) -> None:
        """All of ``data``."""
        with naming(self._path):
            self._file.write(data)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A WriteError in the place of an OSError: it names the file, the reason and the cure."""
    try:
        yield
    except OSError as error:
        cure = _CURES.get(error.errno or 0)
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}", hint=None if cure is None else f"{cure}."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Written]:
    """A file to write beside ``path``, which takes its place when all went well and is removed otherwise.

    A WriteError where it cannot be written. Once it is in its place it is there to stay, should the power fail.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{_SUFFIX}")
    with naming(path):
        beside.unlink(missing_ok=True)
        # Never through a link that somebody put there.
        file = open(beside, "xb")  # noqa: SIM115  an error of the body's own must not pass for one of this file
    try:
        yield Written(file, path)
        with naming(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(beside, path)
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # to close it is to write what is left of it
            file.close()
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, or leave what was there; a WriteError where it cannot be."""
    with replacing(path) as file:
        file.write(data)


def put(beside: Path, path: Path) -> None:
    """Have a whole file take the place of ``path``."""
    with naming(path):
        os.replace(beside, path)
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder written, too, where a system can do that to a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows; or one that may be written to and not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Delete what a process that was killed had half written here. Not while another one may be writing."""
    for path in folder.glob(f".*{_SUFFIX}"):
        path.unlink(missing_ok=True)
