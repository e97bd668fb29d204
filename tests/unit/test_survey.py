"""What a corpus is like, and whether its lines stand alone."""

from __future__ import annotations

import hashlib
import io
import random
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.text.characters import often_enough
from rnncli.text.sources import Source, Spool
from rnncli.text.survey import CorpusFacts, guess_unit, survey


def source_of(data: bytes) -> Source:
    return Source("memory", len(data), None, Spool(io.BytesIO(data)))


def facts_of(text: str) -> CorpusFacts:
    return survey([source_of(text.encode())])


def test_survey_counts() -> None:
    text = "The cat sat.\n\n  \nthe dog,\n\tran on\nThe cat sat.\n"
    facts = facts_of(text)
    assert (facts.documents, facts.bytes, facts.chars) == (1, len(text), len(text))
    assert (facts.lines, facts.blank_lines, facts.longest_line) == (6, 2, 12)
    assert (facts.words, facts.distinct_words) == (10, 7)
    assert facts.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def test_characters_that_come_seldom_are_their_bytes() -> None:
    """Of 1,440,000 characters those that come 3 times: é twice is 2 bytes more, 中 once 2, 😀 once 3."""
    text = "ab\n" * 480_000
    plain, mixed = facts_of(text), facts_of("éé中😀ñññ" + text[7:])
    assert (often_enough(10_000), often_enough(1_440_000), often_enough(10**10)) == (1, 3, 250)
    assert (plain.distinct_chars, plain.common_chars) == (3, 3)
    assert (mixed.distinct_chars, mixed.common_chars) == (7, 4)
    assert mixed.coverage[0] == pytest.approx(1 + (2 + 2 + 3) / 1_440_000)


def test_survey_of_two_documents_ends_each() -> None:
    facts = survey([source_of("é".encode()), source_of("中文\n".encode())])
    assert facts.document_chars == (2, 3)
    assert (facts.chars, facts.bytes, facts.lines, facts.words) == (5, 3 + 7, 2, 3)
    assert facts.distinct_chars == 4


def test_survey_of_a_line_longer_than_a_block() -> None:
    facts = facts_of("ab " * 200_000 + "\nshort line\n")
    assert facts.words == 200_002
    assert (facts.lines, facts.longest_line, facts.blank_lines) == (2, 600_000, 0)


def test_survey_of_nothing() -> None:
    facts = facts_of("")
    assert (facts.lines, facts.chars, facts.median_line, facts.mean_line) == (0, 0, 0, 0.0)
    assert guess_unit(facts)[0] == "stream"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \t中\u2003"), max_size=9), max_size=20))
def test_survey_agrees_with_counting_lines(lines: list[str]) -> None:
    facts = facts_of("".join(line + "\n" for line in lines))
    shown = sorted(len(line) for line in lines if line.strip())
    assert (facts.lines, facts.blank_lines) == (len(lines), len(lines) - len(shown))
    if shown:
        assert facts.longest_line == shown[-1]
        assert facts.mean_line == pytest.approx(sum(shown) / len(shown))
        assert facts.median_line == shown[(len(shown) - 1) // 2]


STOCK = "the a old young man woman river house went saw gave with under time love hand great little never"


def prose(seed: int, sentences: int = 400) -> list[str]:
    rng = random.Random(seed)
    stock = STOCK.split()
    return [
        " ".join(rng.choices(stock, k=rng.randint(4, 14))).capitalize() + rng.choice(".....?!")
        for _ in range(sentences)
    ]


def wrapped(text: str, width: int = 70) -> list[str]:
    return textwrap.wrap(text, width)


FIRST = "emma olivia ava mia noah liam lucas ethan mason logan"
NAMES = FIRST.split() * 9
LOG = [f"2024-05-01 12:{n % 60:02} INFO worker-{n % 7}: request {n} took {n % 90} ms" for n in range(300)]
SERVICES = [f"api-{n % 7}.log.2024-05-01_12:{n % 60:02} INFO {n} is{' up.' * (n % 9 == 0)}" for n in range(300)]
TWEETS = [s.lower().rstrip(".") + " #fun" if n % 2 else s for n, s in enumerate(prose(1))]
POEMS = ["春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。" * (1 + n % 3) for n in range(60)]
PLAY = ["ROMEO:\nWhat light is this,\nAnd who goes there\n" for _ in range(40)]
VERSE = [
    "Of man's first disobedience, and the fruit",
    "Of that forbidden tree, whose mortal taste;",
    "Sing heavenly muse",
] * 30
CODE = ["def f(x):", "    if x:", "        return 1", "    return 2"] * 30


@pytest.mark.parametrize(
    ("what", "lines", "unit"),
    [
        ("names", NAMES, "lines"),
        ("log", LOG, "lines"),
        ("log that begins with small letters", SERVICES, "lines"),
        ("tweets", TWEETS, "lines"),
        ("sentences", prose(2), "lines"),
        ("poems, one a line", POEMS, "lines"),
        ("csv", [f"{n},{n * n},x" for n in range(100)], "lines"),
        ("queries", [s.lower().rstrip(".?!") for s in prose(3)], "lines"),
        ("play", PLAY, "stream"),
        ("verse without blank lines", VERSE, "stream"),
        ("code", CODE, "stream"),
        ("hard-wrapped prose", wrapped(" ".join(prose(4))), "stream"),
        ("paragraphs with blank lines", [p for s in prose(5) for p in (s, "")], "stream"),
        ("passages, one a line", [" ".join(prose(n, 30)) for n in range(40)], "stream"),
        ("one line", ["hello " * 500], "stream"),
        ("a few lines", prose(6, 10), "stream"),
    ],
)
def test_unit_is_guessed(what: str, lines: list[str], unit: str) -> None:
    guessed, reason = guess_unit(facts_of("\n".join(lines) + "\n"))
    assert (guessed, what) == (unit, what), reason
    assert reason
