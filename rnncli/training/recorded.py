"""A training step that is recorded once, as a CUDA graph, and then only replayed.

The step of a small network is a hundred and fifty kernels or more, most of which a GPU runs in microseconds: to start
them one by one takes the processor two to three times as long. A graph is started as a whole. What differs from step to
step lies in tensors that stay where they are, and nothing in the step waits for a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from rnncli.nn.model import State, flat
from rnncli.nn.noise import Noise
from rnncli.training.batches import Batch
from rnncli.training.optim import clip_unseen

if TYPE_CHECKING:
    from rnncli.training.learner import Learner

RECORDED_ON = ("cuda",)
"""Kinds of device on which steps are recorded."""
TAKEN_BEFORE = 3
"""Steps that are taken one kernel after another first: libraries set themselves up, the optimizer its moments."""


Numbers = tuple[float, float, float, float]
"""Learning rate, the loss's scale, tokens, what the new weights weigh in their average."""
Found = tuple[float, float]
"""Loss and norm of the gradients."""


class RecordedStep:
    """One step of a learner, for batches of one shape whose rows go on. Shapes: B batch, T time."""

    def __init__(self, learner: Learner, batch: Batch, state: State) -> None:
        self.learner, device = learner, learner.device
        self.batch = tuple(array.clone().to(device) for array in _arrays(batch))
        self.numbers = torch.zeros(4, device=device)
        self.state: State = tuple(tuple(array.clone() for array in layer) for layer in state)
        self.generator = torch.Generator(device)
        self.found = torch.zeros(2, device=device)
        self._replay: Callable[[], None] = self._take
        if device.type == "cuda":
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self.generator)
            with torch.cuda.graph(graph):
                self._take()
            self._replay = graph.replay

    def __call__(self, batch: Batch, numbers: Numbers, seed: int) -> Callable[[], Found]:
        """Begin a step; what is given back waits for its end, and gives the loss and the norm of the gradients."""
        for here, array in zip(self.batch, _arrays(batch), strict=True):
            here.copy_(array, non_blocking=True)
        self.numbers.copy_(torch.tensor(numbers), non_blocking=True)
        if self.learner.carried is not self.state:
            self._go_on_from(self.learner.carried)
        self.generator.manual_seed(seed)
        self._replay()
        return self._wait

    def _go_on_from(self, carried: State | None) -> None:
        others = flat(self.learner.model.start(len(self.batch[0])) if carried is None else carried)
        for array, other in zip(flat(self.state), others, strict=True):
            array.copy_(other)

    def _wait(self) -> Found:
        loss, norm = self.found.tolist()
        return loss, norm

    def _take(self) -> None:
        """What is recorded. A step whose numbers are not finite changes nothing and forgets the state."""
        learner = self.learner
        inputs_BT, targets_BT, counted_BT, keep_B = self.batch
        rate, scale, tokens, weight = self.numbers.unbind()
        keep_B1 = keep_B.unsqueeze(1)
        before = tuple(tuple(array * keep_B1.to(array.dtype) for array in layer) for layer in self.state)
        weights_N = counted_BT.flatten().float() / tokens
        loss, after = learner.loss_of(inputs_BT, targets_BT.flatten(), weights_N, before, Noise(self.generator))
        torch.autograd.backward(loss * scale)
        with torch.no_grad():
            norm = clip_unseen(learner.parameters, learner.config.clip_norm, scale)
            bad = ~(loss.isfinite() & norm.isfinite())
            learner.optimizer.step(rate, unless=bad.float())
            if learner.average.on:
                learner.average.update_unseen(weight.masked_fill(bad, 0.0))
            for here, new in zip(flat(self.state), flat(after), strict=True):
                here.copy_(new.masked_fill(bad, 0.0))
            self.found.copy_(torch.stack((loss, norm)))


def _arrays(batch: Batch) -> tuple[torch.Tensor, ...]:
    """Inputs, targets, what counts, and the rows that go on."""
    arrays = (batch.inputs_BT, batch.targets_BT, batch.counted_BT, ~batch.reset_B)
    return tuple(torch.from_numpy(array) for array in arrays)


def recorded_step(learner: Learner, batch: Batch, state: State) -> RecordedStep | None:
    """The learner's step, recorded; None where the device's libraries cannot."""
    try:
        return RecordedStep(learner, batch, state)
    except RuntimeError:
        learner.optimizer.skip()
        return None


def is_recordable(learner: Learner, *, carry: bool) -> bool:
    """Whether all of a step can lie on the device, with nothing drawn or decided by the processor."""
    alone = learner.ranks.world == 1 and learner.chance_V is None
    return carry and alone and learner.config.optimizer == "adamw" and learner.device.type in RECORDED_ON
