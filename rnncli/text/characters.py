"""How often each character occurs, counted in blocks at numpy's speed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

MOST_COMMON, MOST_DISTINCT = 12_000, 65_536 - 256
"""Characters that are tokens at most, of the hybrid tokenizer and of the one of characters."""

Codes: TypeAlias = "NDArray[np.uint8] | NDArray[np.uint32]"


def code_points(text: str) -> Codes:
    """The text's code points, in the narrowest array that holds them."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def often_enough(total: int) -> int:
    """How often a character must come in a text of ``total`` to be a token of its own, and not bytes.

    5 times in 3.3 million characters of Chinese: what comes less often than that is not learnt, and makes the softmax
    slow.
    """
    return max(1, round(math.sqrt(total) / 400))


class CharacterCounts:
    """A count for each code point."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(0x110000, np.int64)

    def add(self, codes: Codes) -> None:
        found = np.bincount(codes)
        self._counts[: len(found)] += found

    @property
    def total(self) -> int:
        return int(self._counts.sum())

    @property
    def distinct(self) -> int:
        return int(np.count_nonzero(self._counts))

    @property
    def common(self) -> int:
        """How many characters come often enough to be tokens."""
        return int(np.count_nonzero(self._counts >= often_enough(self.total)))

    @property
    def seldom(self) -> int:
        """By how many the bytes of all other characters are more than those characters."""
        counts = self._counts * (self._counts < often_enough(self.total))
        return sum(int(counts[first:].sum()) for first in (0x80, 0x800, 0x10000))

    def most_common(self) -> Iterator[tuple[str, int]]:
        """Characters and counts, the most frequent first and then by code point; no lone surrogates."""
        codes = np.flatnonzero(self._counts)
        codes = codes[(codes < 0xD800) | (codes > 0xDFFF)]
        order = np.argsort(-self._counts[codes], kind="stable")
        for code in codes[order].tolist():
            yield chr(code), int(self._counts[code])
