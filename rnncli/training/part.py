"""A step's part of the vocabulary: the tokens that it reads, predicts and draws. All its ids are places among those.

Shapes: V vocabulary, U tokens of the part, E embedding, D features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnncli.nn.sampled import Drawn
from rnncli.training.batches import Batch


class Vectors(NamedTuple):
    """Of all tokens or of a part's: vectors (V, E), the head's (V, D) and biases (V,)."""

    embedding: Tensor
    head: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Part:
    """``ids_U``, ascending, and a batch and drawn tokens that are told by their places among them."""

    ids_U: NDArray[np.int64]
    batch: Batch
    drawn: Drawn

    @classmethod
    def of(cls, batch: Batch, drawn: Drawn, vocab_size: int) -> Part:
        """The part that all of ``batch`` and ``drawn`` lie in."""
        read = np.zeros(vocab_size, bool)
        for ids in (batch.inputs_BT, batch.targets_BT, drawn.ids_K.numpy()):
            read[ids] = True
        place_V = np.cumsum(read) - 1
        here = replace(batch, inputs_BT=place_V[batch.inputs_BT], targets_BT=place_V[batch.targets_BT])
        return cls(np.flatnonzero(read), here, replace(drawn, ids_K=torch.from_numpy(place_V[drawn.ids_K.numpy()])))
