"""What a network has to beat: an interpolated Kneser-Ney n-gram model of bytes, counted with sorted arrays.

Bytes, because every tokenizer and script comes down to them: its bits per byte stand beside the network's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncli.records import LN2

ORDER = 6
MOST_BYTES = 4_000_000
"""Of the training text; more would take longer than it tells."""
AT_ONCE = 500_000
"""Bytes from which two orders are counted at once: sorting lets other threads run."""

Level: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of each byte: what an order says by itself, and how much of it what the order below says is worth."""


def ngram_bits_per_byte(train: bytes, valid: bytes, order: int = ORDER) -> float:
    """Bits per byte of ``valid`` under an n-gram model of ``train`` with one discount an order.

    Interpolated Kneser-Ney smoothing (Kneser & Ney 1995; Chen & Goodman 1999): the highest order discounts counts,
    the lower ones count the distinct bytes that an n-gram was seen to follow. The lowest falls back to 1/256.
    """
    data = np.frombuffer(train[-MOST_BYTES:], np.uint8)
    text = np.frombuffer(valid, np.uint8)
    if not len(text):
        return math.nan
    probability = np.full(len(text), 1 / 256)
    for kept, spare in _levels(data, text, min(order, len(data))):
        probability = kept + spare * probability
    return float(-np.log(probability).sum() / LN2 / len(text))


def _levels(data: NDArray[np.uint8], text: NDArray[np.uint8], orders: int) -> Iterator[Level]:
    """Those of order 1 and up."""

    def level(n: int) -> Level:
        return _level(data, text, n, highest=n == orders)

    numbers = range(1, orders + 1)
    if len(data) < AT_ONCE:  # and no thread, which where memory ends would be waited for in vain (see write_ids)
        yield from map(level, numbers)
        return
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(level, numbers)


def _keys(data: NDArray[np.uint8], n: int) -> NDArray[np.uint64]:
    """The n bytes that end at each place as one number; the first n - 1 places lack bytes and are padded by zeros."""
    key = np.zeros(len(data), np.uint64)
    for back in range(n):
        key[back:] |= data[: max(0, len(data) - back)].astype(np.uint64) << np.uint64(8 * back)
    return key


def _level(data: NDArray[np.uint8], text: NDArray[np.uint8], n: int, *, highest: bool) -> Level:
    """Order n of each byte of ``text``."""
    if highest:
        grams, counts = np.unique(_keys(data, n)[n - 1 :], return_counts=True)
    else:
        longer = np.sort(_keys(data, n + 1)[n:])  # np.unique's table of hashes takes longer
        longer = longer[np.append(True, longer[1:] != longer[:-1])]
        grams, counts = np.unique(longer & np.uint64((1 << (8 * n)) - 1), return_counts=True)
    contexts, first = np.unique(grams >> np.uint64(8), return_index=True)
    totals = np.add.reduceat(counts, first)
    kinds = np.diff(np.append(first, len(grams)))
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = once / (once + 2 * twice) if once and twice else 0.5
    wanted = _keys(text, n)
    gram, seen = _find(grams, wanted)
    context, known = _find(contexts, wanted >> np.uint64(8))
    total = np.where(known, totals[context], 1)
    kept = np.where(seen, np.maximum(counts[gram] - discount, 0.0), 0.0) / total
    spare = np.where(known, discount * kinds[context] / total, 1.0)
    return kept, spare


def _find(table: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Places of ``wanted`` in a sorted table, and whether they are there."""
    place = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return place, table[place] == wanted
