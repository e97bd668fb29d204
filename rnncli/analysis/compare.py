"""Several models on the same lines: which explains each best, and by how many bits; and the same of all lines.

Bits are of a whole line and its end, so models with different tokenizers compare. One that loses some of the text
(the word tokenizer, folded capitals) gives the probability of another text: it is compared too, but never per byte.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from rnncli.analysis.confusion import Confusion, share
from rnncli.choices import Context
from rnncli.records import LN2, Tally, TextScore

if TYPE_CHECKING:
    from rnncli.analysis.interval import Interval
    from rnncli.inference.bothways import BothWays
    from rnncli.inference.plan import Flush, Line
    from rnncli.inference.scorer import Scorer

CLOSE = 1e-6
"""Two models whose bits differ by no more than this part of them tie: rounding must not name a winner."""
Per = Literal["byte", "line"]


class Comparison(NamedTuple):
    """One line under each model, in their order."""

    scores: tuple[TextScore, ...]
    bits: tuple[float, ...]
    best: int
    """The place of the model with the fewest bits; of equal ones the first."""
    tied: bool
    """The second has as few."""
    difference: float
    """How many bits more the second has."""

    @property
    def line(self) -> TextScore:
        """What is the same under each model: the text, where it stands, what stands beside it."""
        return self.scores[0]

    @property
    def winner(self) -> int | None:
        """The best one's place; None of a tie."""
        return None if self.tied else self.best

    @property
    def bits_per_byte(self) -> float | None:
        """The best one's."""
        return self.scores[self.best].tally.bits_per_byte


def side_by_side(
    scorers: Sequence[Scorer | BothWays],
    lines: Iterable[Line | Flush],
    *,
    context: Context = "line",
    skip_empty: bool = False,
) -> Iterator[Comparison]:
    """Each line under each model, in order, lazily."""
    from rnncli.inference.together import together

    return _compared(together(scorers, lines, context=context, skip_empty=skip_empty))


def _compared(found: Generator[tuple[TextScore, ...]]) -> Iterator[Comparison]:
    with contextlib.closing(found):
        yield from map(compare, found)


def compare(scores: Sequence[TextScore]) -> Comparison:
    """One line's scores under two models or more."""
    bits = tuple(-score.tally.logprob / LN2 for score in scores)
    best = min(range(len(bits)), key=bits.__getitem__)
    second = min(bits[:best] + bits[best + 1 :])
    difference = 0.0 if second == bits[best] else second - bits[best]  # two that are infinite are equal
    return Comparison(tuple(scores), bits, best, difference <= CLOSE * bits[best], difference)


class ModelTotal(NamedTuple):
    """All lines under one model."""

    label: str
    tally: Tally
    wins: int
    share: float | None
    """Of all lines, the part that it won."""

    @property
    def bits(self) -> float:
        return 0.0 - self.tally.logprob / LN2  # of nothing 0, not -0

    @property
    def bits_per_line(self) -> float | None:
        return self.bits / self.tally.lines if self.tally.lines else None


class Pair(NamedTuple):
    """The best model in all and another: how much more the other needs, per byte (line ends counted) or per line."""

    best: str
    other: str
    difference: float
    per: Per
    interval: Interval | None
    """95 %, by the bootstrap over lines; None where there are too few."""


class Summary(NamedTuple):
    """All lines under all models."""

    lines: int
    ties: int
    models: tuple[ModelTotal, ...]
    pairs: tuple[Pair, ...]
    confusion: Confusion | None


class Totals:
    """Adds comparisons up, in memory that does not grow with them."""

    def __init__(self, labels: Sequence[str], *, seed: int | None = 0, labelled: bool = False) -> None:
        """``seed``: of the bootstrap; with None there is none. ``labelled``: lines have labels."""
        self._labels = tuple(labels)
        self._tallies = [Tally() for _ in labels]
        self._wins = [0] * len(labels)
        self._lines = 0
        self._confusion = Confusion(labels) if labelled else None
        self._bootstrap = None
        if seed is not None:
            from rnncli.analysis.bootstrap import Bootstrap

            self._bootstrap = Bootstrap(len(labels) + 2, seed=seed)

    def add(self, comparison: Comparison, label: str | None = None) -> None:
        self._lines += 1
        if comparison.winner is not None:
            self._wins[comparison.winner] += 1
        self._tallies = [tally + score.tally for tally, score in zip(self._tallies, comparison.scores, strict=True)]
        if self._confusion is not None and label is not None:
            self._confusion.add(label, comparison.winner)
        if self._bootstrap is not None:
            self._bootstrap.add((*comparison.bits, comparison.line.tally.bytes + 1, 1))

    def summary(self) -> Summary:
        models = tuple(
            ModelTotal(label, tally, wins, share(wins, self._lines))
            for label, tally, wins in zip(self._labels, self._tallies, self._wins, strict=True)
        )
        pairs = tuple(self._pairs(models)) if self._lines else ()
        return Summary(self._lines, self._lines - sum(self._wins), models, pairs, self._confusion)

    def _pairs(self, models: Sequence[ModelTotal]) -> Iterator[Pair]:
        best = min(range(len(models)), key=lambda place: models[place].bits)
        mine = models[best]
        for place, other in enumerate(models):
            if place == best:
                continue
            per: Per = "byte" if mine.tally.lossless and other.tally.lossless else "line"
            units = mine.tally.lines + (mine.tally.bytes if per == "byte" else 0)
            column = len(models) + (per == "line")
            interval = None if self._bootstrap is None else self._bootstrap.difference(place, best, column)
            more = 0.0 if other.bits == mine.bits else other.bits - mine.bits
            yield Pair(mine.label, other.label, more / units, per, interval)
