"""What a decoder or a scorer sees of a model: log-probabilities and a state that is a value.

Shapes: B rows, T time steps, V vocabulary; P places whose prediction is wanted, M targets among those. Rows are padded
on the right; ``lengths_B`` says how much of each is real.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncli.errors import ModelError

State: TypeAlias = tuple[NDArray[Any], ...]
"""Every array has its rows on axis 0: (B, width). Never changed in place."""

Ids: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.floating[Any]]
"""float32 from a network; an engine that computes in float64 may say so."""

Want = Literal["targets", "details", "last"]


class Targets(NamedTuple):
    """Tokens whose log-probability is wanted, any number of them after one place.

    ``places_P``: places b * T + t, each once, in whose predictions the targets are looked up: what is read is a
    prediction of what follows. ``rows_M``: for each target, which of ``places_P`` it follows. ``ids_M``: the targets.
    """

    places_P: Ids
    rows_M: Ids
    ids_M: Ids
    group_V: Floats | None = None
    """For 'details': 1 for each token of a group whose probability is wanted too, 0 for all others."""


class Prediction(NamedTuple):
    """What ``advance`` found, normalised over the vocabulary.

    ``logprob``: (M,) of the targets for 'targets' and 'details'; (B, V) after each row's last real token for 'last'.
    ``rank``, ``entropy`` and ``mass``, (M,): for 'details' only; rank 1 is the likeliest, entropy is in nats, mass is
    the logarithm of the probability that the group of ``Targets`` has there, of nothing without one.
    """

    logprob: Floats
    rank: Ids | None = None
    entropy: Floats | None = None
    mass: Floats | None = None


class Engine(Protocol):
    """One model, ready to run. Safe to share between threads: it keeps nothing between calls."""

    vocab_size: int

    @property
    def definition(self) -> Mapping[str, str]:
        """What of the arithmetic a score's definition must name: the engine, the weights."""

    @property
    def alike(self) -> int:
        """Rows of a step among which each comes out the same to the bit, whatever the others.

        How a matrix product rounds may depend on its shape. 1: in any number of rows.
        """

    @property
    def cells(self) -> int:
        """Tokens that one ``advance`` handles best, all rows together."""

    def workers(self) -> Sequence[Engine]:
        """Engines to be used at the same time, a thread each; itself, where one uses the whole device."""

    def start(self, rows: int) -> State:
        """The state before any text: zeros."""

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        """Read ``ids_BT`` from ``state``; the returned state is the one at each row's last real token.

        ``lengths_B`` are at least 1. 'last' needs no ``targets``.
        """


def check_finite(logprob: Floats, folder: Path) -> None:
    """Refuse log-probabilities that are none, where sums of finite weights overflowed: no score is made of them.

    The smallest tells of all: it is NaN where any is.
    """
    if logprob.size and not math.isfinite(logprob.min()):
        raise ModelError(
            f"the numbers of {folder} overflow: it gives no probabilities here",
            hint="Train it again, at a lower --learning-rate, or copy the folder again.",
        )


def select(state: State, rows: Sequence[int] | Ids) -> State:
    """The state of some rows, in that order; a row may be taken more than once."""
    index = np.asarray(rows, dtype=np.int64)
    return tuple(array[index] for array in state)


def stack(states: Sequence[State]) -> State:
    """One state of all rows of ``states``."""
    return tuple(np.concatenate(arrays) for arrays in zip(*states, strict=True))
