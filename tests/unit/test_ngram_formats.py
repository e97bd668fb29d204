"""Scores as KenLM and SRILM write them, read back by parsers of what those programs write."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.config import TokenizerKind
from rnncli.formats import FORMATS, Layout
from rnncli.formats.spaced import spaced
from rnncli.inference.plan import Line
from rnncli.inference.scorer import Scorer
from rnncli.records import Tally, TextScore, WordScore
from tests.toy import ToyEngine, toy_tokenizer, uniform_engine

GOLDEN = Path(__file__).parent.parent / "golden" / "formats"
PLAIN, WORDS = Layout(), Layout(words=True)
TEN = math.log(10)


def word(text: str, start: int, logprob: float, *, tokens: int = 1, spelled: bool = False) -> WordScore:
    """A word whose log-probability is given in base 10."""
    nats = logprob * TEN
    return WordScore(
        word=text,
        start=start,
        end=start + len(text),
        logprob=nats,
        pieces_logprob=nats,
        tokens=tokens,
        spelled=spelled,
    )


def line(text: str, logprob: float, *words: WordScore, file: str | None = "a b.txt", unended: int = 0) -> TextScore:
    tally = Tally(logprob=logprob * TEN, tokens=9, lines=1, words=len(words), unended=unended)
    return TextScore(text=text, tally=tally, file=file, word_scores=words)


CAT = line("the cat", -3.5, word("the", 0, -1), word("cat", 4, -2))
ZEBRA = line(
    "a\tzebra\\ \u6625\u7720",
    -10.0,
    word("a", 0, -0.5),
    word("zebra\\", 2, -4, tokens=6, spelled=True),
    word("\u6625", 9, -1.25),
    word("\u7720", 10, -3, tokens=3, spelled=True),
)
EMPTY = line("", -0.25)
LINES = [CAT, ZEBRA, EMPTY]


class Read(NamedTuple):
    """What a parser found: per line its words (name, log10 or None) and its figures, and those of all."""

    words: list[list[tuple[str, int, float | None]]]
    lines: list[dict[str, float]]
    whole: dict[str, float]


def read_kenlm(text: str) -> Read:
    """As its help says: ``word=vocab_id ngram_length log10(p)`` and a tab each, then the sentence, then the summary."""
    *sentences, including, excluding, oovs, tokens = text.removesuffix("\n").split("\n")
    words, lines = [], []
    for sentence in sentences:
        *parts, last = sentence.split("\t")
        found: list[tuple[str, int, float | None]] = []
        for part in parts:
            surface, _, rest = part.rpartition("=")
            vocab, length, logprob = rest.split(" ")
            assert int(length) >= 0
            found.append((surface, int(vocab), float(logprob)))
        words.append(found)
        match = re.fullmatch(r"Total: (\S+) OOV: (\d+)", last)
        assert match is not None
        lines.append({"total": float(match[1]), "oovs": int(match[2])})
    rows = [row.split("\t") for row in (including, excluding, oovs, tokens)]
    names = ["Perplexity including OOVs:", "Perplexity excluding OOVs:", "OOVs:", "Tokens:"]
    assert [name for name, _ in rows] == names
    values = dict(zip(("including", "excluding", "oovs", "tokens"), (float(v) for _, v in rows), strict=True))
    return Read(words, lines, values)


COUNTS = re.compile(r"(?:file (?P<file>.+): )?(?P<sentences>\d+) sentences, (?P<words>\d+) words, (?P<oovs>\d+) OOVs")
FIGURES = re.compile(r"(?P<zeros>\d+) zeroprobs, logprob= (?P<logprob>\S+) ppl= (?P<ppl>\S+) ppl1= (?P<ppl1>\S+)")
PROB = re.compile(r"\tp\( (\S+) \| (\S+) (?:\.\.\.)?\) \t= \[(\d+gram|OOV)\] (\S+) \[ (\S+) \]")


def read_figures(counts: str, figures: str) -> dict[str, float]:
    found = [pattern.fullmatch(row) for pattern, row in ((COUNTS, counts), (FIGURES, figures))]
    assert all(found), (counts, figures)
    values = {k: v for match in found if match for k, v in match.groupdict().items() if k != "file"}
    return {k: math.nan if v == "undefined" else float(v) for k, v in values.items()}


def read_srilm(text: str) -> Read:
    """Blocks of a sentence, its words, its two lines and an empty one; at the end the three of the file."""
    *rows, counts, figures, including = text.removesuffix("\n").split("\n")
    words, lines = [], []
    while rows:
        rows.pop(0)  # the sentence
        found: list[tuple[str, int, float | None]] = []
        previous = "<s>"
        while match := PROB.fullmatch(rows[0]):
            assert match[2] == previous
            known = match[3] != "OOV"
            if known:
                assert float(match[4]) == pytest.approx(10 ** float(match[5]), rel=1e-8)
            else:
                assert (match[4], match[5]) == ("0", "-inf")
            found.append((match[1], int(known), float(match[5]) if known else None))
            previous = match[1]
            rows.pop(0)
        words.append(found)
        lines.append(read_figures(rows.pop(0), rows.pop(0)))
        assert rows.pop(0) == ""
    assert counts.startswith("file ")
    name, _, value = including.partition("\t")
    assert name == "Perplexity including OOVs:"
    whole = {**read_figures(counts, figures), "including": math.nan if value == "undefined" else float(value)}
    return Read(words, lines, whole)


def written(name: str, scores: Sequence[TextScore], layout: Layout = PLAIN) -> str:
    return "".join(row + "\n" for row in FORMATS[name].scores(scores, layout))


def totalled(name: str, scores: Sequence[TextScore]) -> str:
    return "".join(row + "\n" for row in FORMATS[name].total(scores, {}, PLAIN))


@pytest.mark.parametrize("name", ["kenlm", "srilm"])
def test_formats_are_as_they_were(name: str) -> None:
    for level, text in (
        ("score", written(name, LINES)),
        ("words", written(name, LINES, WORDS)),
        ("total", totalled(name, LINES)),
    ):
        assert text == (GOLDEN / f"{level}.{name}").read_text(encoding="utf-8"), level


def test_kenlm_by_hand() -> None:
    read = read_kenlm(written("kenlm", LINES, WORDS))
    assert read.words == [
        [("the", 1, -1.0), ("cat", 1, -2.0), ("</s>", 1, -0.5)],
        [("a", 1, -0.5), ("zebra\\\\", 0, -4.0), ("\u6625\u7720", 0, -4.25), ("</s>", 1, -1.25)],
        [("</s>", 1, -0.25)],
    ]
    assert read.lines == [{"total": -3.5, "oovs": 0}, {"total": -10.0, "oovs": 2}, {"total": -0.25, "oovs": 0}]
    # 5 words and 3 ends, 2 of the words unknown, which have -8.25 of the -13.75.
    assert read.whole == pytest.approx(
        {"including": 10 ** (13.75 / 8), "excluding": 10 ** (5.5 / 6), "oovs": 2, "tokens": 8}
    )


def test_srilm_by_hand() -> None:
    read = read_srilm(written("srilm", LINES, WORDS))
    assert read.words == [
        [("the", 1, -1.0), ("cat", 1, -2.0), ("</s>", 1, -0.5)],
        [("a", 1, -0.5), ("<unk>", 0, None), ("<unk>", 0, None), ("</s>", 1, -1.25)],
        [("</s>", 1, -0.25)],
    ]
    assert read.lines[1] == pytest.approx(
        {
            "sentences": 1, "words": 3, "oovs": 2, "zeros": 0, "logprob": -1.75,
            "ppl": 10 ** (1.75 / 2), "ppl1": 10**1.75,
        }
    )  # fmt: skip
    assert math.isnan(read.lines[2]["ppl1"])
    assert read.lines[2]["ppl"] == pytest.approx(10**0.25)
    assert read.whole == pytest.approx(
        {
            "sentences": 3, "words": 5, "oovs": 2, "zeros": 0, "logprob": -5.5,
            "ppl": 10 ** (5.5 / 6), "ppl1": 10 ** (5.5 / 3), "including": 10 ** (13.75 / 8),
        }
    )  # fmt: skip


def test_without_ends() -> None:
    """What is left of the line is taken from the last word, whose end does not count."""
    scores = [line("the cat", -2.75, word("the", 0, -1), word("cat", 4, -2), unended=1), line("", 0.0, unended=1)]
    read = read_kenlm(written("kenlm", scores, WORDS))
    assert read.words == [[("the", 1, -1.0), ("cat", 1, -1.75)], []]
    assert [found["total"] for found in read.lines] == [-2.75, 0]
    assert read.whole == pytest.approx(
        {"including": 10 ** (2.75 / 2), "excluding": 10 ** (2.75 / 2), "oovs": 0, "tokens": 2}
    )
    whole = read_srilm(written("srilm", scores)).whole
    assert (whole["sentences"], whole["words"]) == (0, 2)
    assert whole["ppl"] == whole["ppl1"] == pytest.approx(10 ** (2.75 / 2))


def test_nothing_at_all() -> None:
    assert totalled("kenlm", []) == written("kenlm", []) == (
        "Perplexity including OOVs:\tnan\nPerplexity excluding OOVs:\tnan\nOOVs:\t0\nTokens:\t0\n"
    )  # fmt: skip
    assert totalled("srilm", []) == written("srilm", []) == (
        "file -: 0 sentences, 0 words, 0 OOVs\n"
        "0 zeroprobs, logprob= 0 ppl= undefined ppl1= undefined\n"
        "Perplexity including OOVs:\tundefined\n"
    )  # fmt: skip


def test_what_is_impossible_is_a_zeroprob() -> None:
    scores = [line("the cat", -math.inf, word("the", 0, -1), word("cat", 4, -math.inf))]
    read = read_srilm(written("srilm", scores, WORDS))
    assert (read.whole["zeros"], read.whole["logprob"], read.whole["including"]) == (1, -1, math.inf)
    assert read.whole["ppl"] == pytest.approx(10 ** (1 / 2))
    assert read_kenlm(written("kenlm", scores)).whole["including"] == math.inf


def test_the_last_block_names_its_files() -> None:
    def name(*files: str | None) -> str:
        text = totalled("srilm", [line("", -1, file=file) for file in files])
        return text.splitlines()[0].removeprefix("file ").partition(":")[0]

    assert name("a.txt", "a.txt") == "a.txt"
    assert name(None) == "-"
    assert name("a\nb.txt", "b.txt", "b.txt", "c.txt") == "a\\nb.txt and 2 more"


@pytest.mark.parametrize("name", ["kenlm", "srilm"])
def test_lines_come_as_they_are_scored(name: str) -> None:
    taken: list[str] = []

    def source() -> Iterator[TextScore]:
        for score in LINES:
            taken.append(score.text)
            yield score

    assert next(FORMATS[name].scores(source(), WORDS))
    assert taken == ["the cat"]


@pytest.mark.parametrize("base", ["2", "10"])
def test_logarithms_have_base_10(base: str) -> None:
    for name in ("kenlm", "srilm"):
        assert written(name, LINES, Layout(words=True, log_base=base)) == written(name, LINES, WORDS)


def check(scores: Sequence[TextScore]) -> None:
    """Both formats, read back, have the words, the counts and the sums of the scores."""
    logprob = sum(score.tally.logprob for score in scores) / TEN
    words = sum(len(score.text.split()) for score in scores)
    ken, sri = read_kenlm(written("kenlm", scores, WORDS)), read_srilm(written("srilm", scores, WORDS))
    for score, parts, others, figures, block in zip(scores, ken.words, sri.words, ken.lines, sri.lines, strict=True):
        assert len(parts) == len(others) == len(score.text.split()) + 1
        assert figures["total"] == pytest.approx(score.tally.logprob / TEN, abs=1e-6)
        assert sum(part or 0 for *_, part in parts) == pytest.approx(figures["total"], abs=1e-5)
        assert sum(not known for _, known, _ in parts) == figures["oovs"] == block["oovs"]
        assert [known for _, known, _ in parts] == [known for _, known, _ in others]
        assert sum(part or 0 for *_, part in others) == pytest.approx(block["logprob"], abs=1e-5)
        assert figures["oovs"] <= score.tally.spelled
        assert bool(figures["oovs"]) == bool(score.tally.spelled)
    tokens = words + len(scores)
    assert (ken.whole["tokens"], sri.whole["words"]) == (tokens, words)
    assert ken.whole["including"] == sri.whole["including"] == pytest.approx(10 ** (-logprob / tokens), rel=1e-6)
    assert ken.whole["excluding"] == pytest.approx(sri.whole["ppl"], rel=1e-5)
    known = tokens - sri.whole["oovs"]
    assert sri.whole["ppl"] == pytest.approx(10 ** (-sri.whole["logprob"] / known), rel=1e-6)
    assert read_kenlm(written("kenlm", scores)) == Read([[] for _ in scores], ken.lines, ken.whole)
    assert read_srilm(written("srilm", scores)) == Read([[] for _ in scores], sri.lines, sri.whole)
    assert read_kenlm(totalled("kenlm", scores)) == Read([], [], ken.whole)
    assert read_srilm(totalled("srilm", scores)) == Read([], [], sri.whole)


TOKENIZERS = {kind: toy_tokenizer(kind) for kind in ("hybrid", "word", "byte")}
SCORERS = {
    kind: Scorer(ToyEngine(tokenizer.vocab_size, sharpness=1.0), tokenizer) for kind, tokenizer in TOKENIZERS.items()
}
PIECES = st.sampled_from(
    ["the", "cat", "zebra", " ", "  ", "\t", "\x1c", "\x85", "\u2028", "\u3000", "\x00", "\x1b", "\\", "=", "|",
     "[ -1 ]", "\u6625\u7720", "\u3002", "\udce4", "\ud800", "</s>", "Total: 1", "p( the", "0 zeroprobs,", "\r", "\x0b"]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(PIECES, max_size=8).map("".join), st.text(st.characters(exclude_characters="\n"), max_size=12)
)


@pytest.mark.parametrize("kind", list(SCORERS))
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_any_lines_can_be_read_back(kind: TokenizerKind, texts: list[str]) -> None:
    check(list(SCORERS[kind].score(map(Line, texts), words=True)))


@given(TEXTS)
def test_words_are_what_stands_between_blanks(text: str) -> None:
    [score] = SCORERS["hybrid"].score([Line(text)], words=True)
    found = spaced(score)
    assert [w.word for w in found.words] == text.split()
    assert sum(w.tokens for w in found.words) == sum(w.tokens for w in score.word_scores)
    assert sum(w.logprob for w in found.all) == pytest.approx(score.tally.logprob / TEN, abs=1e-6)
    assert all(w.logprob <= 0 for w in found.all)


def test_a_uniform_model_of_words_has_its_vocabulary_as_perplexity() -> None:
    tokenizer = toy_tokenizer("word", text="the cat\n" * 9)
    texts = ["the cat", "", "the zebra cat", "  the  cat cat", "zq \u6625\u7720 the"]
    scores = list(Scorer(uniform_engine(tokenizer.vocab_size), tokenizer).score(map(Line, texts), words=True))
    read = read_kenlm(written("kenlm", scores))
    # KenLM counts these lines so with a model of the same two words.
    assert [found["oovs"] for found in read.lines] == [0, 0, 1, 0, 2]
    assert (read.whole["tokens"], read.whole["oovs"]) == (16, 3)
    assert read.whole["including"] == read.whole["excluding"] == pytest.approx(tokenizer.vocab_size)
    check(scores)
