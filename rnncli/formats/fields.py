"""The fields of a score, in the order in which every format gives them."""

from __future__ import annotations

from rnncli.records import Tally

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


def figures(tally: Tally) -> dict[str, float | int | None]:
    """The fields of a tally by name."""
    return {name: getattr(tally, name) for name in SCORE_FIELDS}
