"""The calls by which text is read and written on, a row each: how a number rounds may depend on the call.

Shapes: B rows, T time, V vocabulary. Whoever makes the same calls from the same state gets the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnncli.inference.engine import Engine, Floats, State, select, stack
from rnncli.text.tokenizers.base import Tokenizer

CHUNK = 256
"""Most tokens of a prompt read at once."""


def read_on(engine: Engine, ids: Sequence[int], state: State) -> tuple[Floats, State]:
    """(V,) log-probabilities after one row's ids, one at least, and the state there."""
    logprobs_V: Floats = np.zeros(0)
    for begin in range(0, len(ids), CHUNK):
        ids_BT = np.array([ids[begin : begin + CHUNK]], dtype=np.int64)
        prediction, state = engine.advance(ids_BT, np.array([ids_BT.shape[1]]), state, want="last")
        logprobs_V = prediction.logprob[0]
    return logprobs_V, state


def step_on(engine: Engine, drawn: Sequence[Sequence[int]], state: State) -> tuple[Floats, State]:
    """(B, V) log-probabilities after each row's new ids, one at least, and the state there."""
    places: list[int] = []
    found: list[Floats] = []
    states: list[State] = []
    everyone = list(range(len(drawn)))
    single = [i for i in everyone if len(drawn[i]) == 1]
    # A draw may hang on how a product rounds: rows go in groups in which that does not depend on the others.
    group = engine.alike if engine.alike > 1 else max(1, len(single))
    for begin in range(0, len(single), group):
        rows = single[begin : begin + group]
        full = rows + rows[:1] * (group - len(rows))
        ids_BT = np.array([drawn[i] for i in full], dtype=np.int64)
        ones_B = np.ones(group, dtype=np.int64)
        before = state if full == everyone else select(state, full)
        prediction, after = engine.advance(ids_BT, ones_B, before, want="last")
        places += rows
        found.append(prediction.logprob[: len(rows)])
        states.append(after if full == rows else tuple(array[: len(rows)] for array in after))
    for i, ids in enumerate(drawn):
        if len(ids) > 1:
            logprobs_V, after = read_on(engine, ids, select(state, [i]))
            places.append(i)
            found.append(logprobs_V[None])
            states.append(after)
    if len(found) == 1:
        return found[0], states[0]
    order = np.argsort(places)
    return np.concatenate(found)[order], select(stack(states), order)


def bytes_after(tokenizer: Tokenizer, before: Sequence[int], token_id: int) -> bytes:
    """A token's bytes where it stands: the word tokenizer's come with the space before them.

    ``before``: the token before it, if any.
    """
    if tokenizer.joined:
        return tokenizer.decode_bytes([token_id])
    return tokenizer.decode_bytes([*before, token_id])[len(tokenizer.decode_bytes(before)) :]
