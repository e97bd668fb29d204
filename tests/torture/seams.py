"""Every operation on a run's files, counted from within its process, and something done at one of them.

What is counted: a file opened to be written, each write, fsync, rename, removal, a folder made. So an attempt can be
told to die, or to find the disk full, at the 17th of them, and does so again when it is repeated.
"""

from __future__ import annotations

import builtins
import io
import mmap
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

Act = Callable[[int, str], None]
"""Told of the number of an operation, from 1, and of its name, before it is done; may raise, or not come back."""

NAMES = ("replace", "rename", "fsync", "unlink", "rmdir", "mkdir")


class Counter:
    """A number that this process and those forked from it share."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return int.from_bytes(self._shared[:8], "little")

    @value.setter
    def value(self, value: int) -> None:
        self._shared[:8] = value.to_bytes(8, "little")


class _Written:
    """A file that tells of each write."""

    def __init__(self, file: Any, tell: Callable[[str], None]) -> None:
        self._file, self._tell = file, tell

    def write(self, data: Any) -> Any:
        self._tell("write")
        return self._file.write(data)

    def __enter__(self) -> _Written:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._file.__exit__(*error)

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def at_operations(folder: Path, act: Act) -> None:
    """From now on ``act`` is told of this process's operations on files under ``folder``."""
    count, begin = 0, str(folder)

    def tell(name: str, path: Any) -> None:
        nonlocal count
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        if os.fspath(path).startswith(begin):
            count += 1
            act(count, name)

    def told(name: str, original: Any) -> Any:
        def call(path: Any, *rest: Any, **named: Any) -> Any:
            tell(name, path)
            return original(path, *rest, **named)

        return call

    plain: Any = builtins.open

    def opened(path: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if isinstance(path, int) or not set("wax+") & set(mode) or not os.fspath(path).startswith(begin):
            return plain(path, mode, *rest, **named)
        tell("open", path)
        return _Written(plain(path, mode, *rest, **named), lambda name: tell(name, path))

    for name in NAMES:
        setattr(os, name, told(name, getattr(os, name)))
    for module in (builtins, io):
        setattr(module, "open", opened)  # noqa: B010


def counting(folder: Path, counter: Counter) -> Callable[[], None]:
    """Done in a child: its operations are counted."""

    def act(number: int, name: str) -> None:
        counter.value = number

    return lambda: at_operations(folder, act)


def dying(folder: Path, when: int) -> Callable[[], None]:
    """Done in a child: it is killed at the operation of that number."""

    def act(number: int, name: str) -> None:
        if number == when:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: at_operations(folder, act)


def failing(folder: Path, when: int, errno: int, *, from_then_on: bool) -> Callable[[], None]:
    """Done in a child: its operation of that number fails, or all from there on."""

    def act(number: int, name: str) -> None:
        if number == when or (from_then_on and number > when):
            raise OSError(errno, os.strerror(errno))

    return lambda: at_operations(folder, act)
