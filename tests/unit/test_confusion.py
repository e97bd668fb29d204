"""Which label was taken for which, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.analysis.confusion import MOST_STRANGERS, Confusion
from rnncli.analysis.interval import Z95, wilson


def filled(**counts: tuple[int, int, int]) -> Confusion:
    """For each label, lines that en won, that fr won, that tied."""
    confusion = Confusion(("en", "fr"))
    for label, row in counts.items():
        for winner, count in zip((0, 1, None), row, strict=True):
            for _ in range(count):
                confusion.add(label, winner)
    return confusion


def test_by_hand() -> None:
    confusion = filled(fr=(1, 7, 2), en=(27, 3, 0), de=(4, 1, 0))
    assert confusion.counts == {"en": [27, 3, 0], "fr": [1, 7, 2], "de": [4, 1, 0]}
    assert (confusion.lines, confusion.right, confusion.accuracy) == (45, 34, 34 / 45)
    assert confusion.most_frequent == ("en", 30 / 45)
    assert confusion.guessing == 0.5
    assert [confusion.recall(label) for label in ("en", "fr", "de")] == [0.9, 0.7, 0.0]
    assert [confusion.precision(model) for model in ("en", "fr")] == [27 / 32, 7 / 11]
    assert confusion.strangers == ["de"]


def test_nothing_is_no_share() -> None:
    empty = filled()
    assert (empty.lines, empty.accuracy, empty.interval, empty.most_frequent) == (0, None, None, None)
    assert (empty.recall("en"), empty.precision("en")) == (None, None)


def test_a_column_of_numbers_does_not_fill_the_memory() -> None:
    confusion = Confusion(("en", "fr"))
    for number in range(5000):
        confusion.add(str(number), number % 2)
    confusion.add("fr", 1)
    assert len(confusion.counts) == MOST_STRANGERS + 2
    assert (confusion.lines, confusion.right, sum(confusion.others)) == (5001, 1, 4900)
    assert confusion.precision("fr") == 1 / 2501


def test_wilson_by_hand() -> None:
    """16 of 20: the textbook's 58.4 % to 91.9 %."""
    found = wilson(16, 20)
    assert found == pytest.approx((0.58398, 0.91934), abs=1e-5)
    assert wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert wilson(0, 0) is None


@given(st.integers(1, 10_000), st.data())
def test_the_ends_are_where_the_share_is_just_so_far_off(trials: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, trials))
    found = wilson(right, trials)
    assert found is not None
    assert 0 <= found.low <= right / trials <= found.high <= 1
    for end in found:
        assert (right / trials - end) ** 2 == pytest.approx(Z95**2 * end * (1 - end) / trials, rel=1e-6, abs=1e-9)
