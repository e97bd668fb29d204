"""Beam search: the likeliest continuations that a few hypotheses a step lead to. Nothing random, no filters.

Shapes: W hypotheses, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from rnncli.inference.engine import Engine, Floats, Ids, State, select


class Hypothesis(NamedTuple):
    """A continuation, the token that ends it included, with the model's log-probability of each token."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    total: float

    def then(self, token_id: int, logprob: float) -> Hypothesis:
        return Hypothesis((*self.ids, token_id), (*self.logprobs, logprob), self.total + logprob)


def beam_search(
    engine: Engine,
    state: State,
    logprobs_V: Floats,
    *,
    width: int,
    most: int,
    ends: Callable[[tuple[int, ...]], bool],
    barred: Sequence[int] = (),
) -> list[Hypothesis]:
    """Up to ``width`` continuations of at most ``most`` tokens from a state of one row, the likeliest first.

    ``ends`` says whether ids are complete. Totals are compared as they are, without a bonus for length: a longer text
    is never likelier than what it begins with, and the search ends where no live hypothesis can beat those found.
    """
    live, found = [Hypothesis((), (), 0.0)], list[Hypothesis]()
    state_W, logprobs_WV = state, logprobs_V[None]
    for step in range(most):
        parents, grown = _grow(live, logprobs_WV, 2 * width, barred)
        live, kept = [], list[int]()
        for parent, hypothesis in zip(parents, grown, strict=True):
            if ends(hypothesis.ids):
                found.append(hypothesis)
            elif len(live) < width:
                live.append(hypothesis)
                kept.append(parent)
        found = sorted(found, key=lambda one: -one.total)[:width]
        if not live or (len(found) == width and live[0].total <= found[-1].total):
            return found
        if step < most - 1:
            ids_WT, ones_W = np.array([[one.ids[-1]] for one in live]), np.ones(len(live), np.int64)
            prediction, state_W = engine.advance(ids_WT, ones_W, select(state_W, kept), want="last")
            logprobs_WV = prediction.logprob
    return sorted([*found, *live], key=lambda one: -one.total)[:width]


def _grow(
    live: Sequence[Hypothesis], logprobs_WV: Floats, most: int, barred: Sequence[int]
) -> tuple[list[int], list[Hypothesis]]:
    """The best hypotheses of one more token and which each comes from; of equal ones the earlier, lower ids first."""
    logprobs_WV = np.minimum(logprobs_WV, 0)
    totals_WV = np.array([one.total for one in live])[:, None] + logprobs_WV.astype(np.float64)
    totals_WV[:, list(barred)] = -np.inf
    flat = totals_WV.ravel()
    count = min(most, len(flat))
    best: Ids = np.flatnonzero(flat >= np.partition(flat, len(flat) - count)[len(flat) - count])
    best = best[np.argsort(-flat[best], kind="stable")][:count]
    best = best[np.isfinite(flat[best])]
    parents, tokens = np.divmod(best, totals_WV.shape[1])
    pairs = list(zip(parents.tolist(), tokens.tolist(), strict=True))
    return [w for w, _ in pairs], [live[w].then(token, float(logprobs_WV[w, token])) for w, token in pairs]
