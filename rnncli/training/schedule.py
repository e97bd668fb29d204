"""How the learning rate moves: pure functions of where the run is. Nothing here remembers anything."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rnncli.config import ScheduleName, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a run is. ``progress``: share of the budget that is used, 0 to 1; ``step``: steps already taken."""

    progress: float
    step: int
    plateaus: int = 0
    """Evaluations so far that were no better than the best before them, each an occasion to decay."""


Annealer = Callable[[Position, TrainConfig], float]


def constant(position: Position, config: TrainConfig) -> float:
    return 1.0


def linear(position: Position, config: TrainConfig) -> float:
    """1 down to ``final_rate`` over what is left after the warm-up."""
    return _down_to(config.final_rate, 1.0 - _after_warmup(position, config))


def cosine(position: Position, config: TrainConfig) -> float:
    """Half a cosine, 1 down to ``final_rate`` (Loshchilov & Hutter 2017)."""
    return _down_to(config.final_rate, 0.5 * (1.0 + math.cos(math.pi * _after_warmup(position, config))))


def exponential(position: Position, config: TrainConfig) -> float:
    """decay_rate ** (step / decay_steps); with staircase the exponent is rounded down.

    Without ``decay_steps`` a tenth of the budget stands for it.
    """
    periods = position.step / config.decay_steps if config.decay_steps else 10.0 * position.progress
    return float(config.decay_rate ** (math.floor(periods) if config.staircase else periods))


def plateau(position: Position, config: TrainConfig) -> float:
    """decay_rate for each evaluation that was no better than the best before it."""
    return float(config.decay_rate**position.plateaus)


ANNEALERS: dict[ScheduleName, Annealer] = {
    "constant": constant,
    "exponential": exponential,
    "cosine": cosine,
    "linear": linear,
    "plateau": plateau,
}


def learning_rate(position: Position, config: TrainConfig) -> float:
    """The rate of the next step: the peak, annealed, and scaled down linearly during the warm-up."""
    rate = config.learning_rate * ANNEALERS[config.schedule](position, config)
    if position.progress < config.warmup:
        # Never 0: the first step of a clocked run has used next to none of its budget.
        rate *= max(position.progress / config.warmup, 0.01)
    return rate


def _down_to(least: float, fallen: float) -> float:
    return least + (1.0 - least) * fallen


def _after_warmup(position: Position, config: TrainConfig) -> float:
    share = (position.progress - config.warmup) / (1.0 - config.warmup)
    return min(1.0, max(0.0, share))
