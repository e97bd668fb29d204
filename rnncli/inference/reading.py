"""Log-probabilities of given tokens, and one row of any length through an engine, a chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from rnncli.inference.engine import Engine, Floats, Ids, State, Targets


class Reading(NamedTuple):
    """What the model thought of each token of one row; ranks, entropies and a group's masses if they were asked for.

    ``masses``: of the group of ``Targets``, where each token was predicted.
    """

    logprobs: Floats
    ranks: Ids | None = None
    entropies: Floats | None = None
    masses: Floats | None = None

    def part(self, start: int, end: int) -> Reading:
        """Of the tokens from ``start`` to ``end``."""
        return Reading(*(None if array is None else array[start:end] for array in self))  # type: ignore[arg-type]

    def backward(self) -> Reading:
        """Of the tokens from the last to the first."""
        return Reading(*(None if array is None else array[::-1] for array in self))  # type: ignore[arg-type]


def join(readings: Sequence[Reading]) -> Reading:
    """One reading of all their tokens, one after the other."""
    there = ([array for array in arrays if array is not None] for arrays in zip(*readings, strict=True))
    return Reading(*(np.concatenate(arrays) if arrays else None for arrays in there))  # type: ignore[arg-type]


def read(
    engine: Engine,
    row: Ids,
    *,
    previous: int,
    state: State,
    want: Literal["targets", "details"],
    chunk: int,
    group_V: Floats | None = None,
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
            ids[None], np.array([len(ids)]), state, want=want, targets=Targets(places, places, wanted, group_V)
        )
        # Rounding can leave a certain token a hair above 0.
        parts.append(Reading(np.minimum(found.logprob, 0), found.rank, found.entropy, found.mass))
    return join(parts), state
