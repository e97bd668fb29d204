"""What words, characters and bytes are."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.text import units
from rnncli.text.escapes import bytes_of, has_lone, segments, text_of, without_lone
from rnncli.text.units import SPACELESS, count, count_words, distinct_words, stand_in, word_spans

MIXED = st.text(st.sampled_from("ab中文。「」、กี \n\t!?-'1か\u3099ー々\u0301\u00a0\udc80"), max_size=30)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n\t ", []),
        ("Don't stop, now!", ["Don't", "stop,", "now!"]),
        ("café  au\u00a0lait", ["café", "au", "lait"]),
        ("春眠不覺曉，處", ["春", "眠", "不", "覺", "曉，", "處"]),
        ("「春眠。」", ["「春", "眠。」"]),
        ("GPU版を使う", ["GPU", "版", "を", "使", "う"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("กี่กิน", ["กี่", "กิ", "น"]),
        ("。。。 ok", ["。。。", "ok"]),
        ("abc。中", ["abc。", "中"]),
        ("「abc」中", ["「abc」", "中"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("ราคา 100 บาท", ["ร", "า", "ค", "า", "100", "บ", "า", "ท"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected
    assert count_words(text) == len(expected)


def test_count_is_words_code_points_and_bytes() -> None:
    assert count("the cat") == (2, 7, 7)
    assert count("é中😀") == (2, 3, 2 + 3 + 4)  # é and 中😀: a sign belongs to the letter before


def test_a_stray_byte_counts_as_one() -> None:
    text = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert count(text) == (1, 4, 4)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"\xe4", b"\xb8", b"\xad", b"a", b" ", "中".encode(), "é".encode()])).map(b"".join))
def test_letters_among_stray_bytes_are_found_and_none_made_of_them(data: bytes) -> None:
    text = text_of(data)
    assert count_words(text) == len(word_spans(text))
    letters = [char for char in text if "㐀" <= char <= "鿿"]
    assert set(letters) <= distinct_words(text)
    assert count_words(text) >= len(letters)
    if not letters:
        assert words(text) == text.split()
        assert distinct_words(text) == set(text.split())


def test_distinct_words_are_words_and_bare_letters() -> None:
    assert distinct_words("a b a") == {"a", "b"}
    assert distinct_words("中文，中 ab") == {"中", "文", "ab"}


def test_ranges_are_sorted_and_apart() -> None:
    flat = [code for pair in SPACELESS for code in pair]
    assert all(first <= last for first, last in SPACELESS)
    assert len(set(flat)) >= len(SPACELESS)


@pytest.mark.parametrize(
    "text", ["=" * 300_000, "。" * 300_000, "中。" * 150_000, " =" * 150_000, "a" * 300_000 + "中"]
)
def test_counting_is_linear(text: str) -> None:
    started = time.process_time()
    count_words(text)
    word_spans(text)
    assert time.process_time() - started < 2


@settings(max_examples=300, deadline=None)
@given(MIXED)
def test_counting_agrees_with_finding(text: str) -> None:
    spans = word_spans(text)
    assert count_words(text) == len(spans)
    assert "".join(words(text)) == "".join(text.split())
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


@settings(max_examples=200, deadline=None)
@given(MIXED, MIXED)
def test_one_character_stands_in_for_a_word(text: str, after: str) -> None:
    for word in words(text):
        whole, short = word_spans(word + after), word_spans(stand_in(word) + after)
        assert [len(word) - end for _, end in whole] == [1 - end for _, end in short]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=12)
    | st.lists(st.sampled_from([b"\xed", b"\xa0", b"\xb2", b"\x80", b"a", b"\xc3", b"\xa9"])).map(b"".join)
)
def test_any_bytes_survive_as_text(data: bytes) -> None:
    assert bytes_of(text_of(data)) == data
    assert bytes_of(data.decode("utf-8", "surrogateescape")) == data


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=12))
def test_segments_make_up_the_text(text: str) -> None:
    found = segments(text)
    assert "".join(piece for _, piece, _ in found) == text
    assert all(text[start : start + len(piece)] == piece for start, piece, _ in found)
    assert any(lone for _, _, lone in found) == has_lone(text)
    assert len(without_lone(text)) == len(text)
    assert not has_lone(without_lone(text))


@pytest.mark.parametrize(
    "piece", ["the moon ", "x", "春眠。", "「春」 눈 ", "a\u0301\n\t", "…!", "ก็ no ", "\udcff\ud800 é", "中a"]
)
def test_a_long_text_is_counted_in_pieces(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "be " + piece * 500 + " end"
    whole = (count_words(text), len(text), len(bytes_of(text)))
    for size in (7, 64, 999):
        monkeypatch.setattr(units, "LONG", size)
        assert count(text) == whole


def test_counting_takes_little_memory() -> None:
    text = "be " * (2 << 20)
    tracemalloc.start()
    assert count(text)[0] == 2 << 20
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40 << 20  # all words at once: 130 MB
