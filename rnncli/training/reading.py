"""The batches of a job, one after another; perhaps the next one while the last one is learned from."""

from __future__ import annotations

import math

import numpy as np

from rnncli.training.batches import Batch, Ints, Lines, Stream
from rnncli.training.job import Job


class Reader:
    """Reads a job's text. ``positions``: where each row of a stream goes on (B,); of lines there are none."""

    def __init__(self, job: Job) -> None:
        self.seed, self.tokens = job.train.seed, len(job.ids)
        self.stream = self.lines = None
        self.rows, self.window = job.train.batch_size, job.train.bptt
        if job.unit == "stream":
            self.stream = Stream(job.ids, job.newline_id, self.rows, self.window)
            self.positions = self.stream.start()
        else:
            self.lines = Lines(job.ids, job.starts, self.rows, self.window)
            self.positions = np.zeros(0, np.int64)
        self._next: tuple[int, Ints, Batch, Ints] | None = None

    @property
    def carries(self) -> bool:
        """Whether a batch goes on where the one before it ended."""
        return self.stream is not None

    def steps(self, epochs: float) -> int:
        """Batches in so many passes over the text."""
        if self.lines is not None:
            return max(1, math.ceil(epochs * self.lines.batches_per_epoch))
        return max(1, math.ceil(epochs * self.tokens / (self.rows * self.window)))

    def batch(self, step: int) -> Batch:
        """The batch of a step; the positions are those after it."""
        if self.stream is None:
            assert self.lines is not None
            return self.lines.batch(self.seed, step)
        made = self._next
        if made is None or made[0] != step or made[1] is not self.positions:
            made = (step, self.positions, *self.stream.batch(self.seed, step, self.positions))
        self._next, self.positions = None, made[3]
        return made[2]

    def prepare(self, step: int) -> None:
        """Make the batch of a step that ``batch`` will give, from the positions as they are."""
        if self.stream is not None:
            self._next = (step, self.positions, *self.stream.batch(self.seed, step, self.positions))
