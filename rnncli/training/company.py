"""Vectors of tokens by the company that they keep: which tokens stand before and after them in the text.

Of each token and the most frequent ones, at each distance by itself, the positive pointwise mutual information; and of
that matrix the part of the least rank that is nearest to it, its singular values to the power of one half (Bullinaria &
Levy 2007; Levy, Goldberg & Dagan 2015, "Improving distributional similarity with lessons learned from word
embeddings"), found by random projections (Halko, Martinsson & Tropp 2011, algorithm 4.4).

Shapes: V vocabulary, C columns (a frequent token at a distance), K rank, E embedding.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rnncli.nn.bags import Bags
from rnncli.text.ids import spread

Ids: TypeAlias = NDArray[np.unsignedinteger]
Longs: TypeAlias = NDArray[np.int64]

REACH, COMMON = 4, 2000
"""How far away a token is still company; and how many of the most frequent ones count as such, and have enough of it
themselves to tell what differs: of the others one is often all."""
MOST_READ, READ_AT_ONCE = 3 << 20, 1 << 16
"""Tokens of the text that are read for it, of a longer one in parts of so many."""
MORE, ROUNDS = 16, 2
"""Projections beyond the rank that is wanted, and rounds that turn them towards the largest singular values."""
SPREAD = 0.1 / math.sqrt(3)
"""Root of the mean square of a vector's numbers: that of an embedding's at the beginning."""


class Table(NamedTuple):
    """A sparse (V, C) matrix: where its numbers lie, and they."""

    tokens: Tensor
    columns: Tensor
    values: Tensor
    shape: tuple[int, int]

    def of(self, tokens_V: Tensor) -> Table:
        """The same with the rows of some tokens alone."""
        some = tokens_V[self.tokens]
        return Table(self.tokens[some], self.columns[some], self.values[some], self.shape)

    def matrix(self) -> Tensor:
        """As PyTorch multiplies it fastest."""
        return Bags.of(self.tokens, self.columns, self.values, self.shape[0]).matrix(self.shape[1])

    def turned(self) -> Tensor:
        """The (C, V) matrix."""
        return Bags.of(self.columns, self.tokens, self.values, self.shape[1]).matrix(self.shape[0])


def company_vectors(ids: Ids, vocab_size: int, width: int, seed: int) -> Tensor:
    """(V, E), a vector of the same length for each token of the text; zeros for one that has no company there."""
    text = _some(ids)
    table = information(text, vocab_size)
    known = torch.zeros(vocab_size, dtype=torch.bool)
    known[torch.from_numpy(_common(np.bincount(text, minlength=vocab_size)))] = True
    generator = torch.Generator().manual_seed(seed)
    vectors = directions(table, known, width, generator)
    # No unit of the embedding is to stand for the greatest difference: the vectors are turned at random.
    vectors = F.pad(vectors, (0, width - vectors.shape[1]))
    vectors = vectors @ torch.linalg.qr(torch.randn(width, width, generator=generator)).Q
    met = torch.bincount(table.tokens, minlength=vocab_size) > 0
    return torch.where(met.unsqueeze(1), SPREAD * math.sqrt(width) * F.normalize(vectors), 0.0)


def _some(ids: Ids) -> Longs:
    """The text, or parts of a long one, one after the other."""
    if len(ids) > MOST_READ:
        ids = spread(ids, MOST_READ // READ_AT_ONCE, READ_AT_ONCE)
    return np.asarray(ids).astype(np.int64)


def information(ids: Longs, vocab_size: int) -> Table:
    """Positive pointwise mutual information, nats, of each token with the frequent ones at each place around it.

    A frequent one's columns are those of the distances, 1 to REACH, after and before.
    """
    counts = np.bincount(ids, minlength=vocab_size)
    common = _common(counts)
    number_V = np.full(vocab_size, -1, np.int64)
    number_V[common] = np.arange(len(common))
    is_common = number_V[ids] >= 0
    logs = np.log(np.maximum(counts, 1)).astype(np.float32) - np.float32(math.log(max(1, len(ids))) / 2)
    found: list[tuple[Longs, Longs, NDArray[np.float32]]] = []
    for distance in range(1, REACH + 1):
        either = np.flatnonzero(is_common[:-distance] | is_common[distance:])
        first, second, often = _pairs(ids[either], ids[either + distance], vocab_size)
        for tokens, beside in ((first, second), (second, first)):
            values = often - logs[tokens] - logs[beside]
            columns = number_V[beside]
            more = (columns >= 0) & (values > 0)
            found.append((tokens[more], columns[more] + len(common) * len(found), values[more]))
    tokens, columns, values = (np.concatenate(each) for each in zip(*found, strict=True))
    places = torch.from_numpy(tokens), torch.from_numpy(columns)
    return Table(*places, torch.from_numpy(values), (vocab_size, len(common) * 2 * REACH))


def _common(counts_V: Longs) -> Longs:
    """The most frequent tokens of those that come at all."""
    return np.argsort(-counts_V, kind="stable")[: min(COMMON, np.count_nonzero(counts_V))]


def _pairs(first: Longs, second: Longs, vocab_size: int) -> tuple[Longs, Longs, NDArray[np.float32]]:
    """The different pairs, and the logarithm of how often each comes."""
    keys = first * vocab_size + second
    if vocab_size**2 < 2**31:
        keys = keys.astype(np.int32)  # sorted in half of the time
    keys.sort()
    begins = np.flatnonzero(np.diff(keys, prepend=-1))
    pairs = keys[begins].astype(np.int64)
    often = np.log(np.diff(begins, append=len(keys)), dtype=np.float32)
    return pairs // vocab_size, pairs % vocab_size, often


def directions(table: Table, known_V: Tensor, width: int, generator: torch.Generator) -> Tensor:
    """(V, K), K the smallest of ``width`` and the table's sides: U S^(1/2) of its singular values and vectors.

    They are those of the rows that ``known_V`` says, and all others are told by the directions found there.
    """
    size, columns = table.shape
    rank = min(width, size, columns)
    if not len(table.values):
        return torch.zeros(size, rank)
    some = table.of(known_V)
    rows, turned = some.matrix(), some.turned()
    found = turned @ torch.randn(size, min(rank + MORE, size, columns), generator=generator)
    for _ in range(ROUNDS):
        found = turned @ (rows @ torch.linalg.qr(found).Q)
    basis = torch.linalg.qr(found).Q
    part = rows @ basis
    squares, vectors = torch.linalg.eigh(part.t() @ part)  # ascending
    largest, sides = squares.flip(0)[:rank], basis @ vectors.flip(1)[:, :rank]
    # A direction has two ends: that of its largest number is taken, whatever the library's rounding leads to.
    sides = sides * sides.gather(0, sides.abs().argmax(0, keepdim=True)).sign()
    found = table.matrix() @ sides
    return torch.where(largest > 1e-6 * largest[:1], found * largest.clamp_min(1e-30) ** -0.25, 0.0)
