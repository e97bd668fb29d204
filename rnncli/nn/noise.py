"""Dropout, all of it, as a pure function of a generator: the same generator state drops the same units.

Shapes: B batch, T time, D features, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Noise:
    """The dropout of one training step, drawn from ``generator`` in the order in which it is asked for.

    ``rows``: those that are read here of a batch of ``of``, whose dropout is that of the whole batch; without, all.
    """

    def __init__(self, generator: torch.Generator, rows: slice | None = None, of: int = 0) -> None:
        self.generator, self.rows, self.of = generator, rows, of

    def mask(self, shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
        """Zeros with probability ``rate``, else 1 / (1 - rate), as ``like``'s dtype and device.

        The rate is kept to within 1/512: one random byte an entry is seven times as fast as one float.
        """
        count = 1
        for size in shape:
            count *= size
        words = torch.empty((count + 7) // 8, dtype=torch.int64, device=self.generator.device)
        # random_'s default range for int64 leaves the sign bit out; the full range fills all eight bytes.
        words.random_(-(2**63), None, generator=self.generator)
        threshold = min(255, round(rate * 256))
        keep = words.view(torch.uint8)[:count].view(shape) >= threshold
        return keep.to(like.device, like.dtype).div_(1 - threshold / 256)

    def locked(self, x_BTD: Tensor, rate: float) -> Tensor:
        """Locked dropout: the same units at every time step of a row (Gal & Ghahramani 2016)."""
        if not rate:
            return x_BTD
        if self.rows is None:
            return x_BTD * self.mask((x_BTD.shape[0], 1, x_BTD.shape[2]), rate, x_BTD)
        return x_BTD * self.mask((self.of, 1, x_BTD.shape[2]), rate, x_BTD)[self.rows]

    def weights(self, weight: Tensor, rate: float) -> Tensor:
        """DropConnect on a weight matrix (Merity, Keskar & Socher 2018)."""
        return weight * self.mask(tuple(weight.shape), rate, weight) if rate else weight

    def tokens(self, vectors_BTD: Tensor, ids_BT: Tensor, vocab_size: int, rate: float) -> Tensor:
        """Whole tokens' embeddings, the same tokens all over the batch (Gal & Ghahramani 2016)."""
        if not rate:
            return vectors_BTD
        return vectors_BTD * self.mask((vocab_size, 1), rate, vectors_BTD)[ids_BT]
