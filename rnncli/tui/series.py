"""A curve that never grows too long, whatever the number of its points. No Textual here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

MOST = 1024
"""Spans of a curve: two for each column of dots on the widest screen."""


class Span(NamedTuple):
    """Points that came one after another, as one: their mean, and how far they reached."""

    x: float
    y: float
    low: float
    high: float
    size: int


class Series:
    """A curve's points, in the order of x.

    A run may have a million steps: where ``most`` spans are full, each two neighbours become one with the mean of both,
    and from then on a span is filled with twice as many points. So memory is bounded, every point has its weight in
    the curve, its lowest and highest are never lost, and the newest part is as fine as the oldest.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.each = 1
        """Points that a span holds when it is full."""
        self._spans: list[Span] = []

    def add(self, x: float, y: float) -> None:
        """Add a point; one that is not finite has no place on a curve."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        point = Span(x, y, y, y, 1)
        if self._spans and self._spans[-1].size < self.each:
            self._spans[-1] = _joined(self._spans[-1], point)
            return
        if len(self._spans) >= self.most:
            pairs = zip(self._spans[::2], self._spans[1::2], strict=False)
            odd = self._spans[-1:] if len(self._spans) % 2 else []
            self._spans = [_joined(a, b) for a, b in pairs] + odd
            self.each *= 2
            self.add(x, y)
            return
        self._spans.append(point)

    def clear(self) -> None:
        self._spans, self.each = [], 1

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    @property
    def points(self) -> list[tuple[float, float]]:
        """The curve."""
        return [(span.x, span.y) for span in self._spans]


def _joined(a: Span, b: Span) -> Span:
    size = a.size + b.size
    share = b.size / size
    return Span(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share, min(a.low, b.low), max(a.high, b.high), size)
