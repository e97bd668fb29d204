"""Several scorers on the same lines."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

from rnncli.inference.plan import Flush, Line
from rnncli.records import TextScore


def together(scorers: Sequence[Any], lines: Iterable[Line | Flush], **options: Any) -> Generator[tuple[TextScore, ...]]:
    """Each line's score from each, in order. All read one source, none further ahead than the lines under way."""
    sources = itertools.tee(lines, len(scorers))
    scores = [scorer.score(source, **options) for scorer, source in zip(scorers, sources, strict=True)]
    del sources  # only who reads from one may hold it: what all have read must go
    return _together(scores)


def _together(scores: Sequence[Iterator[TextScore]]) -> Generator[tuple[TextScore, ...]]:
    try:
        yield from zip(*scores, strict=True)
    finally:
        for iterator in scores:
            getattr(iterator, "close", lambda: None)()  # ends its threads now
