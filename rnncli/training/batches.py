"""From ids on the disk to batches, as pure functions: a batch follows from (ids, seed, position), nothing else.

Two kinds of corpus. A *stream* is read in B rows of contiguous windows; each row's state is carried from one window to
the next. Now and then a row goes back to the start of its line and forgets, so that a line alone is in distribution.
*Lines* are read alone, from the zero state, bucketed by length and padded on the right.

Every line is preceded by a newline, the first one by the last one's: ids end with a newline, so index -1 is that token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

RESET_RATE = 0.1
"""Probability that a row of a stream starts its window afresh at a line start."""

POOL_BATCHES = 64
"""Batches of lines that are sorted by length together: little padding, and still much chance in who meets whom."""


@dataclass(frozen=True)
class Batch:
    """Inputs and targets (B, T), one id apart. ``counted_BT`` is False on padding; ``reset_B``: start from zeros."""

    inputs_BT: Ints
    targets_BT: Ints
    counted_BT: NDArray[np.bool_]
    reset_B: NDArray[np.bool_]


def random_for(seed: int, *place: int) -> np.random.Generator:
    """Randomness that belongs to a place (an epoch, a step), whatever happened before it."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *place])))


class Stream:
    """Windows of running text. ``positions_B`` is a value: where each row's next window begins."""

    def __init__(self, ids: NDArray[np.unsignedinteger], newline_id: int, batch_size: int, bptt: int) -> None:
        self.ids, self.newline_id, self.bptt, self.batch_size = ids, newline_id, bptt, batch_size
        self.tokens_per_epoch = len(ids)

    def start(self) -> Ints:
        """Rows spread evenly over the text, the first at its start (the newline before it)."""
        rows = np.arange(self.batch_size, dtype=np.int64) * len(self.ids) // self.batch_size
        return rows - 1

    def batch(self, seed: int, step: int, positions_B: Ints) -> tuple[Batch, Ints]:
        """The batch of a step and the positions after it."""
        reset_B = random_for(seed, 1, step).random(self.batch_size) < RESET_RATE
        if step == 0:
            reset_B[:] = True
        positions_B = positions_B.copy()
        for row in np.flatnonzero(reset_B):
            line = self._line_start(int(positions_B[row]))
            if line is None and step:
                reset_B[row] = False
            elif line is not None:
                positions_B[row] = line
        index = (positions_B[:, None] + np.arange(self.bptt + 1)) % len(self.ids)
        window = self.ids[index].astype(np.int64)
        counted = np.ones((self.batch_size, self.bptt), dtype=np.bool_)
        batch = Batch(window[:, :-1], window[:, 1:], counted, reset_B)
        return batch, (positions_B + self.bptt) % len(self.ids)

    def _line_start(self, position: int) -> int | None:
        """The newline at or before ``position``, if one is within a window of it."""
        back = np.arange(position, position - self.bptt, -1) % len(self.ids)
        found = np.flatnonzero(self.ids[back] == self.newline_id)
        return position - int(found[0]) if len(found) else None


class Lines:
    """Independent lines. ``starts``: where each begins in ids; a line longer than ``bptt`` is read in pieces."""

    def __init__(self, ids: NDArray[np.unsignedinteger], starts: Ints, batch_size: int, bptt: int) -> None:
        self.ids, self.batch_size, self.bptt = ids, batch_size, bptt
        self.starts, self.lengths = pieces(starts, len(ids), bptt)
        self.batches_per_epoch = -(-len(self.starts) // batch_size)
        self.tokens_per_epoch = len(ids)
        self._epoch: tuple[tuple[int, int], list[Ints]] | None = None

    def batch(self, seed: int, step: int) -> Batch:
        """The batch of a step."""
        epoch, index = divmod(step, self.batches_per_epoch)
        # The order is a function of (seed, epoch); the last one is kept only to save making it again.
        if self._epoch is None or self._epoch[0] != (seed, epoch):
            self._epoch = ((seed, epoch), list(self._order(seed, epoch)))
        return self.rows(self._epoch[1][index])

    def rows(self, chosen: Ints) -> Batch:
        """The batch of these lines, padded to the longest."""
        lengths = self.lengths[chosen]
        steps = np.arange(int(lengths.max()))
        counted = steps < lengths[:, None]
        # Padding repeats the row's last token: any id does, since it is neither counted nor read by a state.
        offset = np.minimum(steps, lengths[:, None] - 1)
        index = self.starts[chosen][:, None] + offset
        inputs = self.ids[index - 1].astype(np.int64)
        targets = self.ids[index].astype(np.int64)
        return Batch(inputs, targets, counted, np.ones(len(chosen), dtype=np.bool_))

    def _order(self, seed: int, epoch: int) -> Iterator[Ints]:
        random = random_for(seed, 2, epoch)
        shuffled = random.permutation(len(self.starts))
        pool = self.batch_size * POOL_BATCHES
        batches: list[Ints] = []
        for begin in range(0, len(shuffled), pool):
            some = shuffled[begin : begin + pool]
            some = some[np.argsort(self.lengths[some], kind="stable")]
            batches += [some[i : i + self.batch_size] for i in range(0, len(some), self.batch_size)]
        return (batches[i] for i in random.permutation(len(batches)))


def pieces(starts: Ints, total: int, longest: int) -> tuple[Ints, Ints]:
    """Starts and lengths of lines, those longer than ``longest`` cut; a piece still follows the token before it."""
    lengths = np.diff(np.append(starts, total))
    counts = -(-lengths // longest)
    first = np.repeat(starts, counts)
    within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    begin = first + within * longest
    return begin, np.minimum(longest, np.repeat(starts + lengths, counts) - begin)
