"""What a decoder or a scorer sees of a model: log-probabilities and a state that is a value.

Shapes: B rows, T time steps, V vocabulary. Rows are padded on the right; ``lengths_B`` says how much of each
is real.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

State: TypeAlias = tuple[NDArray[Any], ...]
"""Every array has its rows on axis 0: (B, width). Never changed in place."""

Ids: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.floating[Any]]
"""float32 from a network; an engine that computes in float64 may say so."""

Want = Literal["targets", "details", "last"]


@dataclass(frozen=True)
class Prediction:
    """What ``advance`` found, normalised over the vocabulary.

    ``logprob``: (B, T) of the targets for 'targets' and 'details'; (B, V) after each row's last real token
    for 'last'. ``rank`` and ``entropy``, (B, T): for 'details' only; rank 1 is the likeliest, entropy is in
    nats. Entries past a row's length are 0.
    """

    logprob: Floats
    rank: Ids | None = None
    entropy: Floats | None = None


class Engine(Protocol):
    """One model, ready to run. Safe to share: it keeps nothing between calls."""

    name: str
    vocab_size: int

    def start(self, rows: int) -> State:
        """The state before any text: zeros."""

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets_BT: Ids | None = None
    ) -> tuple[Prediction, State]:
        """Read ``ids_BT`` from ``state``; the returned state is the one at each row's last real token.

        ``lengths_B`` may hold 0: such a row keeps its state. ``targets_BT`` are the tokens whose
        log-probability is wanted after each read token (usually the ids one further on); 'last' needs none.
        """


def select(state: State, rows: Sequence[int] | Ids) -> State:
    """The state of some rows, in that order; a row may be taken more than once."""
    index = np.asarray(rows, dtype=np.int64)
    return tuple(array[index] for array in state)


def stack(states: Sequence[State]) -> State:
    """One state of all rows of ``states``."""
    return tuple(np.concatenate(arrays) for arrays in zip(*states, strict=True))
