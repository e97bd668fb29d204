"""From a row of log-probabilities to one token: filters, a distribution, a draw.

Filters are pure functions of log weights in float32, (V,) or (..., V), the likeliest token's 0: a token that is left
out has -inf, the others keep their differences, and the likeliest one stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncli.config import SampleConfig
from rnncli.errors import ModelError

Weights: TypeAlias = NDArray[np.float32]
Recent: TypeAlias = Sequence[int]

REPEAT_WINDOW = 64
"""How many tokens back the repeat penalty looks."""
COLDEST = 1e-30
"""A temperature at which only the likeliest is left, whatever float32 can tell apart, and nothing overflows yet."""
ROUNDING = 1e-6
"""Of probabilities and of their sums."""


def penalise_repeats(weights: Weights, penalty: float, recent: Recent) -> Weights:
    """The odds of each token among the last 64 of ``recent`` divided by ``penalty``, once for each."""
    ids = np.unique(np.asarray(recent[-REPEAT_WINDOW:], dtype=np.int64))
    penalised = weights.copy()
    penalised[..., ids] -= math.log(penalty)
    return _from_likeliest(penalised)


def divide_temperature(weights: Weights, temperature: float, recent: Recent = ()) -> Weights:
    """Sharper below 1, flatter above."""
    with np.errstate(over="ignore"):  # less than float32 can say is nothing
        return weights / max(temperature, COLDEST)


def keep_top_k(weights: Weights, k: int, recent: Recent = ()) -> Weights:
    """The k likeliest tokens; of equal ones those with the lowest ids."""
    size = weights.shape[-1]
    if k >= size:
        return weights
    threshold = np.partition(weights, size - k, axis=-1)[..., size - k, None]
    return _keep_likeliest(weights, threshold, np.full(weights.shape[:-1], k))


def keep_nucleus(weights: Weights, p: float, recent: Recent = ()) -> Weights:
    """The fewest likeliest tokens whose probabilities reach ``p`` (Holtzman et al. 2020), one at least."""
    probabilities = softmax(weights)
    # Tokens below this add up to less than 1 - p: the nucleus is among the others, and sorting is the slow part.
    most = max(1, int((probabilities >= (1 - p) / probabilities.shape[-1]).sum(axis=-1).max()))
    size = probabilities.shape[-1]
    likeliest = np.partition(probabilities, size - most, axis=-1)[..., size - most :]
    descending = -np.sort(-likeliest, axis=-1)
    before = np.cumsum(descending, axis=-1, dtype=np.float64) - descending
    # Rounding must not let one more token in where the sum reaches p exactly.
    count = np.maximum((before < p - ROUNDING).sum(axis=-1), 1)
    threshold = np.take_along_axis(descending, count[..., None] - 1, axis=-1)
    kept = _keep_likeliest(probabilities, threshold, count) > 0
    return np.where(kept, weights, -np.inf)


def keep_min_p(weights: Weights, share: float, recent: Recent = ()) -> Weights:
    """The tokens with at least ``share`` of the likeliest one's probability (Nguyen et al. 2024)."""
    return np.where(weights >= math.log(share), weights, -np.inf)


def _from_likeliest(weights: Weights) -> Weights:
    """The same, shifted so that the likeliest token has 0."""
    shifted: Weights = weights - weights.max(axis=-1, keepdims=True)
    return shifted


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


def softmax(weights: Weights) -> Weights:
    """Probabilities of log weights, to within 1e-6 of each: an exponential in float32 takes a quarter of the time."""
    probabilities: Weights = np.exp(weights)
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
    weights: Weights = np.zeros(0, np.float32)
    for stage in stages(logprobs, config, recent=recent, barred=barred):
        weights = stage.weights
    return softmax(weights)


class Stage(NamedTuple):
    """Log weights after a filter, the SampleConfig field that it reads; before all of them ``field`` is None."""

    field: str | None
    weights: Weights


