"""A small curve in braille dots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_LEFT, _RIGHT = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)
"""The dots of a cell's two columns, from the bottom up."""


def curve(values: Sequence[float], cells: int) -> str:
    """The values as one row of ``cells`` characters, two points in each, four dots high."""
    known = [v for v in values if math.isfinite(v)]
    if len(known) < 2:
        return ""
    points = _resampled(known, min(2 * cells, len(known)))
    low, high = min(points), max(points)
    levels = [round(3 * (p - low) / (high - low)) if high > low else 0 for p in points]
    return "".join(
        chr(0x2800 | _LEFT[levels[i]] | (_RIGHT[levels[i + 1]] if i + 1 < len(levels) else 0))
        for i in range(0, len(levels), 2)
    )


def _resampled(values: Sequence[float], count: int) -> list[float]:
    """``count`` means of equal parts."""
    edges = [i * len(values) // count for i in range(count + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
