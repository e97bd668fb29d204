"""What a text comes to in tokens: by hand, against the tokenizer that cuts so, and from a part of a long text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import TokenizerConfig
from rnncli.text import coverage
from rnncli.text.coverage import SIZES, TIMES, Coverage, often_enough, tokens_a_char, words_that_come
from rnncli.text.tokenizers import train_tokenizer

CORPORA = Path(__file__).parents[2] / "corpora"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(CORPORA.glob("*.*")) if path.suffix != ".md"}
TEXTS["code"] = Path(coverage.__file__).read_text(encoding="utf-8")


def covered(*blocks: str) -> tuple[float, ...]:
    found = Coverage()
    for block in blocks:
        found.add(block)
    return found.tokens_a_char()


def test_by_hand() -> None:
    """``the|_cat|_the|_cat|newline``: only ``_cat`` comes twice, and is worth three characters each time."""
    found = covered("the cat the cat\n")
    assert found[0] == 1
    assert found[1:-1] == (10 / 16,) * (len(SIZES) - 1)
    assert found[-1] == 5 / 16


def test_the_most_worth_by_count_come_first() -> None:
    """A hundred words that come three times each, and one that comes twice."""
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(100)]
    text = "\n".join([*words * 3, "zzzz", "zzzz"])
    found, chars = covered(text), len(text)
    assert found[1] == (chars - 300) / chars
    assert found[2] == (chars - 300 - 6) / chars


def test_words_are_counted_by_how_often_they_come() -> None:
    """A sign alone is no word, however often it comes."""
    found = Coverage()
    found.add("one\n" * 17 + "two\n" * 16 + "three\n" * 2 + "four\n" + "!\n" * 99)
    assert TIMES[:13] == (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24)
    assert found.repeats() == (3, *(2,) * 10, *(0,) * (len(TIMES) - 11))
    assert Coverage().repeats() == (0,) * len(TIMES)


def test_between_two_counts_it_goes_by_the_logarithm() -> None:
    found = tuple(range(100 * len(TIMES), 0, -100))
    for number, times in zip(found, TIMES, strict=True):
        assert words_that_come(found, times) == number
    assert words_that_come(found, 80**0.5) == found[6] - 50
    assert words_that_come(found, 0.1) == found[0]
    assert words_that_come(found, TIMES[-1] + 1) == words_that_come((), 5) == 0


def test_the_more_text_the_seldomer_is_often_enough() -> None:
    assert [round(often_enough(chars)) for chars in (2e4, 7e4, 2.6e5, 1e6)] == [16, 11, 7, 5]
    assert often_enough(1e9) < 1 < 50 < often_enough(100)


def test_no_text_has_none() -> None:
    assert covered() == covered("") == ()


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("words", [100, 400, 3000])
def test_it_is_what_the_tokenizer_makes(name: str, words: int) -> None:
    """At these sizes: it counts without a tokenizer's trouble with marks and apostrophes."""
    text = TEXTS[name]
    made = train_tokenizer([text], TokenizerConfig(kind="hybrid", vocab_size=words))
    assert tokens_a_char(covered(text), words) == pytest.approx(len(made.encode(text)) / len(text), rel=0.06)


def test_between_two_sizes_it_goes_by_the_logarithm() -> None:
    found = (1.0, *(0.9 - 0.05 * n for n in range(len(SIZES) - 1)), 0.1)
    for size, value in zip(SIZES, found, strict=False):
        assert tokens_a_char(found, size) == pytest.approx(value)
    assert tokens_a_char(found, 141) == pytest.approx(0.875, abs=0.001)
    assert tokens_a_char(found, 10**9) == found[-2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \t1_.中é\u0301\n"), max_size=12), max_size=12))
def test_more_words_never_make_more_tokens(lines: list[str]) -> None:
    blocks = [line + "\n" for line in lines]
    found = covered(*blocks)
    assert list(found) == sorted(found, reverse=True)
    assert all(0 < value <= 1 for value in found)
    assert found == covered("".join(blocks))


def test_of_a_long_text_parts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("FIRST", 4000), ("MORE", 2000), ("PART", 490)):
        monkeypatch.setattr(coverage, name, size)
    text = "one two three four five six seven eight nine ten\n" * 40_000
    found = Coverage()
    found.add(text)
    assert 4000 < found._chars < 30_000
    assert found.tokens_a_char() == pytest.approx(covered(text[:4900]))
    assert found.repeats()[0] == 10


def test_in_a_part_of_a_long_text_a_word_that_comes_seldomer_is_often_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("FIRST", 4000), ("MORE", 2000), ("PART", 490)):
        monkeypatch.setattr(coverage, name, size)
    words = [str(n) for n in range(1000, 3000)]
    found = Coverage()
    found.add("\n".join(words * 20))
    assert max(found._counts[word] for word in words) < often_enough(200_000)
    assert words_that_come(found.repeats(), often_enough(200_000)) > 1000
