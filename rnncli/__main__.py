"""``python -m rnncli`` and the ``rnncli`` command."""

from __future__ import annotations

import gc
import os
import sys

from rnncli.cli.instant import answer


def main() -> None:
    """Run the command line and exit with its code."""
    if answer(sys.argv[1:]):
        sys.exit(0)
    # numpy's own threads are of no use here (large products run in torch) and cost 60 ms at start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Threads that wait for one another by spinning starve where the cores are shared: beside one busy process a
    # training step took 2 to 11 times as long, with this bound 4; alone it is as fast (tests/bench/RESULTS.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # What is made while modules are imported stays: to look for garbage among it, now and at the end, takes 13 ms.
    gc.disable()
    from rnncli.cli.app import run

    gc.freeze()
    gc.enable()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
