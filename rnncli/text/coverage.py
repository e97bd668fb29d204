"""How far words go: what a text comes to in tokens where its most frequent words are tokens, the rest is spelled."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from rnncli.text.units import SPACELESS_CLASS

SIZES = (0, *(100 << doubled for doubled in range(11)))
"""Vocabularies, in words, of which a text's coverage tells; last of all one of every word."""
TIMES = tuple(sorted({max(2, (part << doubled) >> 2) for part in (4, 5, 6, 7) for doubled in range(1, 14)}))
"""How often a word comes: 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 and so on. Of each it is told how many words do."""
FIRST, MORE, PART = 1_000_000, 500_000, 1 << 16
"""Characters that are looked at: so many, then so many of each stretch twice as long as the one before; in parts."""

_LETTER = f"[^\\W\\d_{SPACELESS_CLASS}]"
# As the hybrid tokenizer cuts (its pattern is for another engine), but for marks and the English apostrophe: within
# two in a hundred, and three times as fast.
_WORDS = re.compile(
    rf"\n|[{SPACELESS_CLASS}]| ?{_LETTER}{{1,48}}| ?\d{{1,48}}| ?(?:[^\s\w]|_){{1,48}}"
    r"|[^\S\n]{1,48}(?= \S)|[^\S\n]{1,48}"
)


def often_enough(chars: float) -> float:
    """Times that a word must come in a text so long to be worth a token of its own: seldomer ones are better spelled.

    Five in a megabyte, more in a small text: it has too few words to learn words from, and tells more of its letters.
    Measured on plays, sayings in Russian, Python: 14 and more in 20 kB, 8 to 18 in 70, 5 to 8 in 260, up to 6 in 900.
    """
    return 5 * math.pow(1e6 / max(1.0, chars), 0.3)


class Coverage:
    """Counts the words of a text that comes in blocks: of all of a short one, of parts of a long one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._all = self._chars = self._index = 0
        self._stride, self._until = 1, FIRST

    def add(self, block: str) -> None:
        """Take the next block."""
        for start in range(0, len(block), PART):
            part = block[start : start + PART]
            self._all += len(part)
            self._index += 1
            if self._index % self._stride:
                continue
            self._counts.update(_WORDS.findall(part))
            self._chars += len(part)
            if self._chars >= self._until:
                self._stride, self._until = 2 * self._stride, self._until + MORE

    def tokens_a_char(self, more: float = 0.0) -> tuple[float, ...]:
        """Tokens a character with so many words as wholes as SIZES tells, and with every word; none of no text.

        ``more``: what characters that are no tokens add to each, as bytes.
        """
        if not self._chars:
            return ()
        again = sorted((count, word) for word, count in self._counts.items() if count > 1 and len(word) > 1)
        saved = [count * (len(word) - 1) for count, word in reversed(again)]
        found, begin, tokens = [], 0, self._chars
        for size in SIZES:
            tokens -= sum(saved[begin:size])
            begin = size
            found.append(tokens / self._chars + more)
        return (*found, self._counts.total() / self._chars + more)

    def repeats(self) -> tuple[int, ...]:
        """How many words of two characters and more come so often as TIMES tells, or would by the part looked at."""
        counts = np.sort(np.array([count for word, count in self._counts.items() if len(word) > 1], np.int64))
        least = np.array(TIMES) * self._chars / max(1, self._all)
        return tuple((len(counts) - np.searchsorted(counts, least)).tolist())


def words_that_come(repeats: Sequence[int], least: float) -> int:
    """How many words come ``least`` times: between two of TIMES along the logarithm; beyond them none."""
    if not repeats or least > TIMES[-1]:
        return 0
    return int(np.interp(math.log(least), np.log(TIMES), repeats)) if least > TIMES[0] else repeats[0]


def tokens_a_char(coverage: Sequence[float], words: int) -> float:
    """Tokens a character with so many words as wholes: between two of SIZES along the logarithm."""
    low = max(n for n, size in enumerate(SIZES) if size <= words)
    if low == len(SIZES) - 1:
        return coverage[low]
    part = math.log((1 + words) / (1 + SIZES[low])) / math.log((1 + SIZES[low + 1]) / (1 + SIZES[low]))
    return coverage[low] + part * (coverage[low + 1] - coverage[low])
