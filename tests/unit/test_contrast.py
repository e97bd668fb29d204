"""Pairs, n-best lists and the fitted weight, against figures worked out by hand and against brute force."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.analysis.interval import wilson
from rnncli.analysis.lists import Candidate, Pair, read_candidates, read_pairs
from rnncli.analysis.nbest import Scored, best, groups
from rnncli.analysis.pairs import accuracies, judged
from rnncli.analysis.tuning import fit
from rnncli.errors import CorpusError
from rnncli.inference.plan import FLUSH, Flush, Line
from rnncli.records import Tally, TextScore


def lines(*texts: str) -> list[Line]:
    return [Line(text, "a.tsv", number, 1) for number, text in enumerate(texts, start=1)]


def by_length(lines: Iterable[Line | Flush]) -> Iterator[TextScore]:
    """A model to which each character costs one nat."""
    for line in lines:
        if isinstance(line, Line):
            yield TextScore(text=line.text, tally=Tally(logprob=-float(len(line.text)), lines=1))


def test_columns_are_found_by_place_or_by_name() -> None:
    assert list(read_pairs(lines("a\tb"), "x")) == [Pair("a", "b", None, 1, "a.tsv")]
    assert list(read_pairs(lines("g\ta\tb"), "x")) == [Pair("a", "b", "g", 1, "a.tsv")]
    named = lines("sentence_good\tsentence_bad", "a\tb")
    assert list(read_pairs(named, "x")) == [Pair("a", "b", None, 2, "a.tsv")]
    assert len(list(read_pairs(lines("this is good\tthis is bad", "a\tb"), "x"))) == 2
    assert list(read_pairs(lines("Bad\tGOOD\tkind", "b\ta\tg"), "x")) == [Pair("a", "b", "g", 2, "a.tsv")]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a"], "a.tsv, line 1 has 1 column"),
        (["a\tb\tc\td"], "a.tsv, line 1 has 4 columns"),
        (["a\tb", "g\ta\tb"], "a.tsv, line 2 has 3 columns, those before it 2"),
        (["a\tb", ""], "a.tsv, line 2 is empty"),
        ([], "x holds no pair"),
        (["good\tbad"], "x holds no pair"),
    ],
)
def test_what_is_no_list_of_pairs_is_an_error_that_names_the_line(texts: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        list(read_pairs(lines(*texts), "x"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["g\tscore\ttext"], "x holds no candidate"),
        (["g\t1,5\ttext"], "a.tsv, line 1 has '1,5' as other score, which is no number"),
        (["g\tnan\ttext"], "a.tsv, line 1 has 'nan' as other score, which is not finite"),
        (["g\t1\ttext\t1", "g\t1\ttext\t1e999"], "a.tsv, line 2 has '1e999' as errors, which is not finite"),
        (["g\t1e308\ttext"], "a.tsv, line 1 has '1e308' as other score, beyond 1e[+]100"),
        (["g\t1\ttext\t-1e101"], "a.tsv, line 1 has '-1e101' as errors, beyond 1e[+]100"),
        (["g\t1"], "a.tsv, line 1 has 2 columns"),
        (["g\t1\ta", "h\t1\ta", "g\t1\ta"], "a.tsv, line 3 comes back to the group 'g'"),
    ],
)
def test_what_is_no_list_of_candidates_is_an_error_after_a_flush(texts: list[str], message: str) -> None:
    found: list[object] = []
    with pytest.raises(CorpusError, match=message):
        found.extend(read_candidates(lines(*texts), "x"))
    assert found[-1] is FLUSH


def test_pairs_hand_a_flush_on() -> None:
    found = list(read_pairs([*lines("a\tb"), FLUSH, Line("c\td", "a.tsv", 2, 1)], "x"))
    assert found == [Pair("a", "b", None, 1, "a.tsv"), FLUSH, Pair("c", "d", None, 2, "a.tsv")]


def test_a_tie_is_wrong_and_groups_come_in_order() -> None:
    texts = ["z\ta\tbb", "z\taa\tb", "b\ta\tc", "b\ta\tbbb", "b\ta\tbb"]
    one, other, total = accuracies(judged(read_pairs(lines(*texts), "x"), by_length))
    assert one[:5] == ("z", 2, 1, 0.5, 0)
    assert other[:5] == ("b", 3, 2, 2 / 3, 1)
    assert total[:5] == (None, 5, 3, 0.6, 1)
    assert total.groups == 2
    assert total.macro_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    [alone] = accuracies(judged(read_pairs(lines("a\tbb"), "x"), by_length))
    assert (alone.group, alone.pairs, alone.macro_accuracy) == (None, 1, None)


def test_wilson() -> None:
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    assert wilson(10, 10) == pytest.approx((0.7224672, 1.0), abs=1e-6)


def test_the_best_of_each_group() -> None:
    texts = ["g\t-1\tabc", "g\t0\tabcd", "g\t-3\tz", "h\t2\tx"]
    scored = list(read_candidates(lines(*texts), "x"))
    first, second = (best(members, 1.0) for members in groups(scored, by_length))
    # -1-3, 0-4 and -3-1 are all -4.
    assert first[:6] == ("g", -1.0, -3.0, -4.0, 3, 2)
    assert (first.line, first.text, second.group, second.combined) == (1, "abc", "h", 1.0)
    [chosen, _] = (best(members, 0.0) for members in groups(scored, by_length))
    assert (chosen.text, chosen.ties) == ("abcd", 0)


def scored(rows: Iterable[tuple[int, int, int]], group: str = "g") -> list[Scored]:
    return [Scored(Candidate(group, float(o), "", float(e)), float(s)) for o, s, e in rows]


def test_a_fit_by_hand() -> None:
    # The first is best up to 2, the second (4 - w against 8 - 3 w) up to 4, the third (0) from there on.
    found = fit([scored([(8, -3, 5), (4, -1, 1), (0, 0, 3)])])
    assert found == (3.0, 2.0, 4.0, 1.0, 5.0, 1.0, 1, 3)
    nothing = fit([scored([(1, -1, 2)])])
    assert (nothing.weight, nothing.low, nothing.high) == (1.0, 0.0, None)
    last = fit([scored([(4, -3, 5), (0, -1, 1)])])
    assert (last.weight, last.low, last.high) == (3.0, 2.0, None)


def errors_at(weight: Fraction | float, lists: list[list[Scored]]) -> int:
    total = 0
    for members in lists:
        exact = [Fraction(m.candidate.other) + Fraction(weight) * Fraction(m.logprob) for m in members]
        total += int(members[exact.index(max(exact))].candidate.errors or 0)
    return total


def brute_force(lists: list[list[Scored]]) -> tuple[int, float, float]:
    """Errors, beginning and end of the best interval, from all points where any two lines meet."""
    corners = {Fraction(0)}
    for members in lists:
        for a in members:
            for b in members:
                if a.logprob != b.logprob:
                    met = Fraction(a.candidate.other - b.candidate.other) / Fraction(b.logprob - a.logprob)
                    corners |= {met} if met > 0 else set()
    places = sorted(corners)
    intervals: list[tuple[int, float, float]] = []
    for low, high in zip(places, [*places[1:], None], strict=True):
        errors = errors_at(low + 1 if high is None else (low + high) / 2, lists)
        end = math.inf if high is None else float(high)
        if intervals and intervals[-1][0] == errors:
            intervals[-1] = (errors, intervals[-1][1], end)
        else:
            intervals.append((errors, float(low), end))
    ends = {i: i[2] if math.isfinite(i[2]) else 2 * i[1] or 2.0 for i in intervals}
    return min(intervals, key=lambda i: (i[0], i[1] - ends[i], i[1]))


def test_corners_that_only_rounding_tells_apart_are_one() -> None:
    # Both groups turn at 3, which in tenths comes out a bit below: only in between would neither make an error.
    plain = scored([(3, -1, 0), (0, 0, 1)])
    tenths = [Scored(Candidate("h", 0.3, "", 1.0), -0.1), Scored(Candidate("h", 0.0, "", 0.0), 0.0)]
    assert 0.3 / 0.1 < 3.0
    found = fit([plain, tenths])
    assert (found.errors, found.low, found.high, found.weight) == (1.0, 0.0, None, 1.0)


SCALED = st.tuples(
    st.sampled_from([1.0, 3.0, 0.1, 7.0, 1 / 3]),
    st.lists(st.tuples(st.integers(-4, 4), st.integers(-5, 0), st.integers(0, 3)), min_size=1, max_size=5),
)


@given(st.lists(SCALED, min_size=1, max_size=4))
def test_the_weight_makes_the_errors_that_are_told(lists: list[tuple[float, list[tuple[int, int, int]]]]) -> None:
    groups = [[Scored(Candidate("g", k * o, "", float(e)), k * s) for o, s, e in rows] for k, rows in lists]
    found = fit(groups)
    assert sum(best(members, found.weight).errors or 0 for members in groups) == found.errors


ROWS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 0), st.integers(0, 3)), min_size=1, max_size=6)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_the_fit_is_that_of_brute_force(rows: list[list[tuple[int, int, int]]]) -> None:
    lists = [scored(group) for group in rows]
    found = fit(lists)
    errors, low, high = brute_force(lists)
    assert found.errors_without == errors_at(0, lists)
    assert found.errors_oracle == sum(min(e for _, _, e in group) for group in rows)
    assert found.errors == errors_at(found.weight, lists) == min(errors, errors_at(0, lists))
    if errors <= errors_at(0, lists):
        assert (found.low, math.inf if found.high is None else found.high) == (low, high)
    else:
        assert (found.weight, found.low, found.high) == (0.0, 0.0, 0.0)
