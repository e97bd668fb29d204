"""Work on windows of lines in several threads, its results in the order of the windows."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from rnncli.inference.engine import Engine, Ids, Prediction, State, Targets, Want
from rnncli.inference.plan import FLUSH, Flush, Line

if TYPE_CHECKING:
    from concurrent.futures import Future

R = TypeVar("R")
Window = list[Line]

AHEAD = 2
"""Windows given out for each thread: while the oldest is unfinished, who has done the next must not wait for it."""


def in_order(
    work: Callable[[Window, Engine], R], source: Iterable[Window | Flush], workers: Sequence[Engine]
) -> Iterator[tuple[Window, R]]:
    """Each window with what ``work`` made of it, in order; FLUSH waits for all before it.

    Threads are started for the second window in a row: a single one, as of one sentence, is done here.
    """
    if len(workers) == 1:
        yield from ((window, work(window, workers[0])) for window in source if window is not FLUSH)
        return
    first: Window | None = None
    crew: _Crew[R] | None = None
    try:
        for window in source:
            if window is FLUSH:
                if first is not None:
                    yield first, work(first, workers[0])
                    first = None
                if crew is not None:
                    yield from crew.results(0)
            elif crew is None and first is None:
                first = window
            else:
                crew = crew or _Crew(work, workers)
                for given in (first, window):
                    if given is not None:
                        crew.give(given)
                first = None
                yield from crew.results(AHEAD * len(workers))
        if first is not None:
            yield first, work(first, workers[0])
        if crew is not None:
            yield from crew.results(0)
    finally:
        if crew is not None:
            crew.dismiss()


class _Crew(Generic[R]):
    """Threads at work, and the windows that they were given, the oldest first."""

    def __init__(self, work: Callable[[Window, Engine], R], workers: Sequence[Engine]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._work = work
        self._stop = threading.Event()
        self._free: SimpleQueue[Engine] = SimpleQueue()
        for worker in workers:
            self._free.put(_Stoppable(worker, self._stop))
        self._pool = ThreadPoolExecutor(len(workers))
        self._given: deque[tuple[Window, Future[R]]] = deque()

    def give(self, window: Window) -> None:
        self._given.append((window, self._pool.submit(self._do, window)))

    def _do(self, window: Window) -> R:
        engine = self._free.get()
        try:
            return self._work(window, engine)
        finally:
            self._free.put(engine)

    def results(self, left: int) -> Iterator[tuple[Window, R]]:
        """Results, oldest first, until so many windows are left under way."""
        while len(self._given) > left:
            window, future = self._given.popleft()
            yield window, future.result()

    def dismiss(self) -> None:
        """End the threads, those in the middle of a window at their next step."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)


class _StoppedError(Exception):
    """Nobody wants the result any more."""


class _Stoppable:
    """An engine that refuses to go on once an event is set: so that Ctrl-C need not wait for a window's end."""

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        self._engine, self._stop = engine, stop
        self.vocab_size, self.definition = engine.vocab_size, engine.definition
        self.alike, self.cells = engine.alike, engine.cells

    def workers(self) -> Sequence[Engine]:
        return [self]

    def start(self, rows: int) -> State:
        return self._engine.start(rows)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        if self._stop.is_set():
            raise _StoppedError
        return self._engine.advance(ids_BT, lengths_B, state, want=want, targets=targets)
