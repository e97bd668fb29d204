"""Several processes that train one network, each on its share of every batch's rows. torchrun starts them.

Every process knows the whole batch, which follows from (seed, step), and draws the whole batch's dropout; it reads its
own rows only, divides by the tokens of all, and gradients are summed. So what is learned is what one process learns,
but for the order of sums, whatever the lengths of the rows are. (DistributedDataParallel averages over processes
instead, which weighs a short row more than a long one.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, distributed

from rnncli.training.batches import Batch


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1

    def rows(self, count: int) -> slice:
        """Its own of so many rows; perhaps none."""
        return slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def share(self, batch: Batch) -> Batch:
        """Its own rows of a batch."""
        if self.world == 1:
            return batch
        rows = self.rows(len(batch.inputs_BT))
        return replace(
            batch,
            inputs_BT=batch.inputs_BT[rows],
            targets_BT=batch.targets_BT[rows],
            counted_BT=batch.counted_BT[rows],
            reset_B=batch.reset_B[rows],
        )

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Put the sums over all processes in the place of their float32 tensors: the same bits in each process."""
        if self.world == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, whole in zip(tensors, parts, strict=True):
            tensor.copy_(whole.view_as(tensor))

    def gather(self, mine_BD: Tensor, rows: int) -> Tensor:
        """All ``rows`` of a tensor of which each process has its own."""
        if self.world == 1:
            return mine_BD
        whole = mine_BD.new_zeros((rows, *mine_BD.shape[1:]))
        whole[self.rows(rows)] = mine_BD
        distributed.all_reduce(whole)
        return whole


ALONE = Ranks()
