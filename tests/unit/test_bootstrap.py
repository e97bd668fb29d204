"""The streaming bootstrap against the plain one, and what it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import rnncli.analysis.bootstrap as module
from rnncli.analysis.bootstrap import Bootstrap
from rnncli.analysis.interval import Interval


def lines(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Bits under two models and bytes: the second needs about 0.1 bits a byte more, unevenly."""
    rng = np.random.default_rng(seed)
    bytes_N = rng.integers(1, 80, count)
    first_N = bytes_N * rng.gamma(4, 0.5, count)
    second_N = first_N + bytes_N * rng.normal(0.1, 0.6, count)
    return np.stack([first_N, second_N, bytes_N], axis=1)


def streamed(rows: NDArray[np.float64], seed: int = 0, resamples: int = module.RESAMPLES) -> Bootstrap:
    bootstrap = Bootstrap(rows.shape[1], seed=seed, resamples=resamples)
    for row in rows.tolist():
        bootstrap.add(row)
    return bootstrap


def plain(rows: NDArray[np.float64], resamples: int) -> Interval:
    """As many lines as there are, with replacement, again and again."""
    rng = np.random.default_rng(99)
    sums = [rows[rng.integers(0, len(rows), len(rows))].sum(axis=0) for _ in range(resamples)]
    low, high = np.quantile([(more - less) / per for less, more, per in sums], (0.025, 0.975)).tolist()
    return Interval(low, high)


@pytest.mark.parametrize("count", [60, 500])
def test_it_gives_the_interval_of_the_plain_bootstrap(count: int) -> None:
    rows = lines(count)
    found, expected = streamed(rows, resamples=4000).difference(1, 0, 2), plain(rows, 4000)
    assert found is not None
    reach = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.06 * reach)
    assert found.high == pytest.approx(expected.high, abs=0.06 * reach)


def test_sums_are_of_whole_lines_counted_once_on_average() -> None:
    rows = np.array([[1.0, 10.0, 100.0]] * 300)
    sums_RC = streamed(rows).sums()
    assert sums_RC[:, 1] == pytest.approx(10 * sums_RC[:, 0])
    assert sums_RC[:, 2] == pytest.approx(100 * sums_RC[:, 0])
    assert sums_RC[:, 0].mean() == pytest.approx(300, rel=0.01)
    assert sums_RC[:, 0].var() == pytest.approx(300, rel=0.2)


def test_a_seed_says_all_and_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = lines(150)
    expected = streamed(rows, seed=5).difference(1, 0, 2)
    assert streamed(rows, seed=5).difference(1, 0, 2) == expected
    assert streamed(rows, seed=6).difference(1, 0, 2) != expected
    monkeypatch.setattr(module, "BLOCK", 7)
    assert streamed(rows, seed=5).difference(1, 0, 2) == pytest.approx(expected)


def test_it_is_paired() -> None:
    """What is hard for both models is no reason to doubt a steady difference."""
    rows = np.array([[bits, bits + 0.5, 1.0] for bits in np.random.default_rng(0).normal(0, 1000, 200)])
    found = streamed(rows).difference(1, 0, 2)
    assert found is not None
    assert found == pytest.approx((0.5, 0.5))
    assert found.excludes_zero


def test_few_rows() -> None:
    assert Bootstrap(3, seed=0).difference(1, 0, 2) is None
    assert streamed(lines(1)).difference(1, 0, 2) is None
    two = streamed(np.array([[1.0, 3.0, 1.0], [1.0, 5.0, 1.0]])).difference(1, 0, 2)
    assert two == pytest.approx((2.0, 4.0))


def test_a_line_that_cannot_be_has_no_interval() -> None:
    assert streamed(np.array([[1.0, np.inf, 1.0], [1.0, 2.0, 1.0]])).difference(1, 0, 2) is None


def test_excludes_zero() -> None:
    assert Interval(0.1, 0.2).excludes_zero
    assert Interval(-0.2, -0.1).excludes_zero
    assert not Interval(0.0, 0.2).excludes_zero
    assert not Interval(-0.1, 0.2).excludes_zero


def test_counts_are_poisson_numbers_of_mean_1() -> None:
    shares = np.bincount(module.POISSON.astype(int)) / len(module.POISSON)
    expected = [math.exp(-1) / math.factorial(count) for count in range(len(shares))]
    assert len(shares) == 9
    assert shares == pytest.approx(expected, abs=2 / len(module.POISSON))
    assert module.POISSON.mean() == pytest.approx(1, abs=1e-4)
    assert module.POISSON.var() == pytest.approx(1, abs=1e-3)
