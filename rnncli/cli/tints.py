"""How surprising a piece of text is, shown in the text: by colours, or by marks where there are none."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Literal

from rnncli.cli.terminal import has_color, is_terminal, paint

Tint = Literal["color", "marks", "plain"]
LIMITS = (2, 5, 8, 11)
"""Bits of surprisal at which the next step begins."""
COLORS = (28, 64, 136, 166, 160)
"""Of the 256, one a step: green to red."""
MARKS = ("", "\u00b2", "\u00b3", "\u2074", "\u2075")
"""Behind a piece, one a step: superscript digits from 2 to 5."""


def tint_of_stdout() -> Tint:
    """Colours where they may be; else marks for a person, and nothing for a program."""
    if has_color("stdout"):
        return "color"
    return "marks" if is_terminal(sys.stdout) else "plain"


def tinted(text: str, bits: float, tint: Tint) -> str:
    """A piece of text that shows its surprisal."""
    return _step(text, sum(bits >= limit for limit in LIMITS), tint)


def legend(tint: Tint) -> str:
    """A line that explains the steps; empty where there are none."""
    if tint == "plain":
        return ""
    low, high = LIMITS[0], LIMITS[-1]
    names = [f"under {low}", *(f"{one} to {other}" for one, other in pairwise(LIMITS)), f"{high} or more"]
    steps = "  ".join(_step(name, number, tint) for number, name in enumerate(names))
    return f"bits of surprisal: {steps}\n"


def _step(text: str, step: int, tint: Tint) -> str:
    if tint == "color":
        return paint(text, 38, 5, COLORS[step], on=True)
    return text + MARKS[step] if tint == "marks" else text
