"""Curves drawn with braille dots, with axes: lines of pieces that have a style's name each. No Textual here.

What colour tells apart is told apart without it: one curve is solid, the other dashed with a mark at each point.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, count, groupby, pairwise
from typing import NamedTuple

from rnncli.formats.progress import clock

Point = tuple[float, float]
Piece = tuple[str, str]
"""Text and the name of its style."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of a cell: rows from the top, two columns."""
MARK, BEST_MARK = "●", "◆"
EARLY = 0.04
"""Share of the x axis at its beginning whose points may lie above the picture: the fall of the first steps would press
all that follows into one line."""
OUTLIERS = 0.02
"""Share of the highest points that may lie above the picture."""
DIVERGED = 1.5
"""Times the height of the training curve's first point above which nothing is shown."""
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


class Plot(NamedTuple):
    """What is drawn: a solid curve, a dashed one with marks, and the mark among them that stands out."""

    train: Sequence[Point]
    valid: Sequence[Point]
    best: Point | None = None
    time: bool = False
    """Whether x is seconds."""


def draw(plot: Plot, width: int, height: int) -> list[list[Piece]]:
    """``height`` lines of ``width`` cells; nothing where there is no room or nothing to draw."""
    if width < 12 or height < 3 or not (plot.train or plot.valid):
        return []
    low, high = y_range(plot)
    ticks = ticks_of(low, high, max(4, height // 3))
    labels = [f"{tick:.{_decimals(ticks)}f}" for tick in ticks]
    left = max(map(len, labels), default=1) + 1
    columns, rows = width - left - 1, height - 2
    if columns < 4 or rows < 1:
        return []
    xs = [x for x, _ in (*plot.train, *plot.valid)]
    first, last = min(0.0, min(xs)) if min(xs) < max(xs) / 2 else min(xs), max(xs)
    area = _Area(columns, rows, (first, last), (low, high))
    area.line(plot.train, dashed=False)
    area.line(plot.valid, dashed=True)
    area.marks(plot)
    grid = {area.row(tick): label for tick, label in zip(ticks, labels, strict=True)}
    lines = [
        [
            (f"{grid.get(row, ''):>{left}}", "axis"),
            ("┤" if row in grid else "│", "axis"),
            *area.pieces(row, row in grid),
        ]
        for row in range(rows)
    ]
    return [*lines, *_x_axis((first, last), columns, left, time=plot.time)]


def smoothed(points: Sequence[Point]) -> list[Point]:
    """The mean around each point, over a fiftieth of the curve: steps differ by their texts more than by learning.

    Near the ends, and so in the steep beginning, over as many points as there are on both sides.
    """
    sums = list(accumulate((y for _, y in points), initial=0.0))
    most, last = len(points) // 100, len(points) - 1
    reach = [min(most, i, last - i) for i in range(len(points))]
    return [(x, (sums[i + n + 1] - sums[i - n]) / (2 * n + 1)) for (x, _), i, n in zip(points, count(), reach)]


def y_range(plot: Plot) -> tuple[float, float]:
    """The lowest and highest figure that are shown."""
    xs = [x for x, _ in (*plot.train, *plot.valid)]
    begin = min(xs) + EARLY * (max(xs) - min(xs))
    valid = [y for _, y in plot.valid]
    late = sorted(y for x, y in plot.train if x >= begin) or sorted(y for _, y in plot.train)
    high = max([*valid, *(late[: len(late) - int(OUTLIERS * len(late))][-1:])])
    low = min([*valid, *late[:1]])
    if plot.train:  # what diverges goes out at the top
        high = min(high, max([low + DIVERGED * max(plot.train[0][1] - low, 1e-3), *valid[-1:]]))
    room = max(0.04 * (high - low), 1e-3 * max(abs(high), 1e-3))
    return low - room, high + room


def ticks_of(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, evenly apart, at most so many."""
    raw = (high - low) / max(1, most)
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(base * n for n in (1, 2, 5, 10, 20) if base * n >= raw * 0.999)
    return [round(i * step, 12) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _decimals(ticks: Sequence[float]) -> int:
    """Digits after the point by which ticks differ."""
    return next((n for n in range(9) if len({f"{tick:.{n}f}" for tick in ticks}) == len(ticks)), 9) if ticks else 0


class _Area:
    """The dots of two curves, four rows and two columns of them in a cell."""

    def __init__(self, columns: int, rows: int, x: Point, y: Point) -> None:
        self.columns, self.rows = columns, rows
        self._x, self._y = x, y
        self._dots = {"train": [[0] * columns for _ in range(rows)], "valid": [[0] * columns for _ in range(rows)]}
        self._marks: dict[tuple[int, int], Piece] = {}

    def across(self, x: float) -> float:
        """Place on the axis, 0 to 1."""
        low, high = self._x
        return (x - low) / (high - low) if high > low else 1.0

    def column(self, x: float) -> int:
        return max(0, min(2 * self.columns - 1, round(self.across(x) * (2 * self.columns - 1))))

    def height(self, y: float) -> int:
        """Row of dots from the top; of a figure above or below the picture the one next to it."""
        low, high = self._y
        return max(-1, min(4 * self.rows, round((high - y) / (high - low) * (4 * self.rows - 1))))

    def row(self, y: float) -> int:
        """Row of cells."""
        return max(0, min(self.rows - 1, self.height(y) // 4))

    def line(self, points: Sequence[Point], *, dashed: bool) -> None:
        """Draw a curve: the mean of what falls into a column of dots, and what lies between."""
        dots = self._dots["valid" if dashed else "train"]
        means = [
            (column, _mean([y for _, y in group])) for column, group in groupby(points, lambda p: self.column(p[0]))
        ]
        ends = [(column, self.height(y)) for column, y in means]
        for (x0, from_), (x1, to) in pairwise([*ends[:1], *ends]):
            above = from_
            for x in range(min(x0 + 1, x1), x1 + 1):
                here = to if x1 == x0 else from_ + round((x - x0) / (x1 - x0) * (to - from_))
                if not (dashed and x % 4 > 1):
                    self._upright(dots, x, above, here)
                above = here

    def _upright(self, dots: list[list[int]], x: int, above: int, here: int) -> None:
        """The dots of a column from next to where the curve was, to where it is; one at least."""
        step = (here > above) - (here < above)
        for y in range(above + step, here + step, step) if step else (here,):
            if 0 <= y < 4 * self.rows:
                dots[y // 4][x // 2] |= DOTS[y % 4][x % 2]

    def marks(self, plot: Plot) -> None:
        """Mark each evaluation; the best one last, so that it is on top."""
        chosen = [(point, (MARK, "valid")) for point in plot.valid]
        chosen += [(plot.best, (BEST_MARK, "best"))] if plot.best is not None else []
        for (x, y), piece in chosen:
            if 0 <= self.height(y) < 4 * self.rows:
                self._marks[self.row(y), self.column(x) // 2] = piece

    def pieces(self, row: int, ruled: bool) -> list[Piece]:
        """A line of cells, equal styles joined."""
        cells = [self._cell(row, column, ruled) for column in range(self.columns)]
        return [("".join(text for text, _ in group), style) for style, group in groupby(cells, lambda cell: cell[1])]

    def _cell(self, row: int, column: int, ruled: bool) -> Piece:
        if (row, column) in self._marks:
            return self._marks[row, column]
        train, valid = self._dots["train"][row][column], self._dots["valid"][row][column]
        if train or valid:
            return chr(0x2800 | train | valid), "train" if train else "valid"
        return ("┈", "grid") if ruled else (" ", "grid")


def _x_axis(x: Point, columns: int, left: int, *, time: bool) -> list[list[Piece]]:
    """The axis, and round numbers under it."""
    first, last = x
    ticks_at = time_ticks if time else ticks_of
    ticks = ticks_at(first, last, max(1, columns // 12)) if last > first else []
    named: Callable[[float], str] = clock if time else count_text
    axis, under = ["─"] * columns, [" "] * (columns + left + 1)
    for tick in ticks:
        at = round((tick - first) / (last - first) * (columns - 1)) if last > first else 0
        label = named(tick)
        begin = max(0, min(len(under) - len(label), left + 1 + at - len(label) // 2))
        if any(char != " " for char in under[max(0, begin - 1) : begin + len(label) + 1]):
            continue
        axis[at] = "┬"
        under[begin : begin + len(label)] = label
    return [[(" " * left + "└" + "".join(axis), "axis")], [("".join(under), "axis")]]


def time_ticks(first: float, last: float, most: int) -> list[float]:
    """Round times, at most so many and one."""
    step = TIMES[min(len(TIMES) - 1, bisect_left(TIMES, (last - first) / most))]
    step *= max(1, math.ceil((last - first) / step / most))
    return [float(i * step) for i in range(math.ceil(first / step), math.floor(last / step) + 1)]


def count_text(count: float) -> str:
    """``500``, ``1.5k``, ``2M``."""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:.4g}{name}"
    return f"{count:g}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
