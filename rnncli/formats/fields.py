"""The fields of a score, in the order in which every format gives them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rnncli.records import LN2, Tally, TextScore

SCORE_FIELDS = (
    "logprob",
    "tokens",
    "words",
    "chars",
    "bytes",
    "spelled",
    "perplexity",
    "token_perplexity",
    "perplexity1",
    "nats_per_char",
    "bits_per_char",
    "bits_per_byte",
)


LOG_BASES = {"e": 1.0, "2": LN2, "10": math.log(10.0)}
"""By name, the nats of one unit of each logarithm."""


def in_base(logprob: float, base: str) -> float:
    """A natural logarithm in another base."""
    return logprob if base == "e" else logprob / LOG_BASES[base]


def tally_of(scores: Iterable[TextScore]) -> Tally:
    """The sum of all."""
    tally = Tally()
    for score in scores:
        tally += score.tally
    return tally


def figures(tally: Tally, log_base: str = "e") -> dict[str, float | int | None]:
    """The fields of a tally by name."""
    found = {name: getattr(tally, name) for name in SCORE_FIELDS}
    found["logprob"] = in_base(tally.logprob, log_base)
    return found
