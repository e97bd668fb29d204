"""``python -m rnncli`` and the ``rnncli`` command."""

from __future__ import annotations

import gc
import os
import sys

from rnncli.cli.instant import answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        code = call(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are imported; all else is caught below
        code = 130
    leave(code)


def call(arguments: list[str]) -> int:
    """Do what the arguments say and return the exit code."""
    if answer(arguments):
        return 0
    # numpy's own threads are of no use here (large products run in torch) and cost 60 ms at start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Threads that wait for one another by spinning starve where the cores are shared: beside one busy process a
    # training step took 2 to 11 times as long, with this bound 4; alone it is as fast (tests/bench/RESULTS.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # What is made while modules are imported stays: to look for garbage among it, now and at the end, takes 13 ms. The
    # command imports more; what it then makes is dropped by reference count, so a look now and then is enough.
    gc.disable()
    from rnncli.cli.app import run

    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    gc.enable()
    return run(arguments)


def leave(code: int) -> NoReturn:
    """End the process with nothing unwritten, and without taking down module by module what the system frees at once.

    That would take 40 ms: a sixth of the time in which a sentence is scored.
    """
    if code == 130:
        import signal  # imported long ago, but where an import was interrupted

        signal.signal(signal.SIGINT, signal.SIG_DFL)  # asked again it ends at once, with no traceback
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105  contextlib would take longer to import than help takes to show
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, or gone: run() has told of it
    os._exit(code)


if __name__ == "__main__":
    main()
