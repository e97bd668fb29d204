"""Sparse matrices whose rows are bags of weighted columns."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Bags(NamedTuple):
    """A sparse matrix by its rows: of row i ``columns[starts[i] : starts[i + 1]]`` with their ``weights``."""

    columns: Tensor
    starts: Tensor
    weights: Tensor

    @classmethod
    def of(cls, rows: Tensor, columns: Tensor, weights: Tensor, count: int) -> Bags:
        """Of so many rows, from where each number lies, in any order."""
        order = torch.argsort(rows, stable=True)
        sizes = torch.bincount(rows, minlength=count)
        return cls(columns[order], sizes.cumsum(0) - sizes, weights[order])

    def times(self, vectors: Tensor) -> Tensor:
        """The product with ``vectors``, (columns, E)."""
        if vectors.is_cuda:
            return self.matrix(len(vectors)) @ vectors
        return F.embedding_bag(self.columns, vectors, self.starts, mode="sum", per_sample_weights=self.weights)

    def matrix(self, columns: int) -> Tensor:
        """The same as PyTorch has it. For GPUs, whose bags are added up one number after another: the bag of all words
        with a space before them took 2 ms of a step, and with this all together 0.06."""
        ends = F.pad(self.starts, (0, 1), value=len(self.columns))
        size = len(self.starts), columns
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it is new
            return torch.sparse_csr_tensor(ends, self.columns, self.weights, size, check_invariants=False)
