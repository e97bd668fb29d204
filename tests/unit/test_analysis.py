"""Columns, regions, masks, percentiles and filters, by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnncli.analysis.calibrate import Figure, Reference, number_of, percent_of
from rnncli.analysis.columns import TextColumn
from rnncli.analysis.filter import Bounds, best
from rnncli.analysis.regions import Marked, by_region, unmark
from rnncli.analysis.shaping import Shaping, mask
from rnncli.errors import ConfigError, CorpusError
from rnncli.inference.plan import Line
from rnncli.records import Tally, TextScore, WordScore

ROWS = ["item\ttext\tbefore", "1\ta b\tc", "2\t\tx"]


def lines(*texts: str, document: int = 0) -> list[Line]:
    return [Line(text, "f", number, document) for number, text in enumerate(texts, start=1)]


def tally(logprob: float, words: int = 1) -> Tally:
    return Tally(logprob=logprob, tokens=words + 1, lines=1, words=words, chars=4 * words, bytes=4 * words)


# -- columns


@pytest.mark.parametrize(("text", "prefix"), [("text", "before"), ("text", "3"), ("2", "before")])
def test_a_name_makes_the_first_line_of_each_file_a_header(text: str, prefix: str) -> None:
    columns = TextColumn(text, prefix)
    taken = [columns.take(line) for line in (*lines(*ROWS), *lines(*ROWS, document=1))]
    found = [(line.text, line.prefix, line.beside) for line in taken if line is not None]
    assert found == [("a b", "c", ("1", "c")), ("", "x", ("2", "x"))] * 2
    assert taken[0] is taken[3] is None
    assert columns.names == ("item", "before")


def test_a_number_makes_every_line_a_row() -> None:
    columns = TextColumn("2")
    taken = [columns.take(line) for line in lines(*ROWS)]
    assert [line.text for line in taken if line is not None] == ["text", "a b", ""]
    assert columns.names == ("column_1", "column_3")
    assert taken[1] is not None
    assert taken[1].beside == ("1", "c")


@pytest.mark.parametrize(
    ("text", "rows", "problem"),
    [
        ("2", ["a\tb", "c"], "f, line 2 has 1 column, not 2"),
        ("3", ["a\tb"], "f, line 1 has 2 columns and no column 3"),
        ("0", ["a\tb"], "f, line 1 has 2 columns and no column 0"),
        ("x", ["a\tb"], "f, line 1 has no column named x; it has a, b"),
        ("a", ["a\tb", "c\td\te"], "f, line 2 has 3 columns, not 2"),
    ],
)
def test_a_row_of_another_width_is_named(text: str, rows: list[str], problem: str) -> None:
    columns = TextColumn(text)
    *good, bad = lines(*rows)
    for line in good:
        columns.take(line)
    with pytest.raises(CorpusError, match=problem):
        columns.take(bad)


def test_a_reference_may_be_a_text_without_columns() -> None:
    columns = TextColumn("text", "before")
    for line in lines(*ROWS):
        columns.take(line)
    plain = columns.like()
    assert [plain.take(line) for line in lines("a text", "", "another")] == lines("a text", "", "another")
    with pytest.raises(CorpusError, match="f, line 2 has 2 columns, the first line none"):
        list(map(plain.take, lines("a text", "item\ttext")))
    with pytest.raises(CorpusError, match="f, line 4 has 1 column, not 3"):
        columns.take(Line("a text", "f", 4))
    one = TextColumn("text").like()
    assert [one.take(line) for line in lines("text", "a")] == [None, lines("text", "a")[1]]
    same = TextColumn("1").like()
    assert [found.text for found in map(same.take, lines("a", "b")) if found] == ["a", "b"]


@pytest.mark.parametrize("column", ["4", "0", "9" * 30, "9" * 5000])
def test_a_column_that_no_row_has(column: str) -> None:
    """Of more than 4,300 digits Python makes no number."""
    with pytest.raises(CorpusError, match="f, line 1 has 3 columns and no column") as caught:
        TextColumn(column).take(lines(*ROWS)[0])
    assert len(caught.value.message) < 600
    assert TextColumn("0003").take(lines("a\tb\tc")[0]) == lines("c")[0]._replace(beside=("a", "b"))


def test_files_with_other_columns_are_refused() -> None:
    columns = TextColumn("text")
    for line in lines(*ROWS):
        columns.take(line)
    with pytest.raises(CorpusError, match="f, line 1 has the columns text, item, not item, text, before"):
        columns.take(Line("text\titem", "f", 1, 1))


# -- what was hardly meant


def test_what_was_hardly_meant_is_told() -> None:
    def warned(texts: list[str], **how: Any) -> list[str]:
        shaping = Shaping(**how)
        for line in lines(*texts):
            shaping.before(line, b"")
        return list(shaping.warnings())

    assert warned(["floor", " floor", ", and", "\u6625"], prefix="on the") == [
        "in 1 line prefix and text touch, letter to letter, and are read as one word: the blank between them belongs "
        "to the text"
    ]
    [blank] = warned(["floor", "mat"], prefix="on the ")
    assert blank.startswith("in 2 lines the prefix ends in a blank")
    assert warned(["floor", ""], prefix="") == warned(["a / b", "a"], regions="/") == warned([], regions="/") == []
    assert warned(["a b", "c"], regions="|") == ["no line has the mark '|': each is one region"]
    [inside] = warned(["slept on the mat/, and/ left", "a /b", "a/ b", "a , /b"], regions="/")
    assert inside.startswith("in 1 line a mark stands inside a word")
    assert warned(["\u6625\u7720/\u4e0d\u89ba"], regions="/") == []


# -- regions


@pytest.mark.parametrize(
    ("text", "plain", "starts"),
    [
        ("The old | man sat | .", "The old man sat .", (0, 8, 16)),
        ("a|b", "ab", (0, 1)),
        ("a |b", "a b", (0, 2)),
        ("春眠|不覺", "春眠不覺", (0, 2)),
        ("| a", "a", (0, 0)),
        ("a |", "a", (0, 1)),
        ("a | | b", "a b", (0, 1, 2)),
        ("", "", (0,)),
    ],
)
def test_marks_are_taken_out(text: str, plain: str, starts: tuple[int, ...]) -> None:
    assert unmark(text, "|") == Marked(plain, starts)


def test_a_region_has_the_words_that_begin_in_it() -> None:
    marked = unmark("The old | man sat |", "|")
    places = [(0, 3), (4, 7), (8, 11), (12, 15)]
    words = tuple(
        WordScore(
            word=marked.text[a:b], start=a, end=b, logprob=-(2.0**i), pieces_logprob=-(3.0**i), tokens=i, spelled=i == 3
        )
        for i, (a, b) in enumerate(places)
    )
    found = by_region(TextScore(text=marked.text, tally=tally(-15), word_scores=words), marked).word_scores
    assert [(w.word, w.start, w.end, w.logprob, w.pieces_logprob, w.tokens, w.spelled) for w in found] == [
        ("The old", 0, 8, -3.0, -4.0, 1, False),
        ("man sat", 8, 15, -12.0, -36.0, 5, True),
        ("", 15, 15, 0, 0, 0, False),
    ]


@given(st.text("ab |春\t", max_size=20))
@example("| |")
def test_regions_cover_the_text(text: str) -> None:
    plain, starts = unmark(text, "|")
    assert "|" not in plain
    assert plain.split() == text.replace("|", "").split() or " |" in text or "| " in text or "\t" in text
    assert "".join(plain.split()) == "".join(text.replace("|", "").split())
    assert len(starts) == text.count("|") + 1
    assert list(starts) == sorted(starts)
    assert starts[0] == 0
    assert starts[-1] <= len(plain)


# -- masks


def test_a_mask_moves_nothing() -> None:
    assert mask("2026-11-25 08:12:01 pid 37, ٣٤ and 春1") == "0000-00-00 00:00:00 pid 00, ٠٠ and 春0"


@given(st.text())
def test_a_masked_text_is_as_long(text: str) -> None:
    masked = mask(text)
    assert (len(masked), len(masked.encode("utf-8", "surrogatepass"))) == (
        len(text),
        len(text.encode("utf-8", "surrogatepass")),
    )
    assert mask(masked) == masked


def test_what_is_done_before_is_undone_after() -> None:
    shaping = Shaping(prefix="at 7", columns=TextColumn("1"), regions="|", masked=True, raw=True)
    line = shaping.before(Line("a1 | b22\tx"), b"a1 | b22\tx\r\n")
    assert line is not None
    assert (line.text, line.prefix, line.beside) == ("a0 b00", "at 0", ("x", "a1 | b22", "a1 | b22\tx\r\n"))
    word = WordScore(word="a0", start=0, end=2, logprob=-1.0, pieces_logprob=-1.0, tokens=1, spelled=False)
    score = TextScore(text=line.text, tally=tally(-2), beside=line.beside, word_scores=(word,))
    [after] = shaping.after([score])
    assert (after.text, after.beside) == ("a1 b22", ("x", "a1 | b22\tx\r\n"))
    assert [(w.word, w.logprob) for w in after.word_scores] == [("a1", -1.0), ("b22", 0)]
    plain = Shaping()
    line = plain.before(Line("a1"), b"a1\n")
    assert line == Line("a1")
    assert list(plain.after([score])) == [score]


# -- percentiles


def reference(count: int, by: Figure = "logprob") -> Reference:
    """Of lines whose log-probabilities are -1, -2 and so on."""
    return Reference((tally(-1.0 - i) for i in range(count)), by, "r")


def test_percentiles_by_hand() -> None:
    found = reference(10)
    assert [found.percentile(value) for value in (-10.5, -10, -9.5, -5, -1, 0)] == [0, 0, 10, 50, 90, 100]
    assert [found.value(percent) for percent in (10, 10.5, 50, 90)] == [-10, -9, -6, -2]


@given(st.lists(st.integers(-50, 0), min_size=4, max_size=60), st.floats(25, 75))
def test_a_percentile_is_a_threshold(values: list[int], percent: float) -> None:
    found = Reference((tally(float(value)) for value in values), "logprob", "r")
    limit = found.value(percent)
    assert sum(value <= limit for value in values) >= percent / 100 * len(values)
    assert sum(value < limit for value in values) < percent / 100 * len(values)


@pytest.mark.parametrize(
    ("count", "percent", "need"), [(99, 99, "100"), (10, 5, "20"), (999, 99.9, "1,000"), (1, 50, "2")]
)
def test_a_reference_may_be_too_small(count: int, percent: float, need: str) -> None:
    with pytest.raises(CorpusError, match="too few") as caught:
        reference(count).value(percent)
    assert caught.value.hint == f"It takes {need} at least."
    assert math.isfinite(reference(int(need.replace(",", ""))).value(percent))


@pytest.mark.parametrize("percent", [5e-324, 1e-320, 0, 100])
def test_no_reference_is_large_enough_for_next_to_nothing(percent: float) -> None:
    with pytest.raises(CorpusError, match="too few") as caught:
        reference(10).value(percent)
    assert caught.value.hint == "Ask for more than 0 and less than 100 %."


def test_an_empty_reference_is_an_error() -> None:
    with pytest.raises(CorpusError, match="r has no line"):
        reference(0)


def test_numbers_and_percentages() -> None:
    assert (percent_of("99.5%"), percent_of("99.5"), number_of("-1e3")) == (99.5, None, -1000)
    for text in ("", "x", "nan", "inf", "1e999", "5 percent", "1_0"):
        with pytest.raises(ConfigError, match="is no number"):
            number_of(text)


# -- filters


def test_bounds_are_strict_and_a_line_without_the_figure_fails() -> None:
    bounds = Bounds("logprob", above=-3.0, below=-1.0)
    assert [bounds.passes(tally(value)) for value in (-3.0, -2.9, -1.1, -1.0)] == [False, True, True, False]
    lossy = Tally(logprob=-1.0, tokens=1, lines=1, lossless=False)
    assert not Bounds("bits_per_byte", above=-9.0).passes(lossy)
    assert Bounds("perplexity", below=3.0).passes(lossy)
    scores = [TextScore(text="", tally=tally(value)) for value in (-4.0, -2.0)]
    assert list(bounds.chosen(iter(scores))) == scores[1:]


@given(
    st.lists(st.integers(-9, 0), max_size=40),
    st.floats(0, 100),
    st.sampled_from(["perplexity", "bits_per_byte", "logprob"]),
)
def test_the_best_are_the_most_likely_and_the_first_of_equals(values: list[int], percent: float, by: Figure) -> None:
    flags = best((tally(float(value)) for value in values), by, percent)
    count = math.ceil(percent / 100 * len(values))
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:count]
    assert np.flatnonzero(flags).tolist() == sorted(expected)


def test_a_line_without_the_figure_is_the_last() -> None:
    def tallies() -> Iterator[Tally]:
        yield Tally(logprob=-1.0, tokens=1, lines=1, unended=1)
        yield tally(-90.0)

    assert best(tallies(), "perplexity", 50).tolist() == [False, True]
