"""Token vectors that share what tokens have in common in writing, while they learn.

Shapes: V vocabulary, E embedding, F features; U tokens of a part, G features that they have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnncli.nn.bags import Bags
from rnncli.text.resemblance import Resemblance


class _Sums(torch.autograd.Function):
    """Of each token its features' vectors. The way back is the same with tokens and features in exchange, which takes a
    third to a half of the time of embedding_bag's own."""

    @staticmethod
    def forward(ctx: Any, shared_FE: Tensor, forth: Bags, back: Bags) -> Tensor:
        ctx.back = back
        return forth.times(shared_FE)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back.times(grads[0]), None, None


def _with_sums(own_VE: Tensor, shared_FE: Tensor, forth: Bags, back: Bags) -> Tensor:
    sums: Tensor = _Sums.apply(shared_FE, forth, back)  # type: ignore[no-untyped-call]
    return own_VE + sums


class Alike(NamedTuple):
    """What some tokens have in common: their features, each once, and which of those each token has."""

    features_G: Tensor
    forth: Bags
    back: Bags

    @classmethod
    def of(cls, features_G: Tensor, places: Tensor, starts: Tensor, weights: Tensor) -> Alike:
        """Of tokens whose features are those at ``places`` among ``features_G``, from each one of ``starts`` on."""
        lengths = torch.diff(starts, append=torch.tensor([len(places)]))
        tokens = torch.repeat_interleave(torch.arange(len(starts)), lengths)
        back = Bags.of(places, tokens, weights, len(features_G))
        return cls(features_G, Bags(places, starts, weights), back)

    def __call__(self, own_UE: Tensor, shared_GE: Tensor) -> Tensor:
        """(U, E): the tokens' own vectors and what they share."""
        return _with_sums(own_UE, shared_GE, self.forth, self.back)


class Resembling(nn.Module):
    """Adds to each token's own vector those of its features: what "love" learns, " Love" and "loves" learn with it.

    Only the sums are stored: a model that learned so is like any other.
    """

    def __init__(self, found: Resemblance, embedding_size: int) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.zeros(found.features_count, embedding_size))
        """(F, E): at first nothing."""
        features, starts, weights = (torch.from_numpy(a) for a in (found.features, found.starts, found.weights))
        whole = Alike.of(torch.arange(found.features_count), features, starts, weights)
        for way, bags in (("forth", whole.forth), ("back", whole.back)):
            for name, array in zip(Bags._fields, bags, strict=True):
                self.register_buffer(f"{way}_{name}", array, persistent=False)

    def forward(self, own_VE: Tensor, shared_FE: Tensor | None = None) -> Tensor:
        """(V, E): ``own_VE`` and what is shared, of the module's own vectors or of ``shared_FE``."""
        table = self.shared if shared_FE is None else shared_FE
        return _with_sums(own_VE, table, self._bags("forth"), self._bags("back"))

    def among(self, ids_U: NDArray[np.int64]) -> Alike:
        """What the tokens ``ids_U`` have in common, for which it does what ``forward`` does for all. On a processor."""
        features, starts_V, weights = (array.numpy() for array in self._bags("forth"))
        first, last = starts_V[ids_U], np.append(starts_V, len(features))[ids_U + 1]
        starts = np.cumsum(last - first) - (last - first)
        where = np.repeat(first - starts, last - first) + np.arange((last - first).sum())
        read = np.zeros(len(self.shared), bool)
        read[features[where]] = True
        places = (np.cumsum(read) - 1)[features[where]]
        return Alike.of(*map(torch.from_numpy, (np.flatnonzero(read), places, starts, weights[where])))

    def _bags(self, way: str) -> Bags:
        return Bags(*(self.get_buffer(f"{way}_{name}") for name in Bags._fields))
