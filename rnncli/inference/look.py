"""What a model expects next, before and after the filters, and where each of them cuts.

Shapes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.config import SampleConfig
from rnncli.inference.decoding import softmax, stages
from rnncli.inference.engine import Floats, Ids
from rnncli.records import LN2

KEPT = -1
BARRED = "barred"
"""What has removed a token that stands for no text, before any filter."""


class Cut(NamedTuple):
    """A filter that is on, in the order applied: its SampleConfig field and value, and what is left after it.

    ``left``: how many tokens. ``least``: of those the model's own probability of the one least likely to it.
    """

    field: str
    value: float
    left: int
    least: float


@dataclass(frozen=True, eq=False)
class Look:
    """The distribution after a node. ``model_V``: the model's own; ``drawn_V``: what is drawn from. Both sum to 1."""

    model_V: NDArray[np.float64]
    drawn_V: NDArray[np.float32]
    entropy_bits: float
    """Of ``model_V``."""
    drawn_entropy_bits: float
    cuts: tuple[Cut, ...]
    _removers_V: NDArray[np.int8]

    def rank(self, token_id: int) -> int:
        """1 is the likeliest to the model; equal ones share a rank."""
        return 1 + int((self.model_V > self.model_V[token_id]).sum())

    def likeliest(self, most: int) -> Ids:
        """Ids of the tokens likeliest to the model, the likeliest first; of equal ones the lowest id."""
        return np.argsort(-self.model_V, kind="stable")[:most]

    def removed_by(self, token_id: int) -> str | None:
        """The field of the filter that left a token out, BARRED, or None where it may be drawn."""
        remover = int(self._removers_V[token_id])
        return None if remover == KEPT else BARRED if remover == 0 else self.cuts[remover - 1].field


def look(logprobs_V: Floats, config: SampleConfig, *, recent: Sequence[int], barred: Sequence[int]) -> Look:
    """What ``config`` makes of a prediction; ``recent`` and ``barred`` as decoding.distribution has them."""
    model_V = np.exp(logprobs_V.astype(np.float64))
    removers_V = np.full(len(model_V), KEPT, np.int8)
    cuts: list[Cut] = []
    weights = logprobs_V
    for number, (field, weights) in enumerate(stages(logprobs_V, config, recent=recent, barred=barred)):
        left_V = weights > -np.inf
        removers_V[~left_V & (removers_V == KEPT)] = number
        if field is not None:
            least = float(model_V[left_V].min())
            cuts.append(Cut(field, getattr(config, field), int(left_V.sum()), least))
    drawn_V = softmax(weights.astype(np.float32, copy=False))
    return Look(model_V, drawn_V, _bits(model_V), _bits(drawn_V), tuple(cuts), removers_V)


def _bits(chances_V: NDArray[np.floating]) -> float:
    """Entropy in bits."""
    some = chances_V[chances_V > 0].astype(np.float64)
    return max(0.0, -float((some * np.log(some)).sum()) / LN2)
