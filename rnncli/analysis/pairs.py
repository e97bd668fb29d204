"""How often the good text of a pair is the likelier: strictly, so that a tie counts as wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rnncli.analysis.interval import wilson
from rnncli.analysis.lists import Pair
from rnncli.analysis.scoring import Score, with_logprobs
from rnncli.inference.plan import Flush


class Verdict(NamedTuple):
    """One pair, judged. ``difference`` is good less bad, in nats."""

    group: str | None
    right: bool
    good_logprob: float
    bad_logprob: float
    difference: float
    line: int
    file: str | None
    good: str
    bad: str

    @property
    def tied(self) -> bool:
        return self.good_logprob == self.bad_logprob


class Accuracy(NamedTuple):
    """Of a group of pairs, or of all: ``group`` is then None and the last two are there if the list has groups.

    ``accuracy_low`` to ``accuracy_high`` is Wilson's 95 % interval. ``macro_accuracy`` is the mean over groups,
    whatever their sizes.
    """

    group: str | None
    pairs: int
    right: int
    accuracy: float
    ties: int
    accuracy_low: float
    accuracy_high: float
    groups: int | None = None
    macro_accuracy: float | None = None


def judged(pairs: Iterable[Pair | Flush], score: Score) -> Iterator[Verdict]:
    """Each pair's verdict, in order."""
    for pair, (good, bad) in with_logprobs(pairs, lambda pair: (pair.good, pair.bad), score):
        yield Verdict(pair.group, good > bad, good, bad, good - bad, pair.line, pair.file, pair.good, pair.bad)


def accuracies(verdicts: Iterable[Verdict]) -> list[Accuracy]:
    """A row for each group, in order of first appearance, and the last one over all."""
    counts: dict[str | None, list[int]] = {}
    for verdict in verdicts:
        count = counts.setdefault(verdict.group, [0, 0, 0])
        count[0] += 1
        count[1] += verdict.right
        count[2] += verdict.tied
    rows = [_accuracy(group, *count) for group, count in counts.items()]
    total = _accuracy(None, *(sum(column) for column in zip(*counts.values(), strict=True)))
    named = [row for row in rows if row.group is not None]
    if not named:
        return [total]
    macro = sum(row.accuracy for row in rows) / len(rows)
    return [*rows, total._replace(groups=len(rows), macro_accuracy=macro)]


def _accuracy(group: str | None, pairs: int, right: int, ties: int) -> Accuracy:
    low, high = wilson(right, pairs) or (0.0, 1.0)
    return Accuracy(group, pairs, right, right / pairs, ties, low, high)
