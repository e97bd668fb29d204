"""The weight of the log-probability that makes the fewest errors on a list where they are known.

The search is exact (Och 2003, "Minimum error rate training"). A candidate's combined score is a straight line over
the weight, so which of a group is best changes at a few weights only: where the upper envelope of its lines has a
corner. Between corners of all groups the sum of errors is constant.

Weights from 0 up are looked at. The best interval is the one with the fewest errors; of several the widest, then the
one of the smallest weights; neighbours with the same errors are one. The weight is its middle, or where that is a
corner the middle of the widest piece of the interval without one. An interval without an end counts as ending at
twice its beginning, or at 2 where it begins at 0: where no weight changes anything, the weight is 1. Weight 0 itself,
where candidates that tie go by their order, is chosen only if no interval is as good.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from rnncli.analysis.nbest import Scored, best

CLOSE = 1e-9
"""Relative distance from a corner within which rounding could choose either candidate: corners so close are one."""


class Fit(NamedTuple):
    """The weight, and the sum of errors with it, with weight 0, and of the best candidates that there are.

    From ``low`` to ``high`` the errors are the same; ``high`` is None where there is no end.
    """

    weight: float
    low: float
    high: float | None
    errors: float
    errors_without: float
    errors_oracle: float
    groups: int
    candidates: int


class _Interval(NamedTuple):
    low: float
    high: float
    errors: Fraction

    @property
    def end(self) -> float:
        return self.high if math.isfinite(self.high) else 2 * self.low or 2.0


def fit(groups: Iterable[Iterable[Scored]]) -> Fit:
    """The best weight. Of each group only the corners of its envelope are kept."""
    changes: dict[float, Fraction] = {}
    without = oracle = Fraction(0)
    count = candidates = 0
    for members in map(list, groups):
        count, candidates = count + 1, candidates + len(members)
        without += _errors(best(members, 0.0).errors)
        oracle += min(_errors(one.candidate.errors) for one in members)
        before = Fraction(0)
        for weight, one in envelope(members):
            errors = _errors(one.candidate.errors)
            changes[weight] = changes.get(weight, Fraction(0)) + errors - before
            before = errors
    changes = _merged(changes)
    found = min(_intervals(changes), key=lambda one: (one.errors, one.low - one.end, one.low))
    weight = _middle(found, sorted(changes))
    if without < found.errors:
        found, weight = _Interval(0.0, 0.0, without), 0.0
    high = found.high if math.isfinite(found.high) else None
    return Fit(weight, found.low, high, float(found.errors), float(without), float(oracle), count, candidates)


def _errors(errors: float | None) -> Fraction:
    """Exact, so that sums which are equal are seen to be."""
    assert errors is not None
    return Fraction(errors)


def envelope(members: Sequence[Scored]) -> Iterator[tuple[float, Scored]]:
    """The candidates that are best at some weights above 0, each with the weight from which on it is."""
    lines = [one for one in members if math.isfinite(one.logprob)] or list(members[:1])
    now, since = max(lines, key=lambda one: (one.candidate.other, one.logprob)), 0.0
    while math.isfinite(since):
        yield since, now
        lines = [one for one in lines if one.logprob > now.logprob]
        if not lines:
            return
        met = [((now.candidate.other - one.candidate.other) / (one.logprob - now.logprob), one) for one in lines]
        since, now = min(met, key=lambda pair: (pair[0], -pair[1].logprob))


def _merged(changes: dict[float, Fraction]) -> dict[float, Fraction]:
    """Corners that only rounding tells apart as one: no interval between them is real."""
    merged: dict[float, Fraction] = {}
    kept = 0.0
    for corner in sorted(changes):
        kept = corner if corner - kept > CLOSE * corner else kept
        merged[kept] = merged.get(kept, Fraction(0)) + changes[corner]
    return merged


def _intervals(changes: dict[float, Fraction]) -> Iterator[_Interval]:
    """From 0 on, each as long as the sum of errors stays the same."""
    corners = sorted(changes)
    low, errors = 0.0, changes[corners[0]]
    for corner in corners[1:]:
        if changes[corner]:
            yield _Interval(low, corner, errors)
            low, errors = corner, errors + changes[corner]
    yield _Interval(low, math.inf, errors)


def _middle(interval: _Interval, corners: Sequence[float]) -> float:
    middle = (interval.low + interval.end) / 2
    inner = [corner for corner in corners if interval.low < corner < interval.end]
    if all(abs(corner - middle) > CLOSE * middle for corner in inner):
        return middle
    bounds = [interval.low, *inner, interval.end]
    low, high = max(pairwise(bounds), key=lambda piece: piece[1] - piece[0])
    return (low + high) / 2
