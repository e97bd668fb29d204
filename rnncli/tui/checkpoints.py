"""Samples from the weights that a training saves, drawn in a thread while it goes on. No Textual here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

MOST = 64
"""Samples that are kept."""
SEED = 1
TOKENS = 240
LINES = 12
"""Samples of a model of lines, a line each."""
REST, MOST_REST_S = 20, 5.0
"""Times as long as a sample took that pass before the next one, and seconds at most: the training has the processor."""


class Drawn(NamedTuple):
    """What a checkpoint writes, or why it writes nothing."""

    step: int
    text: str


class Checkpoints:
    """Draws the same sample, by its seed, from each checkpoint that it is told of; of those that come meanwhile the
    last. ``samples`` are those that there are, the first ones of too many given up.
    """

    def __init__(self, draw: Callable[[str], str] | None = None) -> None:
        self.samples: list[Drawn] = []
        self._draw = draw or draw_sample
        self._wanted: tuple[str, int] | None = None
        self._condition = threading.Condition()
        self._closed = self._hurried = False
        self._thread: threading.Thread | None = None

    def want(self, folder: str, step: int) -> None:
        """Have a sample of the weights that lie in a folder now."""
        with self._condition:
            self._wanted = (folder, step)
            self._condition.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="samples", daemon=True)
            self._thread.start()

    def hurry(self) -> None:
        """Rest no more: the training has ended."""
        with self._condition:
            self._hurried = True
            self._condition.notify()

    def close(self) -> None:
        """Draw no more. The thread is not waited for: it changes nothing."""
        with self._condition:
            self._closed = True
            self._condition.notify()

    @property
    def idle(self) -> bool:
        """Whether there is a sample of all that was told of."""
        return self._wanted is None

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted is not None or self._closed)
                if self._closed or self._wanted is None:
                    return
                folder, step = self._wanted
            begin = time.monotonic()
            try:
                text = self._draw(folder)
            except Exception as error:  # of a folder that is just being written, or that writes nothing
                text = f"(no sample: {getattr(error, 'message', '') or error})"
            with self._condition:
                if self._wanted == (folder, step):
                    self._wanted = None
                self.samples = [*self.samples, Drawn(step, text)][-MOST:]
                rest = min(MOST_REST_S, REST * (time.monotonic() - begin))
                self._condition.wait_for(lambda: self._closed or self._hurried, rest)


def draw_sample(folder: str) -> str:
    """A text, or some lines, by the weights that are there now; on one thread, without PyTorch where it can be."""
    from rnncli.api import load
    from rnncli.config import SampleConfig

    model = load(folder, device="cpu", threads=1)
    if model.unit == "lines":
        lines = model.sampler.samples([""], SampleConfig(seed=SEED, count=LINES, max_tokens=60))
        return "\n".join(sample.text.rstrip("\n") for sample in lines)
    return model.sample("", seed=SEED, max_tokens=TOKENS).text
