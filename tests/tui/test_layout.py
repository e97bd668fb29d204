"""Tokens on lines: by hand, and as properties over any tokens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from rnncli.tui.layout import Layout

TEXTS = st.lists(st.text(alphabet="ab \n\t字e\u0301\x1b", max_size=6), max_size=40)


def laid(texts: list[str], width: int) -> Layout:
    layout = Layout(width)
    layout.append(texts)
    return layout


def plain(layout: Layout) -> list[str]:
    return [layout.plain(line) for line in range(len(layout.lines))]


def test_lines_break_at_words_across_tokens() -> None:
    layout = laid(["The", " old", " wo", "man", " sat", "\n", "Hm"], 9)
    assert plain(layout) == ["The old ", "woman sat", "Hm"]
    assert layout.place(3) == (1, 2)
    assert layout.place(5) == (1, 9)
    assert layout.place(6) == (2, 0)
    assert layout.at(1, 3) == 3
    assert layout.at(0, 50) == 2  # the space that " wo" brought
    assert layout.at(7, 0) is None


def test_a_word_longer_than_a_line_is_broken_anywhere() -> None:
    assert plain(laid(["abcdefgh ij"], 4)) == ["abcd", "efgh", "ij"]


def test_wide_characters_break_anywhere_and_never_in_half() -> None:
    assert plain(laid(["字" * 5], 5)) == ["字字", "字字", "字"]


def test_what_steers_a_terminal_shows_as_a_glyph() -> None:
    assert plain(laid(["\x1b[2J", "\x9b", "a\tb"], 40)) == ["␛[2J<U+009B>a    b"]


def test_empty_lines_can_be_pointed_at() -> None:
    layout = laid(["a", "\n", "\n", "b"], 10)
    assert plain(layout) == ["a", "", "b"]
    assert layout.at(1, 0) == 2


@settings(max_examples=200, deadline=None)
@given(texts=TEXTS, width=st.integers(2, 12), cut=st.integers(0, 40), other=st.integers(2, 12))
def test_growing_cutting_and_resizing_come_to_the_same(texts: list[str], width: int, cut: int, other: int) -> None:
    whole = laid(texts, width)
    grown = Layout(width)
    for text in texts:
        before = [list(line) for line in grown.lines]
        first = grown.append([text])
        assert grown.lines[:first] == before[:first]
    assert grown.lines == whole.lines
    assert all(sum(piece.width for piece in line) <= width for line in whole.lines)
    assert all(cell_len(piece.text) == piece.width for line in whole.lines for piece in line)
    shown = "".join(whole.texts).replace("\n", "").replace(" ", "")
    assert "".join(plain(whole)).replace(" ", "") == shown
    grown.resize(other)
    assert grown.lines == laid(texts, other).lines
    first = grown.cut(cut)
    assert grown.lines == laid(texts[:cut], other).lines
    assert first <= len(grown.lines)
    for number in range(len(grown.texts)):
        line, column = grown.place(number)
        if grown.texts[number].strip("\n"):
            assert any(piece.token == number and piece.column == column for piece in grown.lines[line])
