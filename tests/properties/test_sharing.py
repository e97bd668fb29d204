"""Rows read as a tree are read as each would be alone, and what they share is read once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnncli.inference.engine import Ids, Prediction, State, Targets, Want
from rnncli.inference.reading import Reading
from rnncli.inference.sharing import LONGEST_STRIDE, read_rows
from tests.toy import ToyEngine

SIZE, END = 6, 0
Wish = Literal["targets", "details"]


class CountingEngine(ToyEngine):
    """Counts the tokens that it is given, padding left out, and remembers the widest and longest calls."""

    def __init__(self, cells: int = 64) -> None:
        super().__init__(SIZE, sharpness=2.0)
        self.cells = cells
        self.tokens = 0

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        assert lengths_B.min() >= 1
        assert targets is not None
        assert len(set(targets.places_P.tolist())) == len(targets.places_P)
        self.tokens += int(lengths_B.sum())
        return super().advance(ids_BT, lengths_B, state, want=want, targets=targets)


def alone(row: Ids) -> Reading:
    """A token at a time, and everything from the whole distribution."""
    engine = ToyEngine(SIZE, sharpness=2.0)
    state = engine.start(1)
    logprobs, ranks, entropies = [], [], []
    for before, token in zip([END, *row[:-1].tolist()], row.tolist(), strict=True):
        found, state = engine.advance(np.array([[before]]), np.array([1]), state, want="last")
        [full_V] = found.logprob
        logprobs.append(full_V[token])
        ranks.append(1 + int((full_V > full_V[token]).sum()))
        entropies.append(-float(np.exp(full_V) @ full_V))
    return Reading(np.array(logprobs), np.array(ranks), np.array(entropies))


def check(rows: Sequence[Ids], readings: Sequence[Reading], want: Wish) -> None:
    """Readings are those of the rows alone, to 12 digits; entropies come in float32."""
    assert len(readings) == len(rows)
    for row, found in zip(rows, readings, strict=True):
        expected = alone(row)
        np.testing.assert_allclose(found.logprobs, expected.logprobs, rtol=0, atol=1e-12)
        if want == "targets":
            assert found.ranks is None
            assert found.entropies is None
            continue
        assert found.ranks is not None
        assert found.entropies is not None
        assert expected.entropies is not None
        np.testing.assert_array_equal(found.ranks, expected.ranks)
        np.testing.assert_allclose(found.entropies, expected.entropies, rtol=0, atol=1e-6)


def nodes(rows: Sequence[Ids]) -> int:
    """Different beginnings that must be read: of each row all but the whole; the empty one is the opening."""
    return len({tuple(row[:k].tolist()) for row in rows for k in range(len(row))})


def row(ids: Sequence[int]) -> Ids:
    """A line's tokens and its end."""
    return np.array([*ids, END], np.int64)


LINE = st.one_of(
    st.lists(st.integers(1, 2), max_size=8),
    st.lists(st.integers(1, SIZE - 1), max_size=30),
    st.builds(lambda times, rest: [1, 2] * times + rest, st.integers(0, 60), st.lists(st.integers(1, 3), max_size=4)),
    st.builds(lambda times: [3] * times, st.integers(0, 100)),
)
"""Few tokens, so that lines begin alike, are the same, or one is how another begins."""
ROWS = st.lists(LINE.map(row), min_size=1, max_size=25)
RAW = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=7).map(lambda ids: np.array(ids, np.int64)), min_size=1)
"""Rows that need not end with the end: one may be the beginning of another to its last token."""


@settings(max_examples=40, deadline=None)
@given(rows=st.one_of(ROWS, RAW), cells=st.sampled_from([1, 3, 64, 1024]), want=st.sampled_from(["targets", "details"]))
@example(rows=[row([])], cells=64, want="details")
@example(rows=[row([])] * 3, cells=1, want="targets")
@example(rows=[row([1] * (2 * LONGEST_STRIDE + 9))], cells=1024, want="details")
@example(rows=[row([1] * 200), row([1] * 100), row([]), row([2]), row([1] * 200)], cells=64, want="details")
@example(rows=[row([1, 2, 3])], cells=64, want="targets")
def test_rows_are_read_as_each_alone_and_every_beginning_once(rows: list[Ids], cells: int, want: Wish) -> None:
    engine = CountingEngine(cells)
    check(rows, read_rows(engine, rows, opening=END, want=want), want)
    assert engine.tokens == nodes(rows)
    apart = CountingEngine(cells)
    check(rows, read_rows(apart, rows, opening=END, want=want, share=False), want)
    assert apart.tokens == 1 + sum(len(row) - 1 for row in rows)


def test_no_rows_are_read_without_a_call() -> None:
    engine = CountingEngine()
    assert read_rows(engine, [], opening=END, want="targets") == []
    assert engine.calls == []


@pytest.mark.parametrize("cells", [1, 64, 4096])
def test_an_advance_stays_within_bounds(cells: int) -> None:
    """In tokens, padding counted, and in steps; the calls for a single long row are as few as that allows."""
    rng = np.random.default_rng(3)
    rows = [row(rng.integers(1, SIZE, rng.integers(0, 40)).tolist()) for _ in range(150)]
    engine = CountingEngine(cells)
    read_rows(engine, rows, opening=END, want="targets")
    assert all(count * steps <= cells and steps <= LONGEST_STRIDE for count, steps in engine.calls)
    single = CountingEngine(cells)
    long = row([1] * 700)
    read_rows(single, [long], opening=END, want="targets")
    assert len(single.calls) == 1 + -(-700 // min(cells, LONGEST_STRIDE))


def test_the_order_of_rows_makes_no_difference() -> None:
    rng = np.random.default_rng(5)
    rows = [row(rng.integers(1, 3, rng.integers(0, 12)).tolist()) for _ in range(60)]
    sorted_rows = sorted(rows, key=lambda ids: ids.tolist())
    for order in (rows, sorted_rows, sorted_rows[::-1]):
        check(order, read_rows(CountingEngine(), order, opening=END, want="details"), "details")


def test_token_numbers_beyond_a_byte_are_told_apart() -> None:
    """Sorting goes by all bytes of a number: 256 is not 1, nor 65536."""
    engine = ToyEngine(65540, hidden=2)
    rows = [np.array(ids) for ids in ([1, 256, 0], [256, 1, 0], [65536, 1, 0], [1, 65537, 0], [1, 1, 0])]
    together = read_rows(engine, rows, opening=END, want="targets")
    for ids, found in zip(rows, together, strict=True):
        [expected] = read_rows(engine, [ids], opening=END, want="targets")
        np.testing.assert_allclose(found.logprobs, expected.logprobs, rtol=0, atol=1e-12)
    assert len({reading.logprobs.tobytes() for reading in together}) == len(rows)
