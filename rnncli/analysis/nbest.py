"""The best of each group of candidates: another model's score and the weighted log-probability, added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from rnncli.analysis.lists import Candidate
from rnncli.analysis.scoring import Score, with_logprobs
from rnncli.inference.plan import Flush


class Scored(NamedTuple):
    """A candidate and its natural log-probability."""

    candidate: Candidate
    logprob: float

    def combined(self, weight: float) -> float:
        """With weight 0 the log-probability says nothing, whatever it is."""
        return self.candidate.other + weight * self.logprob if weight else self.candidate.other


class Best(NamedTuple):
    """The best candidate of a group; ``ties``: how many behind it are as good."""

    group: str
    other: float
    logprob: float
    combined: float
    candidates: int
    ties: int
    errors: float | None
    line: int
    file: str | None
    text: str


def groups(candidates: Iterable[Candidate | Flush], score: Score) -> Iterator[Iterator[Scored]]:
    """The candidates of each group with their log-probabilities; take one group before the next."""
    scored = (Scored(found, logprob) for found, [logprob] in with_logprobs(candidates, lambda c: (c.text,), score))
    for _, members in groupby(scored, key=lambda one: one.candidate.group):
        yield members


def best(members: Iterable[Scored], weight: float) -> Best:
    """The best of a group; of several that are as good the one that came first."""
    chosen: Scored | None = None
    top, candidates, ties = 0.0, 0, 0
    for one in members:
        combined = one.combined(weight)
        candidates += 1
        if chosen is None or combined > top:
            chosen, top, ties = one, combined, 0
        elif combined == top:
            ties += 1
    assert chosen is not None
    own = chosen.candidate
    return Best(own.group, own.other, chosen.logprob, top, candidates, ties, own.errors, own.line, own.file, own.text)
