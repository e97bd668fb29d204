"""Optimizers, averages of weights and the scale of half-precision losses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from rnncli.config import TrainConfig

Tensors = dict[str, Tensor]


class Optimizer:
    """AdamW or SGD over named parameters, with decoupled weight decay on matrices.

    Its moments are named tensors, so that a run's state is a flat list of arrays. The steps are the functions that
    ``torch.optim.AdamW`` and ``SGD`` call; the classes themselves import torch's compiler, which takes 1.5 s.
    ``lazy``: names of those that ``step`` leaves alone (lazily.py).
    """

    def __init__(self, parameters: Tensors, config: TrainConfig, lazy: Collection[str] = ()) -> None:
        self.parameters, self.config = parameters, config
        stepped = [name for name in parameters if name not in lazy]
        plain = [name for name in stepped if not is_decayed(name)]
        decayed = [name for name in stepped if is_decayed(name)]
        self._groups = ((decayed, config.weight_decay), (plain, 0.0))
        self._state: dict[str, Tensors] = {}

    @torch.no_grad()
    def step(self, learning_rate: float | Tensor, unless: Tensor | None = None) -> None:
        """One update from the gradients that lie in the parameters; clears them.

        AdamW in one kernel takes the rate as a tensor too, and leaves all as it is where ``unless`` is 1, so that
        nobody has to look at either.
        """
        for names, weight_decay in self._groups:
            taught = [name for name in names if self.parameters[name].grad is not None]
            if taught and self.config.optimizer == "adamw":
                states = [self.state_of(name) for name in taught]
                of_all = tuple([state[key] for state in states] for key in ("exp_avg", "exp_avg_sq", "step"))
                _adamw(*self._of(taught), of_all, learning_rate, weight_decay, unless)
            elif taught:
                self._sgd(taught, float(learning_rate), weight_decay)
        self.skip()

    def skip(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def tensors(self) -> Tensors:
        """Its state, by name."""
        return {f"{name}.{key}": value for name in self.parameters for key, value in self._state.get(name, {}).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up the state that ``tensors`` gave."""
        for name, parameter in self.parameters.items():
            prefix = name + "."
            mine = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
            # "layers.1.W" is no prefix of another name plus a dot, so the keys left are Adam's own.
            if mine:
                self._state[name] = {
                    key: t.clone().to("cpu" if key == "step" and parameter.device.type == "cpu" else parameter.device)
                    for key, t in mine.items()
                }

    def state_of(self, name: str) -> Tensors:
        """AdamW's moments of a parameter, and how many steps it took."""
        if name not in self._state:
            parameter = self.parameters[name]
            self._state[name] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return self._state[name]

    @torch.no_grad()
    def update(self, name: str, rows: Tensor, moments: tuple[Tensor, Tensor], learning_rate: float) -> float:
        """AdamW's step of some rows of a parameter, which have a gradient, and of their moments, in place.

        It counts as one of the parameter's steps. Returns the parameter's weight decay.
        """
        assert rows.grad is not None
        decay = self.config.weight_decay if is_decayed(name) else 0.0
        first, second = moments
        state = [first], [second], [self.state_of(name)["step"]]
        _adamw([rows], [rows.grad], state, learning_rate, decay)
        return decay

    def _sgd(self, names: list[str], learning_rate: float, weight_decay: float) -> None:
        """Plain, for which the coupled and the decoupled weight decay are the same step."""
        sgd(
            *self._of(names),
            [None] * len(names),
            weight_decay=weight_decay,
            momentum=0.0,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )

    def _of(self, names: list[str]) -> tuple[list[Tensor], list[Tensor]]:
        """The parameters and what they learn from."""
        parameters = [self.parameters[name] for name in names]
        return parameters, [p.grad for p in parameters if p.grad is not None]


BETAS = (0.9, 0.99)
"""Adam's. The second moment forgets within a hundred steps: runs here are short (compare nanoGPT's small recipes)."""
EPSILON = 1e-8
"""Adam's, beside the root of the second moment."""


def is_decayed(name: str) -> bool:
    """Whether it is no bias. A layer's B holds two vectors, so that its shape does not tell."""
    return not name.endswith(("B", "bias"))


