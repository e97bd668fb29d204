"""Log-probabilities of given tokens: rows of any length through an engine, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnncli.inference.engine import Engine, Floats, Ids, State, select


@dataclass(frozen=True, eq=False)
class Reading:
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
    engine: Engine,
    rows: Sequence[Ids],
    *,
    previous: int,
    state: State,
    want: Literal["targets", "details"],
    chunk: int,
) -> tuple[list[Reading], State]:
    """The readings of rows of tokens, longest first, each after ``previous``; the state of the longest rows.

    The model reads ``previous`` and all of a row but its last token, and is asked for the row's tokens. Rows
    that have ended are dropped, so the returned state is that of the last chunk's rows: the one row's, if
    one.
    """
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    parts: list[list[Reading]] = [[] for _ in rows]
    for begin in range(0, int(lengths[0]), chunk):
        alive = int((lengths > begin).sum())
        counts = np.minimum(lengths[:alive] - begin, chunk)
        ids_BT = np.zeros((alive, int(counts[0])), dtype=np.int64)
        targets_BT = np.zeros_like(ids_BT)
        for i, (row, count) in enumerate(zip(rows[:alive], counts, strict=True)):
            ids_BT[i, 0] = row[begin - 1] if begin else previous
            ids_BT[i, 1:count] = row[begin : begin + count - 1]
            targets_BT[i, :count] = row[begin : begin + count]
        state = state if len(state[0]) == alive else select(state, range(alive))
        found, state = engine.advance(ids_BT, counts, state, want=want, targets_BT=targets_BT)
        for i, count in enumerate(counts):
            ranks = None if found.rank is None else found.rank[i, :count]
            entropies = None if found.entropy is None else found.entropy[i, :count]
            # Rounding can leave a certain token a hair above 0.
            parts[i].append(Reading(np.minimum(found.logprob[i, :count], 0), ranks, entropies))
    return [join(part) for part in parts], state
