"""From a row of log-probabilities to one token: filters, a distribution, a draw.

Filters are pure functions of log weights in float64, (V,) or (..., V), which need not sum to 1: a token that
is left out has -inf, the others keep their differences. All are invariant to a constant added to a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncli.config import SampleConfig
from rnncli.errors import ModelError

Weights: TypeAlias = NDArray[np.float64]
Recent: TypeAlias = Sequence[int]

REPEAT_WINDOW = 64
"""How many tokens back the repeat penalty looks."""


def penalise_repeats(weights: Weights, penalty: float, recent: Recent) -> Weights:
    """The odds of each token among the last 64 of ``recent`` divided by ``penalty``, once for each."""
    ids = np.unique(np.asarray(recent[-REPEAT_WINDOW:], dtype=np.int64))
    penalised = weights.copy()
    penalised[..., ids] -= math.log(penalty)
    return penalised


def divide_temperature(weights: Weights, temperature: float, recent: Recent = ()) -> Weights:
    """Sharper below 1, flatter above; the likeliest token's weight becomes 0, so that nothing overflows."""
    with np.errstate(over="ignore"):
        cooled: Weights = (weights - weights.max(axis=-1, keepdims=True)) / temperature
    return cooled


def keep_top_k(weights: Weights, k: int, recent: Recent = ()) -> Weights:
    """The k likeliest tokens; of equal ones those with the lowest ids."""
    size = weights.shape[-1]
    if k >= size:
        return weights
    threshold = np.partition(weights, size - k, axis=-1)[..., size - k, None]
    return _keep_likeliest(weights, threshold, np.full(weights.shape[:-1], k))


def keep_nucleus(weights: Weights, p: float, recent: Recent = ()) -> Weights:
    """The fewest likeliest tokens whose probabilities reach ``p`` (Holtzman et al. 2020), one at least."""
    probabilities = normalise(weights)
    # Tokens below this add up to less than 1 - p: the nucleus is among the others, and sorting is the slow part.
    most = max(1, int((probabilities >= (1 - p) / probabilities.shape[-1]).sum(axis=-1).max()))
    size = probabilities.shape[-1]
    likeliest = np.partition(probabilities, size - most, axis=-1)[..., size - most :]
    descending = -np.sort(-likeliest, axis=-1)
    before = np.cumsum(descending, axis=-1) - descending
    # Rounding must not let one more token in where the sum reaches p exactly.
    count = np.maximum((before < p - 1e-12).sum(axis=-1), 1)
    threshold = np.take_along_axis(descending, count[..., None] - 1, axis=-1)
    kept = _keep_likeliest(probabilities, threshold, count) > 0
    return np.where(kept, weights, -np.inf)


def keep_min_p(weights: Weights, share: float, recent: Recent = ()) -> Weights:
    """The tokens with at least ``share`` of the likeliest one's probability (Nguyen et al. 2024)."""
    floor = weights.max(axis=-1, keepdims=True) + math.log(share)
    return np.where(weights >= floor, weights, -np.inf)


def _keep_likeliest(weights: Weights, threshold: Weights, count: NDArray[np.int64]) -> Weights:
    """Tokens above the threshold and, lowest ids first, as many at it as fill up ``count``."""
    above = weights > threshold
    level = weights == threshold
    room = count[..., None] - above.sum(axis=-1, keepdims=True)
    return np.where(above | (level & (np.cumsum(level, axis=-1) <= room)), weights, -np.inf)


class Filter(NamedTuple):
    """One filter: the SampleConfig field that it reads and the value at which it does nothing."""

    field: str
    off: float
    apply: Callable[[Weights, Any, Any], Weights]


FILTERS: tuple[Filter, ...] = (
    Filter("repeat_penalty", 1.0, penalise_repeats),
    Filter("temperature", 1.0, divide_temperature),
    Filter("top_k", 0, keep_top_k),
    Filter("top_p", 1.0, keep_nucleus),
    Filter("min_p", 0.0, keep_min_p),
)
"""In the order applied. One that is off costs nothing."""


def normalise(weights: Weights) -> Weights:
    """Probabilities from log weights, to within 1e-6 of each: float32's exponential is four times as fast."""
    with np.errstate(over="ignore"):
        shifted = (weights - weights.max(axis=-1, keepdims=True)).astype(np.float32)
    probabilities: Weights = np.exp(shifted).astype(np.float64)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def distribution(
    logprobs: NDArray[np.floating[Any]],
    config: SampleConfig,
    *,
    recent: Recent | Sequence[Recent] = (),
    barred: Sequence[int] = (),
) -> Weights:
    """What is drawn from: the model's log-probabilities (V,) or (B, V) through every filter that ``config`` turns on.

    ``recent`` are the tokens read so far, of each row where there are rows, for the repeat penalty; ``barred`` ids
    are never drawn. Temperature 0 gives all to the likeliest token, of equal ones to the lowest id.
    """
    weights = np.array(logprobs, dtype=np.float64)
    if barred:
        weights[..., list(barred)] = -np.inf
    if not np.isfinite(weights.max(axis=-1)).all():
        raise ModelError("the model's prediction is not a number", hint="Its weights may be damaged: train it again.")
    for field, off, apply in FILTERS:
        value = getattr(config, field)
        if field == "temperature" and value == 0:
            return _greedy(weights)
        if value == off:
            continue
        if field == "repeat_penalty" and weights.ndim > 1:
            rows: Any = zip(weights, recent, strict=True)
            weights = np.stack([apply(row, value, mine) for row, mine in rows])
        else:
            weights = apply(weights, value, recent)
    return normalise(weights)


def _greedy(weights: Weights) -> Weights:
    certain = np.zeros_like(weights)
    np.put_along_axis(certain, weights.argmax(axis=-1)[..., None], 1.0, axis=-1)
    return certain


def uniform(seed: int, sample: int, position: int) -> float:
    """A number in [0, 1), the same whenever these three are: rewinding and branching need nothing stored.

    Philox (Salmon et al. 2011) with (seed, sample) as its key and the position as its counter.
    """
    key = np.array([seed, sample], dtype=np.uint64)
    counter = np.array([0, position, 0, 0], dtype=np.uint64)
    return float(int(np.random.Philox(key=key, counter=counter).random_raw()) >> 11) * 2.0**-53


BLOCK = 128


def draw(probabilities: Weights, u: float) -> int:
    """The id at which the cumulated probabilities (V,) pass ``u`` in [0, 1), never one of probability 0.

    Sums of blocks first, then within one: a running sum over a large vocabulary takes longer than the rest.
    """
    cumulated = np.cumsum(np.add.reduceat(probabilities, np.arange(0, len(probabilities), BLOCK)))
    wanted = u * cumulated[-1]
    block = _passing(cumulated, wanted)
    inside = np.cumsum(probabilities[block * BLOCK : (block + 1) * BLOCK])
    return block * BLOCK + _passing(inside, wanted - (cumulated[block - 1] if block else 0.0))


def _passing(cumulated: Weights, wanted: float) -> int:
    """The first index at which a running sum is above ``wanted``; where rounding lets none be, the last that adds."""
    index = int(np.searchsorted(cumulated, wanted, side="right"))
    return min(index, int(np.searchsorted(cumulated, cumulated[-1], side="left")))
