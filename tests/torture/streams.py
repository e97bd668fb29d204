"""A command as a process: real pipes, streams that are closed, full or gone, and a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.cli.conftest import clean_env
from tests.torture.parts import Tried
from tests.torture.shelf import STDIN_FILES, rooms
from tests.torture.verdict import fault, raw_controls
from tests.torture.wording import command_line

COMMAND = (sys.executable, "-m", "rnncli")
LONGEST = 120.0
"""Seconds that a command may take."""
WAYS = ("pipe", "pipe", "terminal", "full", "gone")
"""What standard output is: a reader, a terminal, a full disk, a reader that leaves after the first bytes."""


class Ended(NamedTuple):
    """What came of a process; ``late``: it had to be killed."""

    code: int
    out: str
    err: str
    late: bool = False


def real(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many command lines as real ones."""
    for r, room in rooms(count, seed, folder):
        arguments, way, stdin = command_line(r), r.choice(WAYS), r.choice(STDIN_FILES)
        what = _judged(arguments, way, start(arguments, room / "work", way, stdin))
        yield Tried(f"{what} -- {arguments!a}, stdout: {way}, stdin: {stdin!a}" if what else "")


def _judged(arguments: Sequence[str], way: str, ended: Ended) -> str:
    if ended.late:
        return f"it took longer than {LONGEST:.0f} s"
    if way == "terminal" and (raw := raw_controls(ended.out)):
        return f"{raw!a} raw on the terminal: {ended.out[-300:]!a}"
    return fault(arguments, ended.code, ended.out if way == "pipe" else "", ended.err)


def start(arguments: Sequence[str], work: Path, way: str, stdin: str | None) -> Ended:
    """Run a command in a folder, a file of it piped in; None: standard input is closed."""
    command = [*COMMAND, *arguments]
    env = clean_env(
        {"HOME": str(work), "XDG_STATE_HOME": str(work), "TMPDIR": str(work), "PYTHONDONTWRITEBYTECODE": "1"}
    )
    if stdin is None:
        command = ["bash", "-c", 'exec "$@" <&-', "bash", *command]
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(open(work / (stdin or os.devnull), "rb"))
        if way == "terminal":
            return on_terminal(command, work, env, stdin=given.fileno(), err=subprocess.PIPE)
        out = stack.enter_context(open("/dev/full", "wb")) if way == "full" else subprocess.PIPE
        child = subprocess.Popen(command, cwd=work, env=env, stdin=given, stdout=out, stderr=subprocess.PIPE)
        if way == "gone":
            assert child.stdout is not None
            child.stdout.read(1)
            child.stdout.close()
            child.stdout = None
        return _finished(child)


def _finished(child: subprocess.Popen[bytes]) -> Ended:
    try:
        out, err = child.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        return Ended(child.returncode, "", err.decode("utf-8", "replace"), late=True)
    return Ended(
        child.returncode, (out or b"").decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape")
    )


def on_terminal(
    command: Sequence[str], work: Path, env: dict[str, str], *, stdin: int | None = None, err: int | None = None
) -> Ended:
    """The same with a terminal as standard output, and as what is not given."""
    leader, follower = pty.openpty()
    tty.setraw(leader)  # what is written comes as it is
    given = follower if stdin is None else stdin
    child = subprocess.Popen(command, cwd=work, env=env, stdin=given, stdout=follower, stderr=err or follower)
    os.close(follower)
    ends = {leader: b""}
    if child.stderr is not None:
        ends[child.stderr.fileno()] = b""
    until = time.monotonic() + LONGEST
    left = set(ends)
    while left and time.monotonic() < until:
        for end in select.select(list(left), [], [], 1.0)[0]:
            piece = b""
            with contextlib.suppress(OSError):  # the other side is closed
                piece = os.read(end, 65536)
            ends[end] += piece
            left -= set() if piece else {end}
    late = bool(left)
    if late:
        child.kill()
    code = child.wait(LONGEST)
    os.close(leader)
    shown = ends.pop(leader)
    if child.stderr is not None:
        child.stderr.close()
    told = next(iter(ends.values()), b"")
    return Ended(code, shown.decode("utf-8", "surrogateescape"), told.decode("utf-8", "surrogateescape"), late)
