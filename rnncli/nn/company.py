"""Token vectors that begin with the company that tokens keep, and learn through what is common to all of them.

Shapes: V vocabulary, E embedding, U tokens of a part.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Company(nn.Module):
    """Adds to each token's own vector that of its company, turned by a matrix that all tokens learn together.

    So what the frequent ones learn of their neighbourhoods holds for the seldom ones among them. Only the sums are
    stored: a model that learned so is like any other.
    """

    vectors: Tensor
    """(V, E): of each token's company (training/company.py); they stay as they are."""

    def __init__(self, vectors_VE: Tensor, *, known: bool = False) -> None:
        """``known``: the own vectors have learned already, so that at first nothing is added."""
        super().__init__()
        self.register_buffer("vectors", vectors_VE, persistent=False)
        width = vectors_VE.shape[1]
        self.turn = nn.Parameter(torch.zeros(width, width) if known else torch.eye(width))

    def forward(self, own: Tensor, ids_U: Tensor | None = None, turn_EE: Tensor | None = None) -> Tensor:
        """Of all tokens (V, E), or (U, E) of ``ids_U``: ``own`` and what is added, by the module's turn or this one."""
        vectors = self.vectors if ids_U is None else self.vectors.index_select(0, ids_U)
        return torch.addmm(own, vectors, self.turn if turn_EE is None else turn_EE)
