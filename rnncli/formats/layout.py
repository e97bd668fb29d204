"""What of the scores is written."""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """``tokens``, ``words``: each of them too. ``log_base``: of every log-probability; surprisal is in bits always.

    ``header``: whether a table begins with the names of its columns. ``columns``: the names of cells that stand beside
    each text, which its ``beside`` holds.
    """

    tokens: bool = False
    words: bool = False
    header: bool = True
    log_base: str = "e"
    columns: tuple[str, ...] = ()
