"""Which lines pass: by bounds on a figure, or the best part of all."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.analysis.calibrate import Figure, figure
from rnncli.records import Tally, TextScore


class Bounds(NamedTuple):
    """A line passes whose figure lies strictly between; one without the figure does not."""

    by: Figure
    above: float | None = None
    below: float | None = None

    def passes(self, tally: Tally) -> bool:
        value = figure(tally, self.by)
        if value is None:
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)

    def chosen(self, scores: Iterable[TextScore]) -> Iterator[TextScore]:
        """Those that pass, each as soon as it comes."""
        return (score for score in scores if self.passes(score.tally))


def best(tallies: Iterable[Tally], by: Figure, percent: float) -> NDArray[np.bool_]:
    """For each line whether it is among the best so many per cent (rounded up); of equal ones the first.

    The best have the lowest perplexity or bits per byte, or the highest log-probability; a line without the figure
    comes last. Memory: 17 bytes a line.
    """
    sign = -1.0 if by == "logprob" else 1.0
    costs = array("d")
    for tally in tallies:
        value = figure(tally, by)
        costs.append(float("inf") if value is None else sign * value)
    values = np.frombuffer(costs) if costs else np.zeros(0)
    count = ceil(percent / 100 * len(values))
    if not count:
        return np.zeros(len(values), np.bool_)
    limit = np.partition(values, count - 1)[count - 1]
    flags: NDArray[np.bool_] = values < limit
    flags[np.flatnonzero(values == limit)[: count - int(flags.sum())]] = True
    return flags
