"""Things to judge, and how likely their texts are: all through one stream of lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rnncli.inference.plan import Flush, Line
from rnncli.records import TextScore

T = TypeVar("T")
Score = Callable[[Iterable[Line | Flush]], Iterator[TextScore]]
"""``Scorer.score`` with whatever settings: a score for each line, in order."""


def with_logprobs(
    items: Iterable[T | Flush], texts: Callable[[T], Sequence[str]], score: Score
) -> Iterator[tuple[T, list[float]]]:
    """Each item with the log-probabilities of its texts, in order, in bounded memory; FLUSH goes to the scorer."""
    under_way: deque[tuple[T, int]] = deque()

    def lines() -> Iterator[Line | Flush]:
        for item in items:
            if isinstance(item, Flush):
                yield item
                continue
            mine = texts(item)
            under_way.append((item, len(mine)))
            yield from map(Line, mine)

    logprobs: list[float] = []
    for scored in score(lines()):
        logprobs.append(scored.tally.logprob)
        if len(logprobs) == under_way[0][1]:
            yield under_way.popleft()[0], logprobs
            logprobs = []
