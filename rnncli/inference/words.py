"""Words from tokens: whose each token is.

A word owns the tokens that begin in it or in the blanks before it, and the last word also those that begin
after it: every token has one owner, so the words' log-probabilities and that of the line's end add up to the
line's. A token that reaches over several words (some tokenizers make such) counts for the first. In a line
without a word nothing is owned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli.inference.engine import Ids
from rnncli.records import WordScore
from rnncli.text.tokenizers.base import Encoding
from rnncli.text.units import word_spans


def spelled_words(text: str, encoding: Encoding) -> Ids:
    """Indexes of the words that have a spelled token in them; a spelled blank before one does not count."""
    if not encoding.spelled.any():
        return np.zeros(0, dtype=np.int64)
    spans = _spans(text)
    starts, ends = encoding.starts[encoding.spelled], encoding.ends[encoding.spelled]
    word = np.searchsorted(spans[:, 1], starts, side="right")
    inside = word < len(spans)
    word, ends = word[inside], ends[inside]
    found: Ids = word[ends > spans[word, 0]]  # in order: numpy's unique is not needed, and takes 16 ms to load
    return found[np.flatnonzero(np.diff(found, prepend=-1))]


def word_scores(text: str, encoding: Encoding, logprobs: NDArray[np.floating[Any]]) -> tuple[WordScore, ...]:
    """Each word with the sum of its tokens; ``logprobs`` are those of ``encoding``, the end left out."""
    spans = _spans(text)
    if not len(spans):
        return ()
    owners = np.minimum(np.searchsorted(spans[:, 1], encoding.starts, side="right"), len(spans) - 1)
    sums = np.bincount(owners, weights=logprobs, minlength=len(spans))
    counts = np.bincount(owners, minlength=len(spans))
    spelled = set(spelled_words(text, encoding).tolist())
    return tuple(
        WordScore(
            word=text[start:end],
            start=start,
            end=end,
            logprob=float(sums[i]),
            tokens=int(counts[i]),
            spelled=i in spelled,
        )
        for i, (start, end) in enumerate(spans.tolist())
    )


def _spans(text: str) -> Ids:
    return np.array(word_spans(text), dtype=np.int64).reshape(-1, 2)
