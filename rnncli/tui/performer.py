"""The thread in which the model works. It tells of what it did through a queue that the screen empties at its own pace.

A message for each token would make typing stutter: the screen drains 20 times a second, whatever was written by then,
and less often while somebody types.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

HERTZ = 20


class Failed(NamedTuple):
    """A job raised."""

    error: BaseException


class Performer:
    """Runs jobs one after the other. What they report is taken with ``drain``, in order.

    ``stop`` asks the job under way to end early and forgets those that wait; a job looks at ``stopping`` as it goes.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[int | None, Callable[[], None]] | None] = queue.SimpleQueue()
        self._reports: deque[Any] = deque()
        self._round = 0
        self._running = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], None], *, always: bool = False) -> None:
        """Have a job done after those that wait; ``always``: a stop before its turn does not drop it."""
        with self._lock:
            self._running += 1
        self._jobs.put((None if always else self._round, job))

    def report(self, what: Any) -> None:
        """Called by a job: something to show."""
        self._reports.append(what)

    def drain(self) -> list[Any]:
        """All reports since the last time."""
        found = []
        while self._reports:
            found.append(self._reports.popleft())
        return found

    @property
    def busy(self) -> bool:
        """Whether a job is under way or waits."""
        return self._running > 0

    @property
    def waiting(self) -> bool:
        """Whether there are reports to be drained."""
        return bool(self._reports)

    def stop(self) -> None:
        """End the job under way as soon as it looks, and drop the others."""
        self._round += 1

    def stopping(self, round_: int) -> bool:
        """Whether a job of that round was asked to end."""
        return round_ != self._round

    @property
    def round(self) -> int:
        """The number that a job keeps to ask ``stopping`` with."""
        return self._round

    def close(self) -> None:
        """End the thread when its job is done."""
        self.stop()
        self._jobs.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until the thread has ended; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            round_, job = entry
            try:
                if round_ is None or round_ == self._round:
                    job()
            except BaseException as error:
                self._reports.append(Failed(error))
            finally:
                with self._lock:
                    self._running -= 1
