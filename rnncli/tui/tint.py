"""How a number shows as a colour: surprisal in one hue, a unit's activation in two. No Textual widgets here.

Steps grow evenly in lightness, so that they can be told apart without colour, by the colour-blind, and in the greys
that Textual makes of them under NO_COLOR.
"""

from __future__ import annotations

from bisect import bisect_right

from textual.color import Color

LIMITS = (0.5, 1, 2, 3, 4, 5.5, 7, 9, 12)
"""Bits of surprisal at which the next step begins: ten steps, closer where most tokens are."""
STEPS = len(LIMITS) + 1
STRONGEST = 0.85
"""Of the hue, mixed into the background at the last step."""

UNIT_STEPS = 6
"""Of each sign."""

DIFFERENCE_LIMITS = (0.5, 1, 2, 3.5, 5.5, 8)
"""Bits by which two surprisals differ at which the next step begins, in either direction."""
DIFFERENCE_STEPS = len(DIFFERENCE_LIMITS) + 1


def surprisal_step(bits: float) -> int:
    """0 (expected) to STEPS - 1 (not at all)."""
    return bisect_right(LIMITS, bits)


def unit_step(activation: float, reach: float = 1.0) -> int:
    """-UNIT_STEPS to UNIT_STEPS; ``reach``: the largest size expected."""
    if not reach > 0:
        return 0
    return round(max(-1.0, min(1.0, activation / reach)) * UNIT_STEPS)


def difference_step(bits: float) -> int:
    """-(DIFFERENCE_STEPS - 1) to DIFFERENCE_STEPS - 1; 0: as good as none."""
    step = bisect_right(DIFFERENCE_LIMITS, abs(bits))
    return -step if bits < 0 else step


def ramp(background: Color, hue: Color, steps: int) -> tuple[Color, ...]:
    """From the background to a hue, evenly in lightness; the first step is the background itself."""
    return tuple(background.blend(hue, STRONGEST * step / (steps - 1)) for step in range(steps))


def ink(paper: Color) -> Color:
    """Black or white, whichever is read better on it."""
    return paper.get_contrast_text(alpha=1.0)
