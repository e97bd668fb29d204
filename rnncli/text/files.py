"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rnncli.errors import RnncliError

_SUFFIX = ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write beside ``path``, which takes its place when all went well and is removed otherwise."""
    beside = path.with_name(f".{path.name}.{os.getpid()}{_SUFFIX}")
    try:
        beside.unlink(missing_ok=True)
        with open(beside, "xb") as file:  # never through a link that somebody put there
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, or leave what was there."""
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise RnncliError(f"cannot write {path}: {error.strerror or error}") from error


def remove_leftovers(folder: Path) -> None:
    """Delete what a process that was killed had half written here. Not while another one may be writing."""
    for path in folder.glob(f".*{_SUFFIX}"):
        path.unlink(missing_ok=True)
