"""Batches: what follows what, what is counted, and that all of it is a function of its arguments."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.text.ids import line_starts
from rnncli.training.batches import RESET_RATE, Batch, Lines, Stream, pieces
from tests.nets import NEWLINE, text_of

TEXTS = st.lists(st.lists(st.integers(1, 9), max_size=20), min_size=1, max_size=30).map(
    lambda lines: np.array([token for line in lines for token in (*line, NEWLINE)], np.uint16)
)


def equal(one: Batch, other: Batch) -> bool:
    names = ("inputs_BT", "targets_BT", "counted_BT", "reset_B")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


# -- a stream


@settings(max_examples=80, deadline=None)
@given(ids=TEXTS, rows=st.integers(1, 5), bptt=st.integers(1, 12), seed=st.integers(0, 2**63 - 1))
def test_windows_of_a_stream_follow_each_other(ids: Any, rows: int, bptt: int, seed: int) -> None:
    stream = Stream(ids, NEWLINE, rows, bptt)
    positions = stream.start()
    before: Batch | None = None
    for step in range(12):
        kept = positions.copy()
        batch, after = stream.batch(seed, step, positions)
        again, after_again = stream.batch(seed, step, kept)
        assert equal(batch, again)
        assert np.array_equal(after, after_again)
        assert np.array_equal(positions, kept)

        assert batch.inputs_BT.shape == batch.targets_BT.shape == batch.counted_BT.shape == (rows, bptt)
        assert batch.inputs_BT.dtype == batch.targets_BT.dtype == np.int64
        assert batch.counted_BT.all()
        assert np.array_equal(batch.targets_BT[:, :-1], batch.inputs_BT[:, 1:])
        for row in range(rows):
            # Each window is the text from where it begins on, round its end: the last newline comes before the start.
            begin = int(after[row]) - bptt
            expected = [int(ids[(begin + t) % len(ids)]) for t in range(bptt + 1)]
            assert [*batch.inputs_BT[row], batch.targets_BT[row, -1]] == expected
            if before is not None and not batch.reset_B[row]:
                assert begin % len(ids) == positions[row]
                assert batch.inputs_BT[row, 0] == before.targets_BT[row, -1]
            if before is not None and batch.reset_B[row]:
                assert batch.inputs_BT[row, 0] == NEWLINE
                assert 0 <= (positions[row] - begin) % len(ids) < bptt
        assert before is not None or batch.reset_B.all()
        before, positions = batch, after


def test_a_stream_starts_with_the_newline_before_it() -> None:
    ids = np.array([5, 6, 0, 7, 8, 9, 0, 3, 4, 0], np.uint16)
    batch, after = Stream(ids, NEWLINE, 2, 4).batch(1, 0, Stream(ids, NEWLINE, 2, 4).start())
    # The second row is due at 4, in the line 7 8 9, and goes back to the newline before it.
    assert batch.inputs_BT.tolist() == [[0, 5, 6, 0], [0, 7, 8, 9]]
    assert batch.targets_BT.tolist() == [[5, 6, 0, 7], [7, 8, 9, 0]]
    assert after.tolist() == [3, 6]


def test_rows_start_spread_over_the_text() -> None:
    assert Stream(text_of(100), NEWLINE, 4, 8).start().tolist() == [-1, 24, 49, 74]


def test_a_row_is_reset_now_and_then_and_only_at_a_line_start() -> None:
    stream = Stream(text_of(2000), NEWLINE, 50, 20)
    resets = []
    positions = stream.start()
    for step in range(1, 101):
        batch, positions = stream.batch(7, step, positions)
        resets.append(batch.reset_B.mean())
        assert (batch.inputs_BT[batch.reset_B, 0] == NEWLINE).all()
    assert float(np.mean(resets)) == pytest.approx(RESET_RATE, abs=0.02)
    endless = np.ones(2000, np.uint16)
    endless[-1] = NEWLINE
    stream = Stream(endless, NEWLINE, 4, 20)
    middle = np.array([500, 700, 900, 1100])
    assert not any(stream.batch(seed, 1, middle)[0].reset_B.any() for seed in range(50))


def test_randomness_belongs_to_seed_and_step() -> None:
    stream = Stream(text_of(2000), NEWLINE, 64, 20)
    middle = np.arange(64) * 30
    found = [stream.batch(seed, step, middle)[0].reset_B.tolist() for seed, step in ((1, 1), (1, 2), (2, 1))]
    assert found[0] != found[1]
    assert found[0] != found[2]


# -- lines


@settings(max_examples=80, deadline=None)
@given(ids=TEXTS, rows=st.integers(1, 7), bptt=st.integers(1, 25), seed=st.integers(0, 2**63 - 1))
def test_an_epoch_has_every_line_once(ids: Any, rows: int, bptt: int, seed: int) -> None:
    starts = line_starts(ids, NEWLINE)
    lines = Lines(ids, starts, rows, bptt)
    expected: collections.Counter[tuple[int, ...]] = collections.Counter()
    for begin, end in zip(starts, [*starts[1:], len(ids)], strict=True):
        for at in range(begin, end, bptt):
            before = ids[at - 1] if at else NEWLINE
            expected[(int(before), *map(int, ids[at : min(at + bptt, end)]))] += 1
    for epoch in range(2):
        found: collections.Counter[tuple[int, ...]] = collections.Counter()
        for step in range(lines.batches_per_epoch):
            batch = lines.batch(seed, epoch * lines.batches_per_epoch + step)
            assert batch.reset_B.all()
            assert len(batch.inputs_BT) <= rows
            for inputs, targets, counted in zip(batch.inputs_BT, batch.targets_BT, batch.counted_BT, strict=True):
                length = int(counted.sum())
                assert counted[:length].all()
                assert inputs[1:length].tolist() == targets[: length - 1].tolist()
                found[(int(inputs[0]), *targets[:length].tolist())] += 1
        assert found == expected
    counted = sum(int(lines.batch(seed, step).counted_BT.sum()) for step in range(lines.batches_per_epoch))
    assert counted == len(ids) == lines.tokens_per_epoch


@settings(max_examples=20, deadline=None)
@given(ids=TEXTS, seed=st.integers(0, 1000), steps=st.permutations(range(8)))
def test_a_batch_of_lines_is_a_function_of_seed_and_step(ids: Any, seed: int, steps: list[int]) -> None:
    starts = line_starts(ids, NEWLINE)
    in_order = [Lines(ids, starts, 3, 8).batch(seed, step) for step in range(8)]
    lines = Lines(ids, starts, 3, 8)
    for step in steps:
        lines.batch(seed + 1, step)
        assert equal(lines.batch(seed, step), in_order[step])


def test_each_epoch_and_seed_has_its_own_order() -> None:
    ids = text_of(3000)
    lines = Lines(ids, line_starts(ids, NEWLINE), 8, 64)

    def order(seed: int, epoch: int) -> list[list[int]]:
        steps = range(epoch * lines.batches_per_epoch, (epoch + 1) * lines.batches_per_epoch)
        return [lines.batch(seed, step).targets_BT.tolist() for step in steps]

    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_lines_of_like_length_stand_together() -> None:
    ids = text_of(20_000, line=12)
    lines = Lines(ids, line_starts(ids, NEWLINE), 16, 200)
    counted = [lines.batch(1, step).counted_BT for step in range(lines.batches_per_epoch)]
    assert float(np.concatenate([c.ravel() for c in counted]).mean()) > 0.9
    lengths = [c.shape[1] for c in counted]
    assert lengths != sorted(lengths)


def test_long_lines_are_cut() -> None:
    begin, length = pieces(np.array([0, 3, 10]), 14, 3)
    assert begin.tolist() == [0, 3, 6, 9, 10, 13]
    assert length.tolist() == [3, 3, 3, 1, 3, 1]
    begin, length = pieces(np.array([0, 3, 10]), 14, 7)
    assert begin.tolist() == [0, 3, 10]
    assert length.tolist() == [3, 7, 4]


def test_a_batch_of_lines_by_hand() -> None:
    ids = np.array([5, 6, 0, 7, 0, 1, 2, 3, 4, 0], np.uint16)
    batch = Lines(ids, line_starts(ids, NEWLINE), 4, 4).rows(np.array([0, 1, 2, 3]))
    assert batch.inputs_BT[:, 0].tolist() == [0, 0, 0, 4]
    real = [row[mask].tolist() for row, mask in zip(batch.targets_BT, batch.counted_BT, strict=True)]
    assert real == [[5, 6, 0], [7, 0], [1, 2, 3, 4], [0]]
    assert batch.inputs_BT[2].tolist() == [0, 1, 2, 3]
