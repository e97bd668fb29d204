"""The model's state at any node of a story, to the bit, at flat memory: few are kept, the rest made again.

Shapes: V vocabulary. A state is made again by repeating, from the nearest one above that is kept, the calls by which
it came about: the same ids in other calls may round otherwise.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import numpy as np

from rnncli.errors import ModelError
from rnncli.inference.engine import Engine, Floats, State
from rnncli.inference.reading import read
from rnncli.inference.stepping import read_on, step_on
from rnncli.inference.tree import NOBODY, Tree

RECENT_STATES, RECENT_PREDICTIONS = 64, 8
"""How many of the last are kept."""
SPACING = 64
"""Tokens between the states that are kept along each branch, to begin with."""
MOST_CHECKPOINTS = 256
"""Beyond this many of those, the spacing doubles and every other one goes."""

T = TypeVar("T")


class Rewinding:
    """States and predictions at the nodes of a tree, each the same to the bit whenever it is asked for."""

    def __init__(self, engine: Engine, tree: Tree) -> None:
        self.engine = engine
        self._tree = tree
        self._recent: OrderedDict[int, State] = OrderedDict()
        self._predictions: OrderedDict[int, Floats] = OrderedDict()
        self._checkpoints: dict[int, State] = {}
        self._spacing = SPACING

    @property
    def kept(self) -> int:
        """How many states are kept."""
        return len(self._recent) + len(self._checkpoints)

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept."""
        states = (*self._recent.values(), *self._checkpoints.values())
        return sum(a.nbytes for state in states for a in state) + sum(a.nbytes for a in self._predictions.values())

    def state(self, node: int) -> State:
        """The state after a node: arrays of one row. Not to be changed."""
        found = self._known(node)
        return self._make(node)[1] if found is None else found

    def prediction(self, node: int) -> Floats:
        """Log-probabilities (V,) of what follows a node. Not to be changed."""
        found = self._predictions.get(node)
        if found is None:
            return self._make(node)[0]
        self._predictions.move_to_end(node)
        return found

    def typed_logprobs(self, node: int, ids: list[int]) -> list[float]:
        """Log-probabilities of ids that are typed after a node and read in one call with what was before them.

        There must be room for them in that call (see Tree).
        """
        tree = self._tree
        base = tree.typed_base(node)
        read_before = [tree.ids[one] for one in tree.path(node, base)]
        call = [*read_before, *ids]
        found: list[float] = [] if read_before else [float(self.prediction(base)[ids[0]])]
        if len(call) > 1:
            row = np.array(call[1:], np.int64)
            before = self.engine.start(1) if base == NOBODY else self.state(base)
            cells = self.engine.cells
            reading, _ = read(self.engine, row, previous=call[0], state=before, want="targets", chunk=cells)
            found += reading.logprobs[len(row) - (len(ids) - len(found)) :].tolist()
        if np.isnan(found).any():
            message = "the model's prediction is not a number"
            raise ModelError(message, hint="Its weights may be damaged: train it again.")
        return [min(logprob, 0.0) for logprob in found]

    def _known(self, node: int) -> State | None:
        found = self._recent.get(node)
        if found is not None:
            self._recent.move_to_end(node)
            return found
        return self._checkpoints.get(node)

    def _make(self, node: int) -> tuple[Floats, State]:
        """The last call up to a node again, after those before it whose states are not kept."""
        calls, at = [node], self._tree.bases[node]
        while at != NOBODY and (found := self._known(at)) is None:
            calls.append(at)
            at = self._tree.bases[at]
        state = self.engine.start(1) if at == NOBODY else found
        assert state is not None
        logprobs_V: Floats = np.zeros(0)
        for end in reversed(calls):
            self._keep_for_good(at, state)
            logprobs_V, state = self._call(at, end, state)
            _push(self._recent, end, state, RECENT_STATES)
            at = end
        _push(self._predictions, node, logprobs_V, RECENT_PREDICTIONS)
        return logprobs_V, state

    def _call(self, base: int, end: int, state: State) -> tuple[Floats, State]:
        """The call that reads the tokens after one node up to another."""
        tree = self._tree
        if tree.is_step(end):
            logprobs_BV, after = step_on(self.engine, [[tree.ids[end]]], state)
            logprobs_V = logprobs_BV[0]
        else:
            logprobs_V, after = read_on(self.engine, [tree.ids[one] for one in tree.path(end, base)], state)
        # Copies: a row may be a view of many.
        return logprobs_V.copy(), tuple(array.copy() for array in after)

    def _keep_for_good(self, node: int, state: State) -> None:
        """Keep the state at a node from which more is read, if it is the first of its stretch of the branch."""
        if node == NOBODY or node in self._checkpoints or not self._is_first(node):
            return
        self._checkpoints[node] = state
        while len(self._checkpoints) > MOST_CHECKPOINTS:
            self._spacing *= 2
            self._checkpoints = {one: kept for one, kept in self._checkpoints.items() if self._is_first(one)}

    def _is_first(self, node: int) -> bool:
        tree, base = self._tree, self._tree.bases[node]
        before = 0 if base == NOBODY else tree.depths[base] // self._spacing
        return tree.depths[node] // self._spacing > before


def _push(kept: OrderedDict[int, T], node: int, value: T, most: int) -> None:
    kept[node] = value
    kept.move_to_end(node)
    if len(kept) > most:
        kept.popitem(last=False)
