"""What a training yields and the fronts render: small frozen records. Logarithms are natural."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from rnncli.records import Quality


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of a plan: a setting, its value and why."""

    name: str
    """As the config classes name it, or a word for what is no option."""
    value: str | int | float | bool
    why: str


Weights: TypeAlias = "dict[str, Any]"
"""Named numpy arrays, as model.safetensors holds them."""


class WeightSource(Protocol):
    def __call__(self) -> Weights: ...


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """One training step. ``loss`` is nats per counted token, ``seconds`` since the process started."""

    step: int
    loss: float
    nats_per_char: float | None
    learning_rate: float
    grad_norm: float
    tokens_per_second: float
    progress: float
    seconds: float
    seconds_left: float
    skipped: int = 0
    """Steps so far whose loss or gradient was not finite, and which were not taken."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A look at the validation text. ``partial`` says that only a part of it was read."""

    step: int
    valid: Quality
    train_loss: float | None
    partial: bool
    best: bool
    seconds: float
    weights: Callable[[], Weights] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The run can be resumed from here; ``best`` says that the model's weights changed too."""

    step: int
    folder: str
    best: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something the person should know: a restart, a skipped step, a lowered rate."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """The end of a run, with what it bought."""

    model: str
    steps: int
    seconds: float
    tokens_per_second: float
    valid: Quality
    train: Quality | None
    params: int
    uniform_nats_per_char: float | None
    ngram_nats_per_char: float | None
    reason: str
    """Why it ended: 'budget', 'steps', 'patience' or 'interrupted'."""
    extra: Mapping[str, Any] = field(default_factory=dict)


TrainEvent: TypeAlias = StepDone | Evaluated | Saved | Notice | Done
