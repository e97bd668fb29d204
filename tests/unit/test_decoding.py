"""Filters and draws against hand-made rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import SampleConfig
from rnncli.errors import ModelError
from rnncli.inference.decoding import (
    FILTERS,
    distribution,
    divide_temperature,
    draw,
    keep_min_p,
    keep_nucleus,
    keep_top_k,
    penalise_repeats,
    softmax,
    uniform,
)

ROW = np.log(np.array([0.1, 0.4, 0.2, 0.3]) / 0.4)
CHANCES = [0.1, 0.4, 0.2, 0.3]
PLAIN = SampleConfig(temperature=1.0)


def kept(weights: np.ndarray) -> list[int]:
    return np.flatnonzero(np.isfinite(weights)).tolist()


def test_top_k_keeps_the_likeliest_and_of_equals_the_lowest_ids() -> None:
    assert kept(keep_top_k(ROW, 2)) == [1, 3]
    assert kept(keep_top_k(np.log(np.array([0.2, 0.2, 0.4, 0.2])), 2)) == [0, 2]
    assert keep_top_k(ROW, 4) is ROW
    assert keep_top_k(ROW, 9) is ROW


@pytest.mark.parametrize(("p", "ids"), [(0.4, [1]), (0.41, [1, 3]), (0.7, [1, 3]), (0.71, [1, 2, 3]), (1e-30, [1])])
def test_nucleus_is_the_fewest_tokens_that_reach_p(p: float, ids: list[int]) -> None:
    assert kept(keep_nucleus(ROW, p)) == ids


def test_min_p_is_a_share_of_the_likeliest() -> None:
    assert kept(keep_min_p(ROW, 0.5)) == [1, 2, 3]
    assert kept(keep_min_p(ROW, 0.51)) == [1, 3]
    assert kept(keep_min_p(ROW, 1.0)) == [1]


def test_filters_take_rows_one_by_one_or_together() -> None:
    rows = np.stack([ROW, ROW[::-1], np.zeros(4)])
    values = {"repeat_penalty": 2.0, "temperature": 0.5, "top_k": 2, "top_p": 0.6, "min_p": 0.6}
    for field, _, apply in FILTERS:
        together = apply(rows, values[field], [1])
        np.testing.assert_array_equal(together, np.stack([apply(row, values[field], [1]) for row in rows]))


def test_repeat_penalty_divides_the_odds_of_the_last_64() -> None:
    before = np.array(CHANCES)
    after = softmax(penalise_repeats(ROW, 3.0, [1, 1, 1]))
    assert after[1] / (1 - after[1]) == pytest.approx(before[1] / (1 - before[1]) / 3)
    assert after[0] / after[2] == pytest.approx(before[0] / before[2])
    np.testing.assert_array_equal(penalise_repeats(ROW, 3.0, [1] + [2] * 64), penalise_repeats(ROW, 3.0, [2]))
    np.testing.assert_array_equal(penalise_repeats(ROW, 3.0, []), ROW)
    assert penalise_repeats(ROW, 3.0, [1]).max() == 0


def test_temperature_sharpens_and_never_overflows() -> None:
    hot, cold = (softmax(divide_temperature(ROW, t)) for t in (2.0, 0.5))
    assert cold[1] / cold[3] == pytest.approx((4 / 3) ** 2)
    assert hot[1] / hot[3] == pytest.approx((4 / 3) ** 0.5)
    np.testing.assert_array_equal(softmax(divide_temperature(ROW, 1e-308)), [0, 1, 0, 0])
    lowest = np.array([0, np.finfo(np.float32).min], np.float32)
    np.testing.assert_array_equal(softmax(divide_temperature(lowest, 0.7)), [1, 0])


def test_distribution_applies_what_is_on() -> None:
    np.testing.assert_allclose(distribution(ROW, PLAIN), CHANCES)
    np.testing.assert_allclose(distribution(ROW - 700, PLAIN), CHANCES)
    config = SampleConfig(temperature=1.0, top_k=3, top_p=0.5)
    # Of the three that remain, 4/9 does not reach a half and 7/9 does.
    np.testing.assert_allclose(distribution(ROW, config), [0, 4 / 7, 0, 3 / 7])
    np.testing.assert_allclose(distribution(ROW, PLAIN, barred=[1]), np.array([1, 0, 2, 3]) / 6)


def test_temperature_0_takes_the_lowest_of_the_likeliest() -> None:
    greedy = SampleConfig(temperature=0.0, top_k=2, top_p=0.1)
    np.testing.assert_array_equal(distribution(np.zeros(3), greedy), [1, 0, 0])
    np.testing.assert_array_equal(distribution(ROW, greedy), [0, 1, 0, 0])
    np.testing.assert_array_equal(distribution(ROW, greedy, barred=[1]), [0, 0, 0, 1])
    repeats = SampleConfig(temperature=0.0, repeat_penalty=2.0)
    np.testing.assert_array_equal(distribution(ROW, repeats, recent=[1]), [0, 0, 0, 1])


def test_a_prediction_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ModelError, match="not a number"):
        distribution(np.array([0.0, math.nan]), PLAIN)


def test_every_filter_reads_a_sampling_option_and_is_off_at_some_value() -> None:
    for field, off, apply in FILTERS:
        assert hasattr(SampleConfig(), field)
        if field not in ("min_p", "top_k"):
            np.testing.assert_allclose(softmax(apply(ROW, off, [1])), CHANCES)


@pytest.mark.parametrize(("u", "token"), [(0.0, 1), (0.49, 1), (0.51, 3), (math.nextafter(1, 0), 3)])
def test_draw_never_takes_what_has_no_probability(u: float, token: int) -> None:
    assert draw(np.array([[0.0, 0.5, 0.0, 0.5, 0.0]], np.float32), [u]) == [token]


@given(st.integers(1, 400), st.integers(0, 2**32), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=9))
@settings(deadline=None)
def test_a_row_is_drawn_alone_as_in_company_and_where_its_running_sum_passes(
    size: int, seed: int, chances: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.random((len(chances), size), np.float32) * (rng.random((len(chances), size)) < 0.3)
    rows[:, rng.integers(size)] += 0.01
    found = draw(rows, chances)
    for row, chance, token in zip(rows, chances, found, strict=True):
        assert draw(row[None], [chance]) == [token]
        assert row[token] > 0
        assert row[:token].sum() <= chance * row.sum() + 1e-6 * row.sum()
        assert row[: token + 1].sum() >= chance * row.sum() - 1e-6 * row.sum()


def test_uniform_is_a_function_of_seed_sample_and_position() -> None:
    keys = [(seed, sample, position) for seed in (0, 2**63 - 1) for sample in (0, 1) for position in range(50)]
    numbers = [uniform(*key) for key in keys]
    assert numbers == [uniform(*key) for key in keys]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number < 1 for number in numbers)
    assert abs(np.mean(numbers) - 0.5) < 0.07
    # Seeds must go on to give the same texts.
    assert uniform(1, 2, 3) == 0.13732203113233543


@given(*(st.integers(0, 2**63 - 1) for _ in range(3)))
def test_uniform_is_philox(seed: int, sample: int, position: int) -> None:
    key, counter = np.array([seed, sample], np.uint64), np.array([0, position, 0, 0], np.uint64)
    peer = np.random.Philox(key=key, counter=counter)  # it counts one on before it draws
    assert uniform(seed, sample, position) == (int(peer.random_raw()) >> 11) * 2.0**-53
