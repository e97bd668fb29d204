"""How far a figure may be off."""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.959963984540054
"""The normal distribution has 95 % within so many standard deviations."""


class Interval(NamedTuple):
    """From where to where."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def wilson(right: int, trials: int, z: float = Z95) -> Interval | None:
    """The score interval of a share (Wilson 1927): within 0 and 1, and fair near them. None of no trial."""
    if not trials:
        return None
    p, z2 = right / trials, z * z
    middle = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = z / (1 + z2 / trials) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials))
    return Interval(middle - reach if right else 0.0, middle + reach if right < trials else 1.0)
