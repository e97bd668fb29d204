"""What tokens have in common in writing: the space before a word, capitals, its folded form, beginnings and ends.

After the sub-word vectors of Bojanowski et al. 2017 (fastText), but for beginnings and ends alone: on a megabyte of
plays all n-grams taught less than these (tests/bench/RESULTS.md). No torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BEGINNINGS, ENDS = (2, 3, 4), (2, 3)
"""Letters of a beginning or an end that counts. A whole word of so many is told from the beginning of a longer one."""
MOST_TOKENS = 200_000
"""Tokens of a vocabulary whose texts are worth looking at: each takes some microseconds, and those beyond are rare."""


class Resemblance(NamedTuple):
    """Which of ``features_count`` features each token has. The features of token i are those of
    ``features[starts[i] : starts[i + 1]]``; ``weights`` are 1 / sqrt(how many the token has)."""

    features: NDArray[np.int64]
    starts: NDArray[np.int64]
    weights: NDArray[np.float32]
    features_count: int


def resemblance(texts: Sequence[str]) -> Resemblance:
    """The features of tokens with these texts; what one token alone has is left out."""
    each = [sorted(set(features_of(text))) for text in texts]
    often = Counter(feature for own in each for feature in own)
    number = {feature: i for i, feature in enumerate(sorted(f for f, n in often.items() if n > 1))}
    shared = [[number[feature] for feature in own if feature in number] for own in each]
    lengths = np.array([len(own) for own in shared], np.int64)
    return Resemblance(
        features=np.array([feature for own in shared for feature in own], np.int64),
        starts=np.concatenate(([0], np.cumsum(lengths)[:-1])) if len(texts) else np.zeros(0, np.int64),
        weights=np.repeat(1 / np.sqrt(np.maximum(1, lengths)), lengths).astype(np.float32),
        features_count=len(number),
    )


def features_of(text: str) -> Iterator[str]:
    """The names of a token's features; none of what is no text that can be seen."""
    word = text.strip(" ")
    if not word or not word.isprintable():
        return
    folded = word.casefold()
    if text.startswith(" "):
        yield "space before"
    if word[0].isupper():
        yield "capital"
    if len(word) > 1 and word.isupper():
        yield "capitals"
    if len(word) > 1 or text != word:
        yield f"word {folded}"
    if len(folded) > 1:
        bounded = f"<{folded}>"
        yield from (f"begins {bounded[: size + 1]}" for size in BEGINNINGS)
        yield from (f"ends {bounded[-size - 1 :]}" for size in ENDS)
