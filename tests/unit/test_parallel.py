"""Windows in several threads: order, waiting, errors and ends."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from rnncli.inference.engine import Engine
from rnncli.inference.parallel import AHEAD, in_order
from rnncli.inference.plan import FLUSH, Flush, Line
from tests.toy import ToyEngine

Window = list[Line]
LONG = 20.0
"""Seconds that no test should take: what would hang fails."""


def window(number: int) -> Window:
    return [Line(str(number))]


def number_of(given: Window) -> int:
    return int(given[0].text)


def engines(count: int) -> list[Engine]:
    return [ToyEngine(5) for _ in range(count)]


def crew() -> list[threading.Thread]:
    """Threads other than those that were there before any crew."""
    return [t for t in threading.enumerate() if t is not threading.main_thread() and t.name.startswith("ThreadPool")]


def gone(threads: list[threading.Thread]) -> bool:
    """Whether they end soon."""
    for thread in threads:
        thread.join(LONG)
    return not any(thread.is_alive() for thread in threads)


def one_step(engine: Engine) -> None:
    engine.advance(np.zeros((1, 1), np.int64), np.ones(1, np.int64), engine.start(1), want="last")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_windows(workers: int) -> None:
    """The first of every four takes far longer than the others."""

    def work(given: Window, engine: Engine) -> int:
        time.sleep(0.02 if number_of(given) % 4 == 0 else 0)
        one_step(engine)
        return number_of(given) ** 2

    source: list[Window | Flush] = [window(i) for i in range(30)]
    for place in (29, 17, 16, 3, 0):
        source.insert(place, FLUSH)
    found = list(in_order(work, source, engines(workers)))
    assert [(number_of(given), result) for given, result in found] == [(i, i * i) for i in range(30)]
    assert gone(crew())


@pytest.mark.parametrize("workers", [2, 3])
def test_work_is_shared_out_and_no_worker_is_used_twice_at_once(workers: int) -> None:
    """The first windows wait for one another: they are done only if all workers are at work together."""
    together = threading.Barrier(workers, timeout=LONG)
    busy: set[int] = set()
    lock = threading.Lock()

    def work(given: Window, engine: Engine) -> int:
        with lock:
            assert id(engine) not in busy
            busy.add(id(engine))
        if number_of(given) < workers:
            together.wait()
        one_step(engine)
        with lock:
            busy.remove(id(engine))
        return threading.get_ident()

    found = dict(enumerate(r for _, r in in_order(work, map(window, range(workers * 5)), engines(workers))))
    assert len(set(found.values())) == workers
    assert threading.get_ident() not in found.values()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_flush_has_everything_answered_before_more_is_asked_for(workers: int) -> None:
    asked: list[int] = []
    answered: list[int] = []

    def source() -> Iterator[Window | Flush]:
        for item in (0, 1, 2, None, None, 3, None, 4, 5, None):
            if item is None:
                yield FLUSH
                assert answered == asked  # back for more
            else:
                asked.append(item)
                yield window(item)

    def work(given: Window, engine: Engine) -> int:
        time.sleep(0.005)
        return number_of(given)

    for _, result in in_order(work, source(), engines(workers)):
        answered.append(result)
    assert answered == [0, 1, 2, 3, 4, 5]


def test_a_single_window_starts_no_thread() -> None:
    """Nor do single windows with a flush after each, as when a person types."""
    before = threading.active_count()
    here = threading.get_ident()

    def work(given: Window, engine: Engine) -> int:
        assert threading.active_count() == before
        return threading.get_ident()

    assert [r for _, r in in_order(work, [window(0)], engines(4))] == [here]
    typed = [item for i in range(3) for item in (window(i), FLUSH)]
    assert [r for _, r in in_order(work, typed, engines(4))] == [here] * 3
    assert list(in_order(work, [FLUSH], engines(4))) == []
    assert list(in_order(work, [], engines(4))) == []


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("bad", [0, 1, 7])
def test_an_error_in_a_window_comes_in_its_turn(workers: int, bad: int) -> None:
    def work(given: Window, engine: Engine) -> int:
        if number_of(given) == bad:
            raise ValueError(f"window {bad}")
        return number_of(given)

    results = in_order(work, map(window, range(20)), engines(workers))
    assert [next(results)[1] for _ in range(bad)] == list(range(bad))
    with pytest.raises(ValueError, match=f"window {bad}"):
        next(results)
    assert gone(crew())


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_source_reaches_who_asks(workers: int) -> None:
    def source() -> Iterator[Window]:
        yield from map(window, range(5))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(in_order(lambda given, engine: number_of(given), source(), engines(workers)))
    assert gone(crew())


@pytest.mark.parametrize("end", ["close", "throw"])
def test_threads_end_at_their_next_step_when_nobody_wants_more(end: str) -> None:
    """Windows that would take forever: each goes on until its engine refuses."""
    begun = threading.Semaphore(0)

    def work(given: Window, engine: Engine) -> int:
        if number_of(given) == 0:
            return 0
        begun.release()
        while True:
            one_step(engine)

    results = in_order(work, map(window, itertools.count()), engines(3))
    assert next(results)[1] == 0
    assert all(begun.acquire(timeout=LONG) for _ in range(2))
    threads = crew()
    assert threads
    start = time.monotonic()
    if end == "close":
        results.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(KeyboardInterrupt):
            results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert gone(threads)
    assert time.monotonic() - start < LONG


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_source_is_not_read_far_ahead(workers: int) -> None:
    taken = 0

    def source() -> Iterator[Window]:
        nonlocal taken
        for taken in itertools.count(1):
            yield window(taken - 1)

    square: Callable[[Window, Engine], int] = lambda given, engine: number_of(given)  # noqa: E731
    results = in_order(square, source(), engines(workers))
    for expected in range(40):
        assert next(results)[1] == expected
        assert taken - (expected + 1) <= AHEAD * workers + 1
    results.close()  # type: ignore[attr-defined]
