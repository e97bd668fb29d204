"""Log-probabilities of given tokens, and one row of any length through an engine, a chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from rnncli.inference.engine import Engine, Floats, Ids, State, Targets


class Reading(NamedTuple):
    """What the model thought of each token of one row; ranks and entropies if they were asked for."""

    logprobs: Floats
    ranks: Ids | None = None
    entropies: Floats | None = None

    def part(self, start: int, end: int) -> Reading:
        """Of the tokens from ``start`` to ``end``."""
        cut = slice(start, end)
        ranks = None if self.ranks is None else self.ranks[cut]
        return Reading(self.logprobs[cut], ranks, None if self.entropies is None else self.entropies[cut])


def join(readings: Sequence[Reading]) -> Reading:
    """One reading of all their tokens, one after the other."""
    ranks = [r.ranks for r in readings if r.ranks is not None]
    entropies = [r.entropies for r in readings if r.entropies is not None]
    return Reading(
        np.concatenate([r.logprobs for r in readings]),
        np.concatenate(ranks) if ranks else None,
        np.concatenate(entropies) if entropies else None,
    )


def read(
    engine: Engine, row: Ids, *, previous: int, state: State, want: Literal["targets", "details"], chunk: int
) -> tuple[Reading, State]:
    """The reading of one row of tokens after ``previous``, and the state there.

    The model reads ``previous`` and all of the row but its last token, and is asked for the row's tokens.
    """
    reads = np.concatenate([np.array([previous], np.int64), row[:-1]])
    parts: list[Reading] = []
    for begin in range(0, len(row), chunk):
        ids, wanted = reads[begin : begin + chunk], row[begin : begin + chunk]
        places = np.arange(len(ids))
        found, state = engine.advance(
            ids[None], np.array([len(ids)]), state, want=want, targets=Targets(places, places, wanted)
        )
        # Rounding can leave a certain token a hair above 0.
        parts.append(Reading(np.minimum(found.logprob, 0), found.rank, found.entropy))
    return join(parts), state
