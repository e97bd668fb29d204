"""Random command lines, thousands in this process and some as real ones with real pipes and terminals.

Each is tried in a folder that is made anew, with what can be named in it. As much as is asked for is done, so what
says how much (``-n``, ``--steps``, sizes of networks) is never asked for a lot.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.cli.conftest import Result, run_here
from tests.torture.parts import Tried
from tests.torture.shelf import STDIN_FILES, rooms
from tests.torture.verdict import fault
from tests.torture.wording import command_line

LONGEST = 60
"""Seconds that a command may take here."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_TWO = ("os.rename", "os.link")
_CHANGES = (*_TWO, "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod")
_REACHES = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
_NOWHERE = ("/dev/null", "/dev/full", "/dev/tty")


class TooLongError(BaseException):
    """A command took longer than any may."""


def here(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many command lines, one after the other, in this process."""
    for r, room in rooms(count, seed, folder):
        arguments = command_line(r)
        with inside(room, r.choice(STDIN_FILES)) as watch:
            what = _try(arguments)
        what = what or "; ".join(watch.found)
        yield Tried(f"{what} -- {arguments!a}" if what else "")


def _try(arguments: list[str]) -> str:
    try:
        with warnings.catch_warnings(), _timed():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")
            done = run_here(arguments)
    except TooLongError:
        return f"it took longer than {LONGEST} s"
    return judged(arguments, done)


def judged(arguments: list[str], done: Result) -> str:
    """What is wrong with a call, if anything."""
    return fault(arguments, done.code, done.out, done.err)


@contextlib.contextmanager
def _timed() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Watch:
    """What this process opens for writing, or changes, outside a folder; and what it connects to."""

    def __init__(self) -> None:
        self.room: str | None = None
        self.found: list[str] = []

    def __call__(self, event: str, values: tuple[Any, ...]) -> None:
        if self.room is None:
            return
        if (event == "open" and _is_for_writing(*values)) or (event in _CHANGES and not _is_relative(event, values)):
            for path in values[:2] if event in _TWO else values[:1]:
                self._look(event, path)
        elif event in _REACHES:
            self.found.append(f"{event} {values!a:.200}")

    def _look(self, event: str, path: Any) -> None:
        where = os.path.realpath(os.fsdecode(path))
        if f"{where}/".startswith(f"{self.room}/") or where in _NOWHERE:
            return
        self.found.append(f"{event} {where!a}, outside the folder")


def _is_for_writing(path: Any, mode: str | None, flags: int) -> bool:
    return bool(flags & _WRITES) and not isinstance(path, int)


def _is_relative(event: str, values: tuple[Any, ...]) -> bool:
    """Whether the name is looked up in a folder that is open: rmtree does so, once it has found the folder."""
    return event != "os.truncate" and values[-1] >= 0


WATCH = Watch()


@contextlib.contextmanager
def inside(room: Path, stdin: str | None) -> Iterator[Watch]:
    """The process in the work folder of a room, with a home and a place for temporary files there."""
    if WATCH.room is None and not hasattr(sys, "_rnncli_watched"):
        sys.addaudithook(WATCH)
        sys._rnncli_watched = True  # type: ignore[attr-defined]
    before, place, dont = dict(os.environ), os.getcwd(), sys.dont_write_bytecode
    temporary, stream = tempfile.tempdir, sys.stdin
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNCLI_MODEL", "RNNCLI_ENGINE", "COLUMNS"):
        os.environ.pop(name, None)
    os.environ |= {"HOME": str(room), "XDG_STATE_HOME": str(room / "state"), "TMPDIR": str(room)}
    os.chdir(room / "work")
    tempfile.tempdir, sys.dont_write_bytecode = str(room), True
    WATCH.room, WATCH.found = os.path.realpath(room), []
    try:
        with contextlib.ExitStack() as stack:
            sys.stdin = None
            if stdin is not None:
                sys.stdin = io.TextIOWrapper(stack.enter_context(open(stdin, "rb")))
            yield WATCH
    finally:
        WATCH.room = None
        sys.stdin, tempfile.tempdir, sys.dont_write_bytecode = stream, temporary, dont
        os.chdir(place)
        os.environ.clear()
        os.environ |= before
