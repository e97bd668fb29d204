"""Comparisons by hand, in lockstep, and in sum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.analysis.columns import TextColumn
from rnncli.analysis.compare import Comparison, Summary, Totals, compare, side_by_side
from rnncli.errors import ConfigError, CorpusError
from rnncli.inference.plan import FLUSH, Flush, Line
from rnncli.inference.scorer import Scorer
from rnncli.records import LN2, Tally, TextScore
from tests.toy import TEXT, ToyEngine, toy_tokenizer


def score(bits: float, text: str = "abc", *, lossless: bool = True) -> TextScore:
    return TextScore(text=text, tally=Tally(logprob=-bits * LN2, lines=1, bytes=len(text), lossless=lossless))


def together(*bits: float, text: str = "abc") -> Comparison:
    return compare([score(one, text) for one in bits])


def summed(labels: Sequence[str], lines: Sequence[Comparison], seed: int | None = 0) -> Summary:
    totals = Totals(labels, seed=seed)
    for line in lines:
        totals.add(line)
    return totals.summary()


def scorers() -> list[Scorer]:
    """Different networks over different tokenizers."""
    found = []
    for seed, kind in enumerate(("hybrid", "char", "byte")):
        tokenizer = toy_tokenizer(kind)  # type: ignore[arg-type]
        found.append(Scorer(ToyEngine(tokenizer.vocab_size, seed=seed), tokenizer))
    return found


def test_the_fewest_bits_win_and_the_second_says_by_how_many() -> None:
    found = together(20.0, 12.0, 15.5)
    assert found.bits == pytest.approx((20.0, 12.0, 15.5))
    assert (found.best, found.winner, found.tied) == (1, 1, False)
    assert found.difference == pytest.approx(3.5)
    assert found.bits_per_byte == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("bits", "winner", "difference"),
    [
        ((10.0, 10.0), None, 0.0),
        ((10.0, 10.000005), None, 5e-6),
        ((10.0, 10.00002), 0, 2e-5),
        ((1e6 + 0.5, 1e6, 2e6), None, 0.5),
        ((0.0, 0.0), None, 0.0),
        ((0.0, 1e-9), 0, 1e-9),
        ((math.inf, math.inf), None, 0.0),
        ((math.inf, 5.0), 1, math.inf),
        ((7.0, 3.0, 3.0), None, 0.0),
    ],
)
def test_what_rounding_could_have_decided_is_a_tie(
    bits: tuple[float, ...], winner: int | None, difference: float
) -> None:
    found = together(*bits)
    assert found.winner == winner
    assert found.difference == pytest.approx(difference, rel=1e-3, abs=1e-12)


def test_per_byte_only_where_the_best_keeps_the_text() -> None:
    assert compare([score(8.0, lossless=False), score(9.0)]).bits_per_byte is None
    assert compare([score(12.0, lossless=False), score(8.0)]).bits_per_byte == pytest.approx(2.0)


@pytest.mark.parametrize("context", ["line", "file"])
def test_each_model_gives_the_scores_that_it_gives_alone(context: str) -> None:
    lines = [Line(text, "f", number) for number, text in enumerate([*TEXT.splitlines(), "", "the cat"] * 3, 1)]
    found = list(side_by_side(scorers(), lines, context=context))  # type: ignore[arg-type]
    assert [one.line.line for one in found] == list(range(1, len(lines) + 1))
    for place, scorer in enumerate(scorers()):
        alone = list(scorer.score(lines, context=context))  # type: ignore[arg-type]
        assert [one.scores[place] for one in found] == alone


def test_empty_lines_can_be_left_out() -> None:
    found = side_by_side(scorers(), [Line("the"), Line(""), FLUSH, Line("cat")], skip_empty=True)
    assert [one.line.text for one in found] == ["the", "cat"]


def test_a_flush_is_answered_by_all_before_more_is_read() -> None:
    events: list[str] = []

    def source() -> Iterator[Line | Flush]:
        for item in (Line("the cat"), FLUSH, Line("the dog"), Line(""), FLUSH):
            events.append("flush" if item is FLUSH else "read")
            yield item

    for one in side_by_side(scorers(), source()):
        assert len(one.bits) == 3
        events.append(f"row {one.line.text}".strip())
    assert events == ["read", "flush", "row the cat", "read", "read", "flush", "row the dog", "row"]


def test_no_model_runs_ahead_of_the_others() -> None:
    read, ahead = 0, 0

    def source() -> Iterator[Line]:
        nonlocal read
        for read in range(1, 20_001):  # noqa: B007
            yield Line("the cat")

    for done, _ in enumerate(side_by_side(scorers(), source())):
        ahead = max(ahead, read - done)
    assert (read, done) == (20_000, 19_999)
    assert ahead <= 2 * 2048


def test_who_leaves_early_leaves_nothing_running() -> None:
    closed = []

    class Watched(Scorer):
        def score(self, *arguments: object, **options: object) -> Iterator[TextScore]:
            try:
                yield from super().score(*arguments, **options)  # type: ignore[arg-type]
            finally:
                closed.append(self.tokenizer.kind)

    watched = [Watched(scorer.engine, scorer.tokenizer) for scorer in scorers()]
    found = side_by_side(watched, [Line("the cat")] * 100)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert closed == ["hybrid", "char", "byte"]


def test_totals_by_hand() -> None:
    lines = [together(10, 14, text="a" * 4), together(9, 5, text="a" * 9), together(3, 3, text=""), together(2, 8)]
    summary = summed(("one", "other"), lines)
    one, other = summary.models
    assert (summary.lines, summary.ties) == (4, 1)
    assert (one.wins, one.share, other.wins, other.share) == (2, 0.5, 1, 0.25)
    assert (one.bits, other.bits) == pytest.approx((24, 30))
    assert one.tally.bits_per_byte == pytest.approx(24 / 20)
    assert one.bits_per_line == pytest.approx(6)
    [pair] = summary.pairs
    assert (pair.best, pair.other, pair.per) == ("one", "other", "byte")
    assert pair.difference == pytest.approx(6 / 20)
    assert pair.interval is not None
    assert pair.interval.low < 6 / 20 < pair.interval.high
    assert not pair.interval.excludes_zero


def test_a_model_that_loses_text_is_compared_per_line() -> None:
    lines = [compare([score(10), score(12), score(7 + i, lossless=False)]) for i in range(3)]
    first, second = summed(("a", "b", "words"), lines).pairs
    assert (first.best, first.other, first.per, second.per) == ("words", "a", "line", "line")
    assert first.difference == pytest.approx(2)
    assert summed(("a", "b", "words"), lines).models[2].tally.bits_per_byte is None
    assert [pair.per for pair in summed(("a", "b"), [compare([score(3), score(4)])]).pairs] == ["byte"]


def test_the_same_lines_give_the_same_interval_and_a_clear_one_excludes_0() -> None:
    lines = [together(10 + i % 3, 12 + i % 5) for i in range(60)]
    intervals = [summed(("a", "b"), lines, seed=seed).pairs[0].interval for seed in (1, 1, 2)]
    assert intervals[0] == intervals[1] != intervals[2]
    assert intervals[0] is not None
    assert intervals[0].excludes_zero


def test_too_few_lines_have_no_interval_and_none_no_pairs() -> None:
    assert summed(("a", "b"), [together(1, 2)]).pairs[0].interval is None
    empty = summed(("a", "b"), [])
    assert (empty.pairs, empty.models[0].share, empty.models[0].bits_per_line) == ((), None, None)
    impossible = summed(("a", "b"), [together(1, math.inf), together(1, 2)]).pairs[0]
    assert (impossible.difference, impossible.interval) == (math.inf, None)


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=3, max_size=3), min_size=1, max_size=20))
def test_wins_and_ties_are_all_lines(bits: list[list[float]]) -> None:
    summary = summed("abc", [together(*one) for one in bits], seed=None)
    assert sum(model.wins for model in summary.models) + summary.ties == len(bits)
    assert all(pair.difference >= 0 for pair in summary.pairs)


def taken(column: TextColumn, *rows: str) -> list[Line | None]:
    return [column.take(Line(row, "t.tsv", number)) for number, row in enumerate(rows, 1)]


def test_a_label_by_number_or_by_name() -> None:
    column = TextColumn("3", label="1")
    [line] = taken(column, "en\tx\tthe cat")
    assert line is not None
    assert (line.text, line.beside, column.names, column.label_place) == (
        "the cat", ("en", "x"), ("column_1", "column_2"), 0,
    )  # fmt: skip
    column = TextColumn("1", label="who")
    header, line = taken(column, "text\tnote\twho", "the cat\tx\ten")
    assert header is None
    assert line is not None
    assert (line.text, column.names, column.label_place) == ("the cat", ("note", "who"), 1)
    assert column.label_place is not None
    assert line.beside[column.label_place] == "en"


def test_a_label_that_is_not_there_or_is_the_text() -> None:
    with pytest.raises(CorpusError, match=r"t.tsv, line 1 has no column named who; it has text, label"):
        taken(TextColumn("text", label="who"), "text\tlabel")
    with pytest.raises(CorpusError, match=r"t.tsv, line 2 has 1 column, not 2"):
        taken(TextColumn("1", label="2"), "a\tb", "c")
    with pytest.raises(ConfigError, match="cannot be the label and the text"):
        taken(TextColumn("2", label="2"), "a\tb")
    with pytest.raises(ConfigError, match="cannot be the label and the text"):
        taken(TextColumn("2", label="who"), "a\twho")
