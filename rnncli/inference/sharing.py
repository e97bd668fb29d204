"""Many rows of tokens read at once, what they begin with in common only once.

Sorted, rows form a tree: each shares its first tokens with a row before it and goes on alone. A state is a value, so
where rows part, each goes on from the same one. All branches move forward together, one token at a time while they
are many: no row is padded, and identical beginnings (minimal pairs, N-best lists, log lines, "The") cost one step.

A node is a token read; its depth counts from the newline that opens every row, 0. Row i, of n tokens, shares the
first k of them; its own nodes have depths k + 1 to n - 1 (its last token is predicted and never read), and it parts
from its owner at the node of depth k, in whose prediction its token k is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.inference.engine import Engine, Floats, Ids, State, Targets, select, stack
from rnncli.inference.reading import Reading

LONGEST_STRIDE = 256
"""Most tokens that rows move on in one advance, where they are few."""
ROOT = -1


def read_rows(
    engine: Engine,
    rows: Sequence[Ids],
    *,
    opening: int,
    want: Literal["targets", "details"],
    group_V: Floats | None = None,
    share: bool = True,
) -> list[Reading]:
    """The reading of each row, from the zero state after the token ``opening``. ``share``: to measure what it gives."""
    if not rows:
        return []
    order = sorted(range(len(rows)), key=[row.astype(">u4").tobytes() for row in rows].__getitem__)
    tree = _Tree.of([rows[i] for i in order], share=share)
    walk = _Walk(engine, tree, want, group_V)
    walk.run(opening)
    found: list[Reading | None] = [None] * len(rows)
    for place, reading in zip(order, walk.readings(), strict=True):
        found[place] = reading
    return [reading for reading in found if reading is not None]


class _Tree(NamedTuple):
    """Rows in order, one after the other in ``flat``, and where they part.

    ``base``, ``length``, ``shared``: of each row. A *stop* is a depth at which a row has to halt, because others part
    from it there or because it ends: ``stop_depth``, and ``children[first[s]:first[s + 1]]``, those that part. The
    stops of row i are ``stops[i]`` to ``stops[i + 1]``, by depth; those of the root, a single one, come last.
    """

    flat: Ids
    base: Ids
    length: Ids
    shared: Ids
    stops: Ids
    stop_depth: Ids
    first: Ids
    children: Ids

    @classmethod
    def of(cls, rows: Sequence[Ids], *, share: bool) -> _Tree:
        """The tree of sorted rows."""
        length = np.array([len(row) for row in rows], np.int64)
        shared = np.zeros(len(rows), np.int64)
        if share:
            shared[1:] = [_shared(one, other) for one, other in pairwise(rows)]
        owner = _owners(shared.tolist(), length.tolist())
        count = len(rows)
        parting = np.flatnonzero(shared < length)  # a row that another is the same as has nothing of its own
        # An end is a stop that nobody parts at: told apart by a child number beyond all.
        ending = parting[length[parting] - 1 > shared[parting]]
        rows_of = np.concatenate([np.where(owner[parting] == ROOT, count, owner[parting]), ending])
        depths = np.concatenate([shared[parting], length[ending] - 1])
        members = np.concatenate([parting, np.full(len(ending), count)])
        by_place = np.lexsort((members, depths, rows_of))
        rows_of, depths, members = rows_of[by_place], depths[by_place], members[by_place]
        fresh = np.flatnonzero(np.diff(rows_of, prepend=-1) | np.diff(depths, prepend=-1))
        child = members < count
        return cls(
            flat=np.concatenate(rows),
            base=np.cumsum(length) - length,
            length=length,
            shared=shared,
            stops=np.searchsorted(rows_of[fresh], np.arange(count + 2)),
            stop_depth=depths[fresh],
            first=np.append(np.cumsum(child)[fresh] - child[fresh], child.sum()),
            children=members[child],
        )


def _shared(one: Ids, other: Ids) -> int:
    """How many tokens a row has from the one before it: those that both begin with.

    Not the last one's, where the other goes on: it is predicted and never read, so nobody can part after it.
    """
    size = min(len(one), len(other))
    differ = one[:size] != other[:size]
    first = int(differ.argmax()) if size else 0
    if size and differ[first]:
        return first
    return size if size == len(other) else max(0, size - 1)


def _owners(shared: list[int], length: list[int]) -> Ids:
    """For each row the one that it parts from: the nearest before it that shares less."""
    owners = np.full(len(shared), ROOT, np.int64)
    open_rows: list[int] = []
    for i, k in enumerate(shared):
        if k == length[i]:
            continue
        while open_rows and shared[open_rows[-1]] >= k:
            open_rows.pop()
        if open_rows:
            owners[i] = open_rows[-1]
        open_rows.append(i)
    return owners


class _Walk:
    """One way through a tree: the rows under way, their depths and states, and what was found so far."""

    def __init__(
        self, engine: Engine, tree: _Tree, want: Literal["targets", "details"], group_V: Floats | None
    ) -> None:
        self.engine, self.tree, self.want, self.group_V = engine, tree, want, group_V
        total = len(tree.flat)
        self.logprob = np.zeros(total)
        self.details: tuple[NDArray[Any], ...] = ()
        """Ranks, entropies and masses, where they are wanted."""
        if want == "details":
            self.details = np.zeros(total, np.int64), np.zeros(total, np.float32), np.zeros(total, np.float32)
        self._next = tree.stops[:-1].copy()
        """Of each row, the root's last: its next stop."""

    def run(self, opening: int) -> None:
        """Read every node."""
        none = np.zeros(0, np.int64)
        after = self._advance(np.array([[opening]]), np.array([1]), self.engine.start(1), none, none, self._next[-1:])
        rows, state = self._parted(np.zeros(1, np.int64), self._next[-1:], after)
        while len(rows[0]):
            parts = [
                self._stride((rows[0][span], rows[1][span]), tuple(array[span] for array in state))
                for span in _spans(len(rows[0]), self.engine.cells)
            ]
            rows = np.concatenate([p[0][0] for p in parts]), np.concatenate([p[0][1] for p in parts])
            state = parts[0][1] if len(parts) == 1 else stack([p[1] for p in parts])

    def _stride(self, rows: tuple[Ids, Ids], state: State) -> tuple[tuple[Ids, Ids], State]:
        """Move some rows on, to their next stops at most. The rows and states that go on from there."""
        tree, (row, depth) = self.tree, rows
        stop = self._next[row]
        left = tree.stop_depth[stop] - depth
        steps = max(1, min(self.engine.cells // len(row), int(left.max()), LONGEST_STRIDE))
        length = np.minimum(left, steps)
        at = (tree.base[row] + depth)[:, None] + np.arange(steps)
        real = np.arange(steps) < length[:, None]
        places = np.flatnonzero(real)
        halted = np.flatnonzero(left == length)
        after = self._advance(
            tree.flat[np.minimum(at, len(tree.flat) - 1)],
            length,
            state,
            places,
            at.ravel()[places] + 1,
            stop[halted],
            (np.cumsum(length) - 1)[halted],
        )
        self._next[row[halted]] += 1
        new_rows, new_state = self._parted(halted, stop[halted], after)
        depth = depth + length
        going = np.flatnonzero(depth < tree.length[row] - 1)
        rows = np.concatenate([row[going], new_rows[0]]), np.concatenate([depth[going], new_rows[1]])
        return rows, stack([select(after, going), new_state])

    def _parted(self, indexes: Ids, stops: Ids, state: State) -> tuple[tuple[Ids, Ids], State]:
        """The rows that part at stops and have nodes of their own, and the states from which they go on."""
        children, which = self._children(stops)
        alive = self.tree.length[children] - 1 > self.tree.shared[children]
        children, which = children[alive], which[alive]
        return (children, self.tree.shared[children]), select(state, indexes[which])

    def _children(self, stops: Ids) -> tuple[Ids, Ids]:
        """All rows that part at some stops, and at which of them each does."""
        first, counts = self.tree.first[stops], self.tree.first[stops + 1] - self.tree.first[stops]
        which = np.repeat(np.arange(len(stops)), counts)
        within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.tree.children[first[which] + within], which

    def _advance(
        self,
        ids_BT: Ids,
        lengths_B: Ids,
        state: State,
        places: Ids,
        goals: Ids,
        stops: Ids,
        stop_rows: Ids | None = None,
    ) -> State:
        """Read, and look up the tokens at ``goals``, one after each place, and those of all that part at ``stops``.

        ``stop_rows``: of each stop, which of the places it is. Without, the root: a place of its own.
        """
        children, which = self._children(stops)
        if stop_rows is None:
            places, stop_rows = np.zeros(1, np.int64), np.zeros(1, np.int64)
        goals = np.concatenate([goals, self.tree.base[children] + self.tree.shared[children]])
        rows = np.concatenate([np.arange(len(goals) - len(children)), stop_rows[which]])
        targets = Targets(places, rows, self.tree.flat[goals], self.group_V)
        found, after = self.engine.advance(ids_BT, lengths_B, state, want=self.want, targets=targets)
        # Rounding can leave a certain token a hair above 0.
        self.logprob[goals] = np.minimum(found.logprob, 0)
        for array, values in zip(self.details, found[1:], strict=False):
            array[goals] = values
        return after

    def readings(self) -> list[Reading]:
        """What was found of each row, the beginnings that it shares filled in from the row before."""
        tree, arrays = self.tree, (self.logprob, *self.details)
        found = []
        before = 0
        for base, length, shared in zip(tree.base.tolist(), tree.length.tolist(), tree.shared.tolist(), strict=True):
            for array in arrays:
                array[base : base + shared] = array[before : before + shared]
            found.append(Reading(*(array[base : base + length] for array in arrays)))
            before = base
        return found


def _spans(count: int, size: int) -> list[slice]:
    """Rows in parts of about the same size, at most ``size``."""
    parts = -(-count // size)
    bounds = [count * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]
