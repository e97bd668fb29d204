"""Each schedule against its formula, by hand."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import ScheduleName, TrainConfig
from rnncli.training.schedule import Position, learning_rate


def rate(progress: float, schedule: ScheduleName, *, step: int = 0, plateaus: int = 0, **given: Any) -> float:
    config = TrainConfig(schedule=schedule, **{"learning_rate": 1.0, "warmup": 0.0, **given})
    return learning_rate(Position(progress=progress, step=step, plateaus=plateaus), config)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", (1, 1, 1, 1, 1)),
        ("linear", (1, 0.75, 0.5, 0.25, 0)),
        ("cosine", (1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0)),
        ("exponential", (1, 0.5**2.5, 0.5**5, 0.5**7.5, 0.5**10)),
        ("plateau", (1, 1, 1, 1, 1)),
    ],
)
def test_by_quarters(schedule: ScheduleName, expected: tuple[float, ...]) -> None:
    assert [rate(quarter / 4, schedule) for quarter in range(5)] == pytest.approx(expected, abs=1e-12)
    assert rate(0.25, schedule, learning_rate=3.0) == pytest.approx(3 * expected[1])


@pytest.mark.parametrize("least", [0.0, 0.2, 1.0])
def test_linear_and_cosine_end_where_they_are_told(least: float) -> None:
    schedules: tuple[ScheduleName, ...] = ("linear", "cosine")
    for schedule in schedules:
        found = [rate(share, schedule, final_rate=least) for share in (0.0, 0.5, 1.0)]
        assert found == pytest.approx([1.0, least + (1 - least) * 0.5, least])
        # The warm-up rises to the peak, whatever the end.
        assert rate(0.1, schedule, final_rate=least, warmup=0.2) == pytest.approx(0.5)


def test_exponential_by_steps() -> None:
    given: dict[str, Any] = {"decay_rate": 0.9, "decay_steps": 100}
    for step in (0, 50, 100, 175, 1000):
        assert rate(0.3, "exponential", step=step, **given) == pytest.approx(0.9 ** (step / 100))
    stairs = {0: 0, 99: 0, 100: 1, 199: 1, 200: 2, 1050: 10}
    for step, jumps in stairs.items():
        assert rate(0.3, "exponential", step=step, staircase=True, **given) == pytest.approx(0.9**jumps)


def test_exponential_by_tenths_of_the_budget() -> None:
    for progress, jumps in ((0.0, 0), (0.09, 0), (0.11, 1), (0.55, 5), (0.99, 9)):
        assert rate(progress, "exponential", staircase=True) == pytest.approx(0.5**jumps)
        assert rate(progress, "exponential", decay_rate=0.3) == pytest.approx(0.3 ** (10 * progress))


def test_plateau_by_plateaus() -> None:
    assert [rate(0.5, "plateau", plateaus=n, decay_rate=0.25) for n in range(4)] == [1, 0.25, 0.0625, 0.015625]


def test_warm_up_is_linear_and_the_rest_anneals_over_what_is_left() -> None:
    """A fifth of the budget warms up; at progress 0.6 half of the rest is gone."""
    for share, expected in ((0.05, 0.25), (0.1, 0.5), (0.15, 0.75), (0.2, 1.0), (0.6, 0.5), (1.0, 0.0)):
        for schedule in ("linear", "cosine"):
            kind: Any = schedule
            assert rate(share, kind, warmup=0.2) == pytest.approx(expected)
    assert rate(0.05, "constant", warmup=0.2) == pytest.approx(0.25)
    assert rate(0.1, "exponential", warmup=0.2) == pytest.approx(0.5 * 0.5)
    assert rate(0.1, "plateau", warmup=0.2, plateaus=1) == pytest.approx(0.5 * 0.5)
    # A clocked run's first step has used nothing of its budget, and is to be a step.
    assert rate(0.0, "cosine", warmup=0.2) == pytest.approx(0.01)


CONFIGS = st.builds(
    TrainConfig,
    schedule=st.sampled_from(get_args(ScheduleName)),
    learning_rate=st.floats(1e-6, 1000),
    warmup=st.floats(0, 0.99),
    decay_rate=st.floats(0.01, 1),
    decay_steps=st.integers(0, 1000),
    staircase=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(config=CONFIGS, progress=st.floats(0, 1), step=st.integers(0, 10**6), plateaus=st.integers(0, 500))
def test_the_rate_stays_between_0_and_the_peak(config: TrainConfig, progress: float, step: int, plateaus: int) -> None:
    found = learning_rate(Position(progress=progress, step=step, plateaus=plateaus), config)
    assert 0 <= found <= config.learning_rate


@settings(max_examples=200, deadline=None)
@given(
    schedule=st.sampled_from(["linear", "cosine", "constant", "exponential"]),
    warmup=st.floats(0, 0.9),
    progress=st.floats(0.02, 0.999),
)
def test_the_rate_does_not_jump(schedule: Any, warmup: float, progress: float) -> None:
    """A little progress moves it a little, across the end of the warm-up too."""
    little = 1e-6
    config = TrainConfig(schedule=schedule, learning_rate=1.0, warmup=warmup)
    one, two = (learning_rate(Position(progress=p, step=7), config) for p in (progress, progress + little))
    # No schedule is steeper than 1 over its warm-up, 10 ln 2 in its decay, or pi / 2 over what the warm-up leaves.
    steepest = 1 / max(warmup, 0.01) + 10 + math.pi / (1 - warmup)
    assert abs(one - two) <= steepest * little
