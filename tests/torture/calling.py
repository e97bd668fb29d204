"""A call of the command line in a forked process, under limits, with all that can be seen of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_SECONDS = 60
"""Of wall-clock time, on a machine that others use, too: then it hangs."""
MOST_CPU = 20
"""Seconds of processor time: then it runs away."""
ADDRESS_SPACE = 4 << 30
"""Bytes beyond what the parent has: a backstop."""


@dataclass(frozen=True)
class Outcome:
    """What came of a call. ``code``: None where it was killed by ``signal``."""

    code: int | None
    signal: int
    out: str
    err: str
    raw: str
    """What reached the process's own streams past Python's."""
    cpu: float
    grown: float
    """MB of memory at its largest, beyond what it began with."""


def run_forked(arguments: Sequence[str], folder: Path, before: Callable[[], None] | None = None) -> Outcome:
    """``rnncli ARGUMENTS`` in ``folder``; ``before`` is called in the process first."""
    told, raw = folder / ".told", folder / ".raw"
    told.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, from Python 3.12 on
        child = os.fork()
    if not child:
        code = 70
        with contextlib.suppress(BaseException):
            _in_the_child(arguments, folder, told, raw, before)
            code = 0
        os._exit(code)
    _, status, usage = os.wait4(child, 0)
    cpu = usage.ru_utime + usage.ru_stime
    said = raw.read_bytes().decode("utf-8", "replace")
    if os.WIFSIGNALED(status) or not told.exists():
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return Outcome(None, number, "", "", said, cpu, 0.0)
    found = json.loads(told.read_bytes())
    return Outcome(found["code"], 0, found["out"], found["err"], said, cpu, found["grown"])


def _in_the_child(
    arguments: Sequence[str], folder: Path, told: Path, raw: Path, before: Callable[[], None] | None
) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(MOST_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    nothing, streams = os.open(os.devnull, os.O_RDONLY), os.open(raw, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, to in ((0, nothing), (1, streams), (2, streams)):
        os.dup2(to, number)
    os.chdir(folder)
    if before is not None:
        before()
    from tests.cli.conftest import run_here

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    begun = _memory("VmHWM")
    result = run_here(list(arguments))
    grown = _memory("VmHWM") - begun
    sys.stdout.flush()
    told.write_text(json.dumps({"code": result.code, "out": result.out, "err": result.err, "grown": grown}))


def _memory(key: str) -> float:
    """MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
