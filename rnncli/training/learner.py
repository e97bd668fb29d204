"""One training step: forward, loss, backward, clip, update, average. Shapes: B batch, T time, D features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnncli.config import TrainConfig
from rnncli.device import Machine, choose_precision
from rnncli.nn.company import Company
from rnncli.nn.likelihood import weighted_loss
from rnncli.nn.model import LanguageModel, State, detach, flat, unflat
from rnncli.nn.noise import Noise
from rnncli.nn.resembling import Resembling
from rnncli.nn.sampled import Drawn, sampled_loss
from rnncli.nn.weights import named_parameters
from rnncli.training.batches import Batch, random_for
from rnncli.training.lazily import LazyTables
from rnncli.training.optim import Average, LossScale, Optimizer, Tensors, clip_gradients
from rnncli.training.part import Part, Vectors
from rnncli.training.progress import COMPANY, SHARED
from rnncli.training.ranks import ALONE, Ranks
from rnncli.training.recorded import TAKEN_BEFORE, RecordedStep, is_recordable, recorded_step
from rnncli.training.state import Expected, under_prefix, with_prefix

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class StepResult:
    """What a step found. ``loss``: nats per counted token; ``taken`` is False where something was not finite."""

    loss: float
    grad_norm: float
    tokens: int
    taken: bool


class Learner:
    """A model with everything that its training changes. ``tensors`` and ``load`` are exact opposites."""

    def __init__(
        self,
        model: LanguageModel,
        config: TrainConfig,
        machine: Machine,
        ranks: Ranks = ALONE,
        resembling: Resembling | None = None,
        company: Company | None = None,
        chance_V: NDArray[np.float64] | None = None,
    ) -> None:
        self.device = torch.device(machine.kind)
        self.model = model.to(self.device).train()
        self.config, self.ranks = config, ranks
        self.parameters = named_parameters(model)
        self.resembling, self.company, self.chance_V = resembling, company, chance_V
        if resembling is not None:
            resembling.to(self.device)
            self.parameters[SHARED] = resembling.shared
        if company is not None:
            company.to(self.device)
            self.parameters[COMPANY] = company.turn
        lazy = self._lazy_names()
        self.optimizer = Optimizer(self.parameters, config, lazy)
        self.average = Average(self.parameters, config, lazy)
        self.lazy = LazyTables(lazy, self.optimizer, self.average)
        precision = choose_precision(config.precision, machine)
        self.dtype = DTYPES[precision]
        self.scale: LossScale | None = LossScale() if precision == "fp16" else None
        self.carried: State | None = None
        self.recorded: RecordedStep | None = None
        self._before_recording: float = TAKEN_BEFORE

    def _lazy_names(self) -> list[str]:
        """Tables of which a step reads few rows: where only a part of the vocabulary is in it."""
        few = self.chance_V is not None and self.device.type == "cpu" and self.config.optimizer == "adamw"
        return [name for name in ("embedding", "head.weight", SHARED) if few and name in self.parameters]

    def autocast(self) -> Any:
        """The context in which the network's products run in the chosen precision."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def launch(self, batch: Batch, learning_rate: float, step: int, *, carry: bool) -> Callable[[], StepResult]:
        """Begin a step like ``step``; what is given back waits for its end.

        Where steps are recorded the device works meanwhile, and the processor may go on.
        """
        if self.recorded is None and is_recordable(self, carry=carry):
            # A step whose numbers were not finite leaves no state: then it is the next one.
            if self._before_recording <= 0 and self.carried is not None:
                self.recorded = recorded_step(self, batch, self.carried)
                self._before_recording = math.inf  # where that fails it is not tried again
            self._before_recording -= 1
        if self.recorded is None:
            result = self.step(batch, learning_rate, step, carry=carry)
            return lambda: result
        tokens, scale = int(batch.counted_BT.sum()), self.scale.value if self.scale else 1.0
        numbers = learning_rate, scale, tokens, self.average.weight
        wait = self.recorded(batch, numbers, _mixed(self.config.seed, step))
        self.carried = self.recorded.state

        def result_of() -> StepResult:
            loss, norm = wait()
            finite = math.isfinite(loss) and math.isfinite(norm)
            self.scale = self.scale.after(finite=finite) if self.scale else None
            self.average.updates += finite and self.average.on
            return StepResult(loss, norm, tokens, finite)

        return result_of

    def step(self, batch: Batch, learning_rate: float, step: int, *, carry: bool) -> StepResult:
        """Take one step. Dropout is drawn from (seed, step) alone. ``carry``: go on from the last batch's state."""
        tokens = int(batch.counted_BT.sum())
        scale = self.scale.value if self.scale else 1.0
        loss, after = self._backward(batch, tokens, step, scale, carry=carry)
        learning = {**self.parameters, **self.lazy.leaves()}
        self._add_up(loss, learning)
        norm = clip_gradients(learning, self.config.clip_norm, scale)
        value = float(loss)
        finite = math.isfinite(value) and math.isfinite(norm)
        self.scale = self.scale.after(finite=finite) if self.scale else None
        if finite:
            self.optimizer.step(learning_rate)
            self.lazy.step(learning_rate)
            self.average.update()
        else:
            self.optimizer.skip()
        self.carried = detach(after) if carry and finite else None
        return StepResult(value, norm, tokens, finite)

    def _backward(self, batch: Batch, tokens: int, step: int, scale: float, *, carry: bool) -> tuple[Tensor, State]:
        """This process's part of the loss, its gradients times ``scale`` in the parameters, and the state after it."""
        drawn, ids_U = None, None
        if self.chance_V is not None:
            drawn = Drawn.of(self.chance_V, random_for(self.config.seed, 3, step), self.device)
        if drawn is not None and self.lazy.of:
            part = Part.of(batch, drawn, len(self.model.bias))
            ids_U, batch, drawn = part.ids_U, part.batch, part.drawn
        vectors = self._vectors(ids_U)
        mine, of = self.ranks.share(batch), len(batch.inputs_BT)
        state = self._state_before(mine, carry=carry)
        if not len(mine.inputs_BT):  # the last few lines of an epoch, and more processes than those
            return torch.zeros((), device=self.device), state
        inputs, targets, counted = (self._tensor(a) for a in (mine.inputs_BT, mine.targets_BT, mine.counted_BT))
        rows = self.ranks.rows(of) if self.ranks.world > 1 else None
        generator = torch.Generator(self.device).manual_seed(_mixed(self.config.seed, step))
        weights_N = counted.flatten().float() / tokens
        noise = Noise(generator, rows, of)
        loss, after = self._loss(vectors, inputs, targets.flatten(), weights_N, state, noise, drawn)
        torch.autograd.backward(loss * scale)
        return loss.detach(), after

    def _vectors(self, ids_U: NDArray[np.int64] | None = None) -> Vectors:
        """Of all tokens, or of ``ids_U`` alone."""
        bias: Tensor = self.model.bias
        embedding: Tensor = self.model.embedding
        if ids_U is None:
            embedding = embedding if self.company is None else self.company(embedding)
            embedding = embedding if self.resembling is None else self.resembling(embedding)
            return Vectors(embedding, self.model.head_beside(embedding), bias)
        tables, ids = self.lazy.of, torch.from_numpy(ids_U)
        embedding = tables["embedding"].read(ids)
        embedding = embedding if self.company is None else self.company(embedding, ids)
        if self.resembling is not None:
            alike = self.resembling.among(ids_U)
            embedding = alike(embedding, tables[SHARED].read(alike.features_G))
        untied = tables.get("head.weight")
        return Vectors(embedding, embedding if untied is None else untied.read(ids), bias.index_select(0, ids))

    def loss_of(
        self, inputs_BT: Tensor, targets_N: Tensor, weights_N: Tensor, state: State, noise: Noise
    ) -> tuple[Tensor, State]:
        """The loss over all of the vocabulary, a float32 scalar, and the state after the batch."""
        return self._loss(self._vectors(), inputs_BT, targets_N, weights_N, state, noise, None)

    def _loss(
        self,
        vectors: Vectors,
        inputs_BT: Tensor,
        targets_N: Tensor,
        weights_N: Tensor,
        state: State,
        noise: Noise,
        drawn: Drawn | None,
    ) -> tuple[Tensor, State]:
        """The same from the tokens' ``vectors``, with ``drawn`` ones in its softmax; None: all of them."""
        with self.autocast():
            features_BTD, after = self.model(inputs_BT, state, noise=noise, embedding=vectors.embedding)
        # The loss chooses its precisions itself: on a GPU autocast would make float32 of some of its products.
        network = features_BTD.flatten(0, 1).to(self.dtype), vectors.head, vectors.bias
        if drawn is None:
            return weighted_loss(*network, targets_N, weights_N), after
        return sampled_loss(*network, targets_N, weights_N, drawn), after

    def _add_up(self, loss: Tensor, learning: Tensors) -> None:
        """Make of every process's loss and gradients those of the whole batch."""
        if self.ranks.world == 1:
            return
        for parameter in learning.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.ranks.add([loss, *(p.grad for p in learning.values() if p.grad is not None)])

    def _state_before(self, batch: Batch, *, carry: bool) -> State:
        rows = len(batch.inputs_BT)
        if not carry or self.carried is None:
            return self.model.start(rows)
        keep = self._tensor(~batch.reset_B).unsqueeze(1)
        return tuple(tuple(array * keep.to(array.dtype) for array in layer) for layer in self.carried)

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    def weights(self) -> Tensors:
        """The weights to evaluate and keep, the average where there is one; what tokens share is in the embedding."""
        found = {**self.average.current(), **self.lazy.current()}
        embedding = found["embedding"]
        with torch.no_grad():
            embedding = embedding if self.company is None else self.company(embedding, turn_EE=found.pop(COMPANY))
            embedding = embedding if self.resembling is None else self.resembling(embedding, found.pop(SHARED))
        return {**found, "embedding": embedding}

    def tensors(self) -> Tensors:
        """Everything that changes, by name, for the state of a run: of all processes, and to be asked for in each."""
        carried = () if self.carried is None else flat(self.carried)
        carried = tuple(self.ranks.gather(one, self.config.batch_size) for one in carried)
        return {
            **with_prefix("parameter", self.parameters),
            **with_prefix("optimizer", self.optimizer.tensors()),
            **with_prefix("average", self.average.values),
            **with_prefix("behind", self.lazy.tensors()),
            **with_prefix("fixed", self._fixed()),
            **with_prefix("carried", {str(i): t for i, t in enumerate(carried)}),
        }

    def expected(self, positions: NDArray[np.int64], tokens: int) -> Expected:
        """What a saved state must hold to be taken up: of rows at so many ``positions`` in so many ``tokens``."""
        rows = len(positions)  # none where each line stands alone: nothing is carried on
        carried = [tuple(array.shape) for array in flat(self.model.start(rows))] if rows else []
        behind = {name: array.shape for name, array in self.lazy.tensors().items()}
        fixed = {name: tuple(array.shape) for name, array in self._fixed().items()}
        return Expected(self.parameters, behind, fixed, carried, positions.shape, tokens)

    def _fixed(self) -> Tensors:
        """What was made of the text at the beginning: made again, it could have other bits on another machine."""
        return {} if self.company is None else {COMPANY: self.company.vectors}

    def numbers(self) -> dict[str, Any]:
        """What of it is no tensor, as Progress has it."""
        scale = self.scale or LossScale(1.0)
        return {
            "average_updates": self.average.updates,
            "average_on": self.average.on,
            "loss_scale": scale.value,
            "good_steps": scale.good,
        }

    def load(self, tensors: Mapping[str, Tensor], *, average_updates: int, average_on: bool) -> None:
        """Take up what ``tensors`` gave."""
        self.recorded, self._before_recording = None, TAKEN_BEFORE  # its tensors are not those any more
        with torch.no_grad():
            for name, value in under_prefix("parameter", tensors).items():
                self.parameters[name].copy_(value)
            for name, value in under_prefix("fixed", tensors).items():
                self._fixed()[name].copy_(value)
        self.optimizer.load(under_prefix("optimizer", tensors))
        average = {k: t.to(self.device) for k, t in under_prefix("average", tensors).items()}
        self.average.load(average, average_updates, average_on)
        self.lazy.load(under_prefix("behind", tensors))
        carried = under_prefix("carried", tensors)
        mine = self.ranks.rows(self.config.batch_size)
        arrays = tuple(carried[str(i)][mine].to(self.device) for i in range(len(carried)))
        self.carried = unflat(arrays, self.model.config.layers) if arrays else None


def _mixed(seed: int, step: int) -> int:
    """The seed of dropout's randomness at a step: no generator's state has to be kept."""
    return (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**63
