"""Several processes that train one network, each on its share of every batch's rows. torchrun starts them.

Every process knows the whole batch, which follows from (seed, step), and draws the whole batch's dropout; it reads its
own rows only, divides by the tokens of all, and gradients are summed. So what is learned is what one process learns,
but for the order of sums, whatever the lengths of the rows are. (DistributedDataParallel averages over processes
instead, which weighs a short row more than a long one.)

The first process decides, tells the others what to do next, evaluates and writes; they do it with it (following.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, distributed

from rnncli.device import DeviceKind, launched
from rnncli.training.batches import Batch


class Order(IntEnum):
    """What all processes do next."""

    END = 0
    STEP = 1
    """Number and learning rate follow."""
    SAVE = 2
    RESTORE = 3
    BACK = 4
    """The last saved state again, within a run."""
    AVERAGE = 5


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

    @property
    def first(self) -> bool:
        """Whether this is the process that decides and writes."""
        return self.rank == 0

    def order(self, what: Order, step: int = 0, learning_rate: float = 0.0) -> None:
        """Have the other processes do something with this one, which is the first."""
        if self.world > 1:
            distributed.broadcast(torch.tensor([what, step, learning_rate], dtype=torch.float64), 0)

    def ordered(self) -> tuple[Order, int, float]:
        """The first process's next order."""
        told = torch.zeros(3, dtype=torch.float64)
        distributed.broadcast(told, 0)
        what, step, learning_rate = told.tolist()
        return Order(int(what)), int(step), learning_rate

    def tell(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What the first process tells, as JSON has it; what the others give is not looked at."""
        if self.world == 1:
            return dict(facts)
        data = torch.frombuffer(bytearray(json.dumps(facts).encode()), dtype=torch.uint8)
        size = torch.tensor(len(data))
        distributed.broadcast(size, 0)
        data = data if self.first else torch.empty(int(size), dtype=torch.uint8)
        distributed.broadcast(data, 0)
        told: dict[str, Any] = json.loads(data.numpy().tobytes())
        return told


ALONE = Ranks()


@contextmanager
def together(kind: DeviceKind) -> Iterator[Ranks]:
    """The processes that torchrun started for this run, connected; ALONE where it started none.

    What is on GPUs is added up by NCCL, all else by gloo.
    """
    me = launched()
    if me.world == 1:
        yield ALONE
        return
    if kind == "cuda":
        torch.cuda.set_device(me.here)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo")
    try:
        yield Ranks(me.rank, me.world)
    finally:
        distributed.destroy_process_group()