def stages(
    logprobs: NDArray[np.floating[Any]],
    config: SampleConfig,
    *,
    recent: Recent | Sequence[Recent] = (),
    barred: Sequence[int] = (),
) -> Iterator[Stage]:
    """What ``distribution`` goes through: the weights without the barred ids, and after each filter that is on."""
    if barred:
        logprobs = logprobs.copy()
        logprobs[..., list(barred)] = -np.inf
    top = logprobs.max(axis=-1, keepdims=True)
    if not np.isfinite(top).all():
        raise ModelError("the model's prediction is not a number", hint="Its weights may be damaged: train it again.")
    weights: Weights = (logprobs - top).astype(np.float32, copy=False)
    yield Stage(None, weights)
    for field, off, apply in FILTERS:
        value = getattr(config, field)
        if field == "temperature" and value == 0:
            yield Stage(field, _greedy(weights))
            return
        if value == off:
            continue
        if field == "repeat_penalty" and weights.ndim > 1:
            rows: Any = zip(weights, recent, strict=True)
            weights = np.stack([apply(row, value, mine) for row, mine in rows])
        else:
            weights = apply(weights, value, recent)
        yield Stage(field, weights)


def _greedy(weights: Weights) -> Weights:
    certain = np.full_like(weights, -np.inf)
    np.put_along_axis(certain, weights.argmax(axis=-1)[..., None], 0.0, axis=-1)
    return certain


ROUNDS = 10
MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
WORD = (1 << 64) - 1


def uniform(seed: int, sample: int, position: int) -> float:
    """A number in [0, 1), the same whenever these three are: rewinding and branching need nothing stored.

    Philox4x64-10 (Salmon et al. 2011) with (seed, sample) as its key, (1, position, 0, 0) as its counter and the
    highest 53 bits of its first word. NumPy has it too, but to start one there takes longer than to draw.
    """
    a, b, c, d = 1, position, 0, 0
    first, second = seed, sample
    for _ in range(ROUNDS):
        left, right = a * MULTIPLIERS[0], c * MULTIPLIERS[1]
        a, b, c, d = right >> 64 ^ b ^ first, right & WORD, left >> 64 ^ d ^ second, left & WORD
        first, second = first + WEYL[0] & WORD, second + WEYL[1] & WORD
    return (a >> 11) * 2.0**-53


BLOCK = 128


def draw(probabilities_BV: Weights, chances_B: Sequence[float]) -> list[int]:
    """Of each row the id at which its cumulated probabilities pass a number in [0, 1), never one of probability 0.

    Sums of blocks first, then within one: a running sum over a large vocabulary takes longer than the rest.
    """
    starts = np.arange(0, probabilities_BV.shape[-1], BLOCK)
    cumulated_BN = np.add.reduceat(probabilities_BV, starts, axis=-1).cumsum(axis=-1, dtype=np.float64)
    return [_draw(*row) for row in zip(probabilities_BV, cumulated_BN, chances_B, strict=True)]


def draw_tokens(
    logprobs_BV: NDArray[np.floating[Any]],
    config: SampleConfig,
    *,
    recent: Sequence[Recent],
    barred: Sequence[int],
    chances_B: Sequence[float],
) -> list[tuple[int, float]]:
    """Of each row an id drawn through the filters, and the model's own log-probability of it."""
    found = draw(distribution(logprobs_BV, config, recent=recent, barred=barred), chances_B)
    # Rounding can leave a certain token a hair above 0.
    return [(token_id, min(float(row[token_id]), 0.0)) for row, token_id in zip(logprobs_BV, found, strict=True)]


def _draw(probabilities: Weights, cumulated: NDArray[np.float64], chance: float) -> int:
    wanted = chance * cumulated[-1]
    block = _passing(cumulated, wanted)
    inside = probabilities[block * BLOCK : (block + 1) * BLOCK].cumsum(dtype=np.float64)
    return block * BLOCK + _passing(inside, wanted - (cumulated[block - 1] if block else 0.0))


def _passing(cumulated: NDArray[np.float64], wanted: float) -> int:
    """The first index at which a running sum is above ``wanted``; where rounding lets none be, the last that adds."""
    index = int(cumulated.searchsorted(wanted, side="right"))
    return index if index < len(cumulated) else int(cumulated.searchsorted(cumulated[-1], side="left"))
