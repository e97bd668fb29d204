"""What each figure is: ``rnncli score --explain``."""

from __future__ import annotations

from rnncli.cli.terminal import write
from rnncli.formats.definitions import DEFINITIONS, HOW


def explain_figures() -> None:
    """Write every definition: a figure a line, then how a score comes about."""
    wide = max(map(len, DEFINITIONS))
    for name, meaning in DEFINITIONS.items():
        write(f"{name:{wide}}  {meaning}\n")
    for paragraph in HOW:
        write(f"\n{paragraph}\n")