def _adamw(
    parameters: list[Tensor],
    gradients: list[Tensor],
    state: tuple[list[Tensor], ...],
    learning_rate: float | Tensor,
    weight_decay: float,
    unless: Tensor | None = None,
) -> None:
    """Loshchilov & Hutter 2019, in place, in one kernel where the device has it.

    ``state``: of each parameter its first and second moment, and the number of its steps.
    """
    first, second, step = state
    adamw(
        parameters,
        gradients,
        first,
        second,
        [],
        step,
        fused=parameters[0].device.type in ("cpu", "cuda"),
        amsgrad=False,
        beta1=BETAS[0],
        beta2=BETAS[1],
        lr=learning_rate,
        weight_decay=weight_decay,
        eps=EPSILON,
        maximize=False,
        found_inf=unless,
    )


class Average:
    """A running average of weights: exponential (EMA), or the plain mean from a moment on (averaged SGD).

    EMA: Polyak's averaging with a decay that warms up, min(decay, (1 + k) / (10 + k)) after k updates, so that the
    start weighs nothing. Mean: Merity et al. 2018, NT-ASGD, once ``trigger`` was called. ``lazy``: names of those whose
    averages are begun here and kept elsewhere (lazily.py).
    """

    def __init__(self, parameters: Tensors, config: TrainConfig, lazy: Collection[str] = ()) -> None:
        self.parameters, self.decay = parameters, config.ema
        self._kept_here = [name for name in parameters if name not in lazy]
        self.mean = config.optimizer == "asgd"
        self.updates = 0
        self.on = bool(config.ema) and not self.mean
        self.values: Tensors = {}

    def trigger(self) -> None:
        """Begin the plain mean."""
        self.on = self.on or self.mean

    @property
    def weight(self) -> float:
        """What the parameters weigh in the next update; 0 while there is no average."""
        if not self.on:
            return 0.0
        k = self.updates
        return 1.0 / (k + 1) if self.mean else 1.0 - min(self.decay, (1.0 + k) / (10.0 + k))

    def update(self) -> None:
        """Take the parameters as they are now into the average."""
        if not self.on:
            return
        if not self.values:
            self.values = {name: p.detach().clone() for name, p in self.parameters.items()}
        now = [self.parameters[name].detach() for name in self._kept_here]
        torch._foreach_lerp_([self.values[name] for name in self._kept_here], now, self.weight)
        self.updates += 1

    def update_unseen(self, weight: Tensor) -> None:
        """The same where the device alone knows ``weight``; whoever waits for it counts the update."""
        for name, value in self.values.items():
            value.lerp_(self.parameters[name].detach(), weight)

    def current(self) -> Tensors:
        """The weights to evaluate and to keep."""
        return self.values or {name: p.detach() for name, p in self.parameters.items()}

    def load(self, values: Mapping[str, Tensor], updates: int, on: bool) -> None:
        """Take up a saved average."""
        self.values = {name: values[name].clone() for name in self.parameters} if values else {}
        self.updates, self.on = updates, on


@dataclass(frozen=True)
class LossScale:
    """Keeps fp16 gradients in range: halved when one overflows, doubled after 2,000 good steps."""

    value: float = 65536.0
    good: int = 0

    def after(self, *, finite: bool) -> LossScale:
        """The scale of the next step."""
        if not finite:
            return LossScale(max(1.0, self.value / 2), 0)
        if self.good + 1 >= 2000:
            return LossScale(min(2.0**24, self.value * 2), 0)
        return LossScale(self.value, self.good + 1)


def clip_gradients(parameters: Tensors, longest: float, scale: float = 1.0) -> float:
    """Divide the gradients by ``scale``, shorten them to the global norm ``longest``, and return the norm before.

    All gradients together are one vector (Pascanu, Mikolov & Bengio 2013). ``longest`` 0: no clipping. A norm that is
    not finite is returned as it is, the gradients untouched.
    """
    grads = [p.grad for p in parameters.values() if p.grad is not None]
    norms = torch._foreach_norm(grads)
    norm = float(torch.linalg.vector_norm(torch.stack(norms)) / scale)
    factor = 1.0 / scale
    if longest and norm > longest:
        factor *= longest / norm
    if factor != 1.0 and norm == norm and norm != float("inf"):
        torch._foreach_mul_(grads, factor)
    return norm


def clip_unseen(parameters: Tensors, longest: float, scale: Tensor) -> Tensor:
    """``clip_gradients`` where the device alone knows the numbers: the norm before, a float32 scalar."""
    grads = [p.grad for p in parameters.values() if p.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads))) / scale
    factor = torch.clamp(longest / norm, max=1.0) if longest else torch.ones_like(norm)
    torch._foreach_mul_(grads, factor / scale)
    return norm
