"""``python -m rnncli`` and the ``rnncli`` command."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # numpy's own threads are of no use here (large products run in torch) and cost 60 ms at start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rnncli.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
