"""What of a text stands in a corpus: a language model that repeats its corpus has not learnt but stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST = 8
"""Bytes of the shortest passage that is looked for: what is shorter stands in any corpus."""
_HASH_BITS = 20
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Passage(NamedTuple):
    """A part of a text. ``start``: its first character; ``text`` is empty where nothing was copied."""

    start: int
    text: str


class _Sought:
    """A text, its windows of LEAST bytes, and the longest passage so far (``start`` and ``length`` in bytes)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.start, self.length = data, 0, LEAST - 1
        self.places: dict[bytes, list[int]] = {}
        for at in range(len(data) - LEAST + 1):
            self.places.setdefault(data[at : at + LEAST], []).append(at)
        self.table = np.zeros(1 << _HASH_BITS, dtype=np.bool_)
        self.table[_hashes(data)] = True

    def look(self, block: bytes, hashes: NDArray[np.uint32]) -> None:
        """Find longer passages than before that begin in a block. ``hashes``: of its windows."""
        may, begin = self.table[hashes], 0
        while begin < len(may):
            # A longer passage has windows of the text at its begin, at its end and all between.
            last = self.length + 1 - LEAST
            room, half = len(may) - last, last // 2
            begins = np.flatnonzero(may[begin:room] & may[begin + last :] & may[begin + half : room + half])
            begin = self._lengthen(block, (begin + begins).tolist()) if room > begin else len(may)

    def _lengthen(self, block: bytes, begins: list[int]) -> int:
        """Try places until one has a longer passage; where to go on after it."""
        for begin in begins:
            before = self.length
            for at in self.places.get(block[begin : begin + LEAST], ()):
                end = self.length + 1
                if at + end <= len(self.data) and block[begin : begin + end] == self.data[at : at + end]:
                    self.start, self.length = (
                        at,
                        end + _same(block[begin + end : begin + len(self.data)], self.data[at + end :]),
                    )
            if self.length > before:
                return begin + 1
        return len(block)

    def passage(self) -> Passage:
        """The longest, in whole characters."""
        if self.length < LEAST:
            return Passage(0, "")
        start, end = self.start, self.start + self.length
        while start < end and self.data[start] & 0xC0 == 0x80:
            start += 1
        while end > start and end < len(self.data) and self.data[end] & 0xC0 == 0x80:
            end -= 1
        before, text = (part.decode("utf-8", "surrogateescape") for part in (self.data[:start], self.data[start:end]))
        return Passage(len(before), text)


def longest_copies(texts: Sequence[bytes], corpus: Iterable[str]) -> list[Passage]:
    """Of each text (UTF-8) the longest passage that stands in a corpus.

    The corpus is read once, in blocks that follow one another, and never held. Windows of eight bytes are looked up in
    a hash table of the text's; a place is only compared where the windows at both ends and in the middle of a longer
    passage than the longest so far are there.
    """
    sought = [_Sought(text) for text in texts]
    carried = max((len(text) for text in texts), default=0)
    for block in _overlapping(corpus, carried):
        hashes = _hashes(block)
        for one in sought:
            if one.length < len(one.data):
                one.look(block, hashes)
    return [one.passage() for one in sought]


def _overlapping(corpus: Iterable[str], carried: int) -> Iterator[bytes]:
    """Blocks as bytes, each with the end of the one before it: no passage is cut."""
    before = b""
    for text in corpus:
        block = before + text.encode("utf-8", "surrogateescape")
        yield block
        before = block[-carried:] if carried else b""


def _same(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at their begin."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _hashes(data: bytes) -> NDArray[np.uint32]:
    """Of each window of LEAST bytes."""
    count = max(0, len(data) - LEAST + 1)
    found = np.empty(count, dtype=np.uint32)
    for shift in range(min(LEAST, count)):
        windows = np.frombuffer(data, dtype="<u8", count=(len(data) - shift) // LEAST, offset=shift)
        found[shift::LEAST] = (windows * _MIX) >> np.uint64(64 - _HASH_BITS)
    return found
