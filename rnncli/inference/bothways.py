"""A line read forward and backward: two models of one line, and the mean of the two probabilities."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Any

from rnncli.errors import ConfigError
from rnncli.inference.plan import Flush, Line
from rnncli.inference.scorer import Scorer
from rnncli.inference.together import together
from rnncli.records import LN2, TextScore

HINT = "Score in one direction: --direction forward or backward."


class BothWays:
    """Scores lines with two language models, one of which reads from the line's end.

    P = (P of the forward model + P of the backward model) / 2: both are probabilities of the whole line, and so is
    their mean. Nothing smaller than a line has one.
    """

    def __init__(self, forward: Scorer, backward: Scorer) -> None:
        self._scorers = (forward, backward)

    def score(self, lines: Iterable[Line | Flush], **options: Any) -> Iterator[TextScore]:
        """A score for each line, in order. Options: Scorer.score's, but for what belongs to one direction."""
        wrong = {
            "tokens and words": options.get("tokens") or options.get("words"),
            "a line without its end": not options.get("end", True),
            "the lines of a file in its context": options.get("context", "line") != "line",
        }
        for name in (name for name, given in wrong.items() if given):
            raise ConfigError(f"read both ways, {name} have no one probability", hint=HINT)
        return self._scores(lines, options)

    def _scores(self, lines: Iterable[Line | Flush], options: dict[str, Any]) -> Iterator[TextScore]:
        for forward, backward in together(self._scorers, lines, **options):
            logprob = mean_logprob(forward.tally.logprob, backward.tally.logprob)
            yield dataclasses.replace(forward, tally=dataclasses.replace(forward.tally, logprob=logprob))


def mean_logprob(one: float, other: float) -> float:
    """The logarithm of the mean of two probabilities, from their logarithms."""
    high, low = max(one, other), min(one, other)
    return high if high == -math.inf else high + math.log1p(math.exp(low - high)) - LN2
