"""AdamW on tables of which a step reads few rows: the other rows are brought up to date when they are next read.

Of a vocabulary of ten thousand tokens, a step of five hundred reads, predicts and draws a tenth. To all other rows
AdamW only does what it does without a gradient: their weights decay, their moments fade, what is left of the first one
moves them on, and the average of weights comes nearer to them. All that has a closed form, so it can wait (lazy
updates: Carpenter 2008, "Lazy sparse stochastic gradient descent"). What is left out are two products of small numbers:
the decay of a row's own drift, and where in a gap its average was (tests/unit/test_lazily.py has the differences).

Shapes: N rows of a table, U of them read, D columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from rnncli.training.optim import BETAS, EPSILON, Average, Optimizer, Tensors

BEHIND = {"steps": 0.0, "decayed": 1.0, "kept": 1.0, "drift": 0.0}
"""What a table knows of the steps since each row was read, (N,) float32, and what that is for a row that was read just
now: how many; what they left of its weights, and of its average; how far they moved it on, in what its first moment by
its second's root is."""


class LazyTable:
    """One table: a parameter of the optimizer and of the average, which leave it alone."""

    def __init__(self, name: str, optimizer: Optimizer, average: Average) -> None:
        self.name, self.optimizer, self.average = name, optimizer, average
        self.table = optimizer.parameters[name]
        self.behind: Tensors = {
            key: torch.full((len(self.table),), start, dtype=torch.float32) for key, start in BEHIND.items()
        }
        self.ids_U = torch.zeros(0, dtype=torch.int64)
        self.rows_UD = self.table.detach()[:0]
        self._moments: tuple[Tensor, Tensor] = (self.rows_UD, self.rows_UD)

    def read(self, ids_U: Tensor) -> Tensor:
        """Rows as they are now, (U, D), with a gradient to come. ``ids_U``: each once. Nothing is changed yet."""
        self.ids_U = ids_U
        with torch.no_grad():
            rows, first, second = self._up_to_date(ids_U)
        self.rows_UD, self._moments = rows.requires_grad_(), (first, second)
        return self.rows_UD

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One update of what was read, by its gradient; the others are one more step behind.

        To be called before the average counts the update.
        """
        ids, weight = self.ids_U, self.average.weight
        averages = self.average.values.get(self.name)
        if averages is not None:
            average = averages.index_select(0, ids).lerp_(self.rows_UD, self._gone(ids))
        decay = self.optimizer.update(self.name, self.rows_UD, self._moments, learning_rate)
        state = self.optimizer.state_of(self.name)
        whole = self.table, state["exp_avg"], state["exp_avg_sq"]
        for table, part in zip(whole, (self.rows_UD, *self._moments), strict=True):
            table.index_copy_(0, ids, part)
        if averages is not None:
            averages.index_copy_(0, ids, average.lerp_(self.rows_UD, weight))
        self._fall_behind(ids, learning_rate, decay, weight)

    def _fall_behind(self, ids_U: Tensor, learning_rate: float, decay: float, weight: float) -> None:
        """Count a step: for all rows, and then not for those that took it."""
        taken, behind = float(self.optimizer.state_of(self.name)["step"]), self.behind
        behind["steps"] += 1
        behind["decayed"] *= 1 - learning_rate * decay
        behind["kept"] *= 1 - weight
        beta1, beta2 = BETAS
        length = learning_rate * math.sqrt(1 - beta2**taken) / (1 - beta1**taken)
        behind["drift"] += length * torch.pow(beta1 / math.sqrt(beta2), behind["steps"])
        for key, array in behind.items():
            array[ids_U] = BEHIND[key]

    def _up_to_date(self, ids_U: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows and both their moments after all steps so far."""
        state = self.optimizer.state_of(self.name)
        whole = self.table.detach(), state["exp_avg"], state["exp_avg_sq"]
        rows, first, second = (table.index_select(0, ids_U) for table in whole)
        steps, decayed, _, drift = (self.behind[key][ids_U].unsqueeze(1) for key in BEHIND)
        rows.mul_(decayed)
        rows.addcdiv_(first * drift.neg(), second.sqrt().add_(EPSILON))
        for moment, beta in ((first, BETAS[0]), (second, BETAS[1])):
            moment.mul_(torch.pow(beta, steps))
        return rows, first, second

    def _gone(self, ids_U: Tensor) -> Tensor:
        """The share of their average that the steps since have replaced, (U, 1)."""
        return (1 - self.behind["kept"][ids_U]).unsqueeze(1)

    @torch.no_grad()
    def current(self) -> Tensor:
        """What to evaluate and to keep of the whole table, (N, D): its average where there is one."""
        everything = torch.arange(len(self.table))
        rows, *_ = self._up_to_date(everything)
        averages = self.average.values.get(self.name)
        return rows if averages is None else averages.lerp(rows, self._gone(everything))


class LazyTables:
    """All tables of a network that are read row by row."""

    def __init__(self, names: Iterable[str], optimizer: Optimizer, average: Average) -> None:
        self.of = {name: LazyTable(name, optimizer, average) for name in names}

    def leaves(self) -> Tensors:
        """What the last step read, by the tables' names."""
        return {name: table.rows_UD for name, table in self.of.items()}

    def step(self, learning_rate: float) -> None:
        """``LazyTable.step`` of all."""
        for table in self.of.values():
            table.step(learning_rate)

    def current(self) -> Tensors:
        """``LazyTable.current`` of all."""
        return {name: table.current() for name, table in self.of.items()}

    def tensors(self) -> Tensors:
        """How far each row is behind, by name."""
        return {f"{name}.{key}": array for name, table in self.of.items() for key, array in table.behind.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what ``tensors`` gave. A run that was saved before there was any has nothing of it: no row waits."""
        for name, table in self.of.items():
            for key, array in table.behind.items():
                saved = tensors.get(f"{name}.{key}")
                array.copy_(torch.full_like(array, BEHIND[key]) if saved is None else saved)
