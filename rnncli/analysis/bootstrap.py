"""How far a figure of a text may be off, had other lines of its kind been read: the bootstrap over lines.

The plain bootstrap (Efron 1979; paired, for comparisons: Koehn 2004) draws as many lines as there are, with
replacement, again and again, and must have them all. A line's count in such a draw is nearly a Poisson number of mean
1; drawn as one, line by line, nothing is kept but running sums (Chamandy et al. 2012).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnncli.analysis.interval import Interval

RESAMPLES = 1000
CONFIDENCE = 0.95
BLOCK = 64
"""Rows whose counts are drawn together. Results do not depend on it but for rounding."""
_CUMULATED = list(itertools.accumulate(math.exp(-1) / math.factorial(count) for count in range(9)))
POISSON = np.searchsorted(_CUMULATED, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float64)
"""Poisson numbers of mean 1 as 65,536 equally likely places: drawn five times as fast as by the generator."""


class Bootstrap:
    """Sums of the columns of rows over resamples of these rows. Memory does not grow with the rows."""

    def __init__(self, columns: int, *, seed: int, resamples: int = RESAMPLES) -> None:
        self.rows = 0
        self._random = np.random.default_rng(seed)
        self._sums_RC = np.zeros((resamples, columns))
        self._block: list[Sequence[float]] = []

    def add(self, row: Sequence[float]) -> None:
        self.rows += 1
        self._block.append(row)
        if len(self._block) == BLOCK:
            self._draw()

    def _draw(self) -> None:
        if self._block:
            places_BR = self._random.integers(0, len(POISSON), (len(self._block), len(self._sums_RC)), np.uint16)
            counts_BR = POISSON[places_BR]
            with np.errstate(invalid="ignore"):  # a line that cannot be at all: no interval then
                self._sums_RC += counts_BR.T @ np.array(self._block, np.float64)
        self._block = []

    def sums(self) -> NDArray[np.float64]:
        """Of each resample (R) and column (C)."""
        self._draw()
        return self._sums_RC

    def difference(self, more: int, less: int, per: int) -> Interval | None:
        """Of (column ``more`` - column ``less``) / column ``per``; None of fewer than two rows, or without end."""
        if self.rows < 2:
            return None
        sums_RC = self.sums()
        sums_RC = sums_RC[~(sums_RC[:, per] <= 0)]  # of a few rows a resample may have none
        with np.errstate(invalid="ignore"):
            values_R = (sums_RC[:, more] - sums_RC[:, less]) / sums_RC[:, per]
        if not len(values_R) or not np.isfinite(values_R).all():
            return None
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(values_R, (tail, 1 - tail)).tolist()
        return Interval(low, high)
