"""Scores against hand-made tables, and what belongs to each line and word."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import rnncli.inference.scorer as scorer_module
from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.inference.plan import FLUSH, Flush, Line
from rnncli.inference.scorer import Scorer
from rnncli.records import TextScore
from rnncli.text.tokenizers import Tokenizer, train_tokenizer
from tests.toy import TEXT, FixedEngine, ToyEngine, targets_of, toy_tokenizer, uniform_engine

KINDS: tuple[TokenizerKind, ...] = ("hybrid", "word", "char", "bpe", "byte")
TOKENIZERS = {kind: toy_tokenizer(kind) for kind in KINDS}
LINES = [
    *TEXT.splitlines(),
    "",
    " ",
    "  zebra  crossing  ",
    "not \udce4 text",
    "春眠xyz，覺。 the",
    "the cat",
    "a" * 200,
    "the cat",
]


def scored(tokenizer: Tokenizer, texts: list[str], **options: object) -> list[TextScore]:
    scorer = Scorer(ToyEngine(tokenizer.vocab_size), tokenizer)
    return list(scorer.score([Line(t, None, i) for i, t in enumerate(texts, 1)], **options))  # type: ignore[arg-type]


def test_a_line_by_hand() -> None:
    tokenizer = toy_tokenizer("char", text="ab\n")
    newline = tokenizer.newline_id
    a, b = tokenizer.encode("ab").tolist()
    table = np.full((tokenizer.vocab_size,) * 2, 1e-3)
    table[newline, [a, b, newline]] = 0.5, 0.25, 0.1
    table[a, [a, b, newline]] = 0.125, 0.5, 0.2
    table[b, [a, b, newline]] = 0.3, 0.2, 0.25
    scorer = Scorer(FixedEngine(table), tokenizer)
    one, empty = scorer.score([Line("ab", "f", 3), Line("", "f", 4)], tokens=True)
    assert one.tally.logprob == pytest.approx(math.log(0.5 * 0.5 * 0.25))
    assert (one.tally.tokens, one.tally.words, one.tally.chars, one.tally.bytes) == (3, 1, 2, 2)
    assert (one.file, one.line, one.text) == ("f", 3, "ab")
    assert [(t.token, t.start, t.end) for t in one.token_scores] == [("a", 0, 1), ("b", 1, 2), ("\n", 2, 2)]
    assert [t.logprob for t in one.token_scores] == pytest.approx(np.log([0.5, 0.5, 0.25]).tolist())
    assert [t.rank for t in one.token_scores] == [1, 1, 2]
    assert empty.tally.logprob == pytest.approx(math.log(0.1))
    assert (empty.tally.tokens, empty.tally.words, empty.tally.perplexity1) == (1, 0, None)
    assert empty.token_scores[0].rank == 3


def test_a_uniform_model_has_the_vocabulary_as_its_perplexity() -> None:
    for kind in KINDS:
        tokenizer = toy_tokenizer(kind)
        size = tokenizer.vocab_size
        for score in Scorer(uniform_engine(size), tokenizer).score(map(Line, LINES), tokens=True):
            assert score.tally.token_perplexity == pytest.approx(size, rel=1e-9)
            assert all(t.rank == 1 and t.entropy == pytest.approx(math.log(size)) for t in score.token_scores)


def test_all_texts_and_the_unfinished_mass_add_up_to_1() -> None:
    """Over a vocabulary of bytes of which the model only ever writes three."""
    tokenizer = toy_tokenizer("byte")
    engine = ToyEngine(256, sharpness=1.0)
    allowed = np.array([ord("a"), ord("b"), tokenizer.newline_id])
    barred = np.setdiff1d(np.arange(256), allowed)
    engine._head[:, barred] = 0
    engine._head = np.vstack([engine._head, np.zeros(256)])

    class Three(ToyEngine):
        def opinions(self, h_BH: np.ndarray) -> np.ndarray:
            logits = h_BH @ engine._head[:-1]
            logits[:, barred] = -1e9
            total: np.ndarray = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
            return total

    three = Three(256)
    texts = ["".join(t) for n in range(7) for t in itertools.product("ab", repeat=n)]
    whole = unfinished = 0.0
    for score in Scorer(three, tokenizer).score(map(Line, texts), tokens=True):
        whole += math.exp(score.tally.logprob)
        if len(score.text) == 6:
            end = score.token_scores[-1].logprob
            unfinished += math.exp(score.tally.logprob - end) * -math.expm1(end)
    assert whole + unfinished == pytest.approx(1, abs=1e-12)
    assert 0.01 < unfinished < 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_and_words_add_up_to_the_line(kind: TokenizerKind) -> None:
    tokenizer = toy_tokenizer(kind)
    for score in scored(tokenizer, LINES, tokens=True, words=True):
        parts = [token.logprob for token in score.token_scores]
        assert sum(parts) == pytest.approx(score.tally.logprob)
        assert len(parts) == score.tally.tokens
        assert (score.token_scores[-1].token, score.token_scores[-1].start) == ("\n", len(score.text))
        assert len(score.word_scores) == score.tally.words
        assert sum(word.spelled for word in score.word_scores) == score.tally.spelled
        assert [score.text[w.start : w.end] for w in score.word_scores] == [w.word for w in score.word_scores]
        if score.word_scores:
            pieces = sum(w.pieces_logprob for w in score.word_scores)
            assert pieces + parts[-1] == pytest.approx(score.tally.logprob)
            # What is left for the end is its probability once the last word has ended.
            rest = score.tally.logprob - sum(w.logprob for w in score.word_scores)
            assert parts[-1] - 1e-9 <= rest <= 1e-9
            assert sum(w.tokens for w in score.word_scores) == score.tally.tokens - 1


def test_whose_a_token_is() -> None:
    """Blanks belong to the word after them, the last to the word before; a spelled blank spells no word."""
    tokenizer = toy_tokenizer("hybrid", text="the cat the cat the\n")
    [score] = scored(tokenizer, ["   the zx 春、 "], words=True, tokens=True)
    assert [(w.word, w.spelled) for w in score.word_scores] == [("the", False), ("zx", True), ("春、", True)]
    assert score.tally.spelled == 2
    assert [t.token for t in score.token_scores] == [
        *[" ", " ", " the", " ", "z", "x", " "],
        *["<0xE6>", "<0x98>", "<0xA5>", "<0xE3>", "<0x80>", "<0x81>", " ", "\n"],
    ]
    assert [w.tokens for w in score.word_scores] == [3, 3, 8]


def test_unknown_words_count_as_spelled() -> None:
    [score] = scored(toy_tokenizer("word"), ["the zebra saw the dog"], words=True)
    assert [w.word for w in score.word_scores if w.spelled] == ["zebra"]
    assert score.tally.nats_per_char is None


def test_folded_capitals_leave_no_figure_per_character() -> None:
    tokenizer = train_tokenizer([TEXT], TokenizerConfig(kind="hybrid", vocab_size=300, lowercase=True))
    upper, lower = scored(tokenizer, ["THE Cat", "the cat"])
    assert upper.tally == lower.tally
    assert (upper.tally.nats_per_char, upper.tally.bits_per_char, upper.tally.bits_per_byte) == (None, None, None)
    assert upper.tally.perplexity is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_line_read_in_pieces_scores_the_same(kind: TokenizerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = toy_tokenizer(kind)
    text = "the dog-zebra春xyz，saw qqq 🙂 " * 20 + "zx" * 60
    for context in ("line", "file"):
        monkeypatch.setattr(scorer_module, "LONG_LINE", 1 << 16)
        whole = scored(tokenizer, ["the", text, "cat"], tokens=True, words=True, context=context)
        plain = scored(tokenizer, ["the", text, "cat"], context=context)
        monkeypatch.setattr(scorer_module, "LONG_LINE", 100)
        monkeypatch.setattr(tokenizer, "cut", functools.partial(tokenizer.cut, size=10))
        pieces = scored(tokenizer, ["the", text, "cat"], tokens=True, words=True, context=context)
        bare = scored(tokenizer, ["the", text, "cat"], context=context)
        monkeypatch.undo()
        for one, other, third, fourth in zip(whole, pieces, plain, bare, strict=True):
            assert one.tally.logprob == pytest.approx(other.tally.logprob, abs=1e-9)
            assert one.tally.spelled == other.tally.spelled == third.tally.spelled == fourth.tally.spelled
            assert [t.start for t in one.token_scores] == [t.start for t in other.token_scores]
            assert fourth.tally.logprob == pytest.approx(third.tally.logprob, abs=1e-9)
            assert [w.spelled for w in one.word_scores] == [w.spelled for w in other.word_scores]
            assert not fourth.token_scores
            assert not fourth.word_scores


@pytest.mark.parametrize("text", [" " * 300, "the" + " " * 300 + "cat"])
def test_a_piece_of_blanks_has_no_token_among_words(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = toy_tokenizer("word")
    [whole] = scored(tokenizer, [text], tokens=True, words=True)
    monkeypatch.setattr(scorer_module, "LONG_LINE", 100)
    monkeypatch.setattr(tokenizer, "cut", functools.partial(tokenizer.cut, size=10))
    [pieces] = scored(tokenizer, [text], tokens=True, words=True)
    assert pieces.tally.logprob == pytest.approx(whole.tally.logprob)
    assert [(t.token, t.start, t.rank) for t in pieces.token_scores] == [
        (t.token, t.start, t.rank) for t in whole.token_scores
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["the ", "xq", "a", "「", "，", "、。", "春", "眠", "不", " ", "é", "12 "]), max_size=30)
)
def test_spelled_words_are_counted_over_cuts(parts: list[str]) -> None:
    for kind in ("hybrid", "word"):
        tokenizer = _spelling(kind)
        text = "".join(["the", *parts, "cat"])
        [whole] = scored(tokenizer, [text])
        for size in (1, 7):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(scorer_module, "LONG_LINE", 1)
                patch.setattr(tokenizer, "cut", functools.partial(tokenizer.cut, size=size))
                [pieces] = scored(tokenizer, [text])
            assert pieces.tally.spelled == whole.tally.spelled


@functools.cache
def _spelling(kind: TokenizerKind) -> Tokenizer:
    """One that knows few words and characters."""
    return toy_tokenizer(kind, text="the cat 春 the cat 春 a\n")


def test_a_file_carries_its_state_and_another_file_does_not() -> None:
    tokenizer = toy_tokenizer("hybrid")
    engine = ToyEngine(tokenizer.vocab_size)
    texts = [("a", "the cat"), ("a", ""), ("a", "the dog"), ("b", "the cat"), ("b", "the dog")]
    scores = list(Scorer(engine, tokenizer).score([Line(t, f) for f, t in texts], context="file"))
    ids = [tokenizer.newline_id, *tokenizer.encode("the cat\n\nthe dog\n").tolist()]
    rows = np.array([ids[:-1]])
    lengths = np.array([rows.shape[1]])
    targets = targets_of(np.array([ids[1:]]), lengths)
    found, _ = engine.advance(rows, lengths, engine.start(1), want="targets", targets=targets)
    assert sum(score.tally.logprob for score in scores[:3]) == pytest.approx(float(found.logprob.sum()))
    assert scores[3].tally == scores[0].tally
    alone = scored(tokenizer, ["the cat", "the dog"])
    assert scores[0].tally.logprob == pytest.approx(alone[0].tally.logprob)
    assert abs(scores[2].tally.logprob - alone[1].tally.logprob) > 1e-3


def test_a_file_that_comes_again_begins_anew() -> None:
    tokenizer = toy_tokenizer("hybrid")
    lines = [Line(text, "a", number, document) for document in (1, 2) for number, text in ((1, "the"), (2, "the"))]
    scores = list(Scorer(ToyEngine(tokenizer.vocab_size), tokenizer).score(lines, context="file"))
    logprobs = [score.tally.logprob for score in scores]
    assert logprobs[2:] == pytest.approx(logprobs[:2], abs=1e-9)
    assert abs(logprobs[1] - logprobs[0]) > 1e-3


def test_identical_lines_are_read_once_and_keep_their_places() -> None:
    tokenizer = toy_tokenizer("hybrid")
    engine = ToyEngine(tokenizer.vocab_size)
    source = [Line(text, "f", i) for i, text in enumerate(["x y", "the", "x y", "x y"], 1)]
    scores = list(Scorer(engine, tokenizer).score(source))
    assert [(score.text, score.line) for score in scores] == [("x y", 1), ("the", 2), ("x y", 3), ("x y", 4)]
    assert engine.calls == [(1, 1), (2, len(tokenizer.encode("x y")))]


def test_a_text_of_two_lines_scores_the_same_beside_the_first_of_them() -> None:
    """All tokens of "the cat" and its end are how the longer one begins."""
    texts = ["the cat", "the cat\nthe dog", "the cat\n", "the"]
    together = scored(toy_tokenizer("hybrid"), texts)
    for text, score in zip(texts, together, strict=True):
        [alone] = scored(toy_tokenizer("hybrid"), [text])
        assert score.tally.logprob == pytest.approx(alone.tally.logprob, abs=1e-9)


@pytest.mark.parametrize("context", ["line", "file"])
def test_a_flush_is_answered_before_more_is_read(context: str) -> None:
    tokenizer = toy_tokenizer("hybrid")
    read = []

    def source() -> Iterator[Line | Flush]:
        items: list[Line | Flush] = [Line("the cat"), FLUSH, Line("the dog"), Line(""), FLUSH]
        for item in items:
            read.append(item)
            yield item

    scores = Scorer(ToyEngine(tokenizer.vocab_size), tokenizer).score(source(), context=context)  # type: ignore[arg-type]
    assert next(scores).text == "the cat"
    assert len(read) == 2
    assert [score.text for score in scores] == ["the dog", ""]


def test_memory_is_bounded_in_lines() -> None:
    """An endless source is answered, and never read far ahead."""
    tokenizer = toy_tokenizer("byte")
    read = itertools.count()
    source = (Line(f"line {i}") for i in iter(lambda: next(read), None))
    scores = Scorer(ToyEngine(256), tokenizer).score(source)
    assert [next(scores).text for _ in range(500)][-1] == "line 499"
    assert next(read) < 2000


def test_empty_lines_can_be_left_out() -> None:
    tokenizer = toy_tokenizer("hybrid")
    scores = scored(tokenizer, ["a", "", "b"], skip_empty=True)
    assert [(score.text, score.line) for score in scores] == [("a", 1), ("b", 3)]


@pytest.mark.parametrize("kind", KINDS)
@given(
    st.sampled_from(["", " ", "the", "the ", "zx qk", "a\nb", "春", "\udce4", "x" * 40]),
    st.sampled_from(["", " cat", "cat", "s on", "眠 the", "\udce4", "y" * 40, "the cat  "]),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_line_after_a_prefix_is_the_whole_without_the_prefix(
    kind: TokenizerKind, prefix: str, text: str, end: bool
) -> None:
    tokenizer = TOKENIZERS[kind]
    scorer = Scorer(ToyEngine(tokenizer.vocab_size), tokenizer)
    [whole] = scorer.score([Line(prefix + text)], tokens=True)
    [score] = scorer.score([Line(text, prefix=prefix)], tokens=True, words=True, end=end)
    own = [t for t in whole.token_scores[:-1] if t.end > len(prefix)] + ([whole.token_scores[-1]] if end else [])
    assert [(t.token, t.logprob) for t in score.token_scores] == [(t.token, t.logprob) for t in own]
    assert [t.start for t in score.token_scores] == [max(0, t.start - len(prefix)) for t in own]
    assert score.tally.logprob == pytest.approx(sum(t.logprob for t in own))
    assert (score.tally.tokens, score.tally.words, score.tally.chars) == (len(own), len(text.split()), len(text))
    assert score.tally.ends == int(end)
    spelled = sum(word.spelled for word in score.word_scores)
    assert score.tally.spelled == spelled or not text.split()
    # The same in pieces, as a long line is read.
    with patch.object(scorer_module, "LONG_LINE", 1):
        [long] = scorer.score([Line(text, prefix=prefix)], tokens=True, words=True, end=end)
    assert [t.token for t in long.token_scores] == [t.token for t in score.token_scores]
    assert [(t.start, t.end) for t in long.token_scores] == [(t.start, t.end) for t in score.token_scores]
    assert long.tally.logprob == pytest.approx(score.tally.logprob)
    assert dataclasses.replace(long.tally, logprob=score.tally.logprob) == score.tally


def test_an_end_that_does_not_count_is_in_no_denominator() -> None:
    tokenizer = TOKENIZERS["char"]
    scorer = Scorer(uniform_engine(tokenizer.vocab_size), tokenizer)
    one, empty = scorer.score([Line("ab cd"), Line("")], end=False, tokens=True)
    nats = math.log(tokenizer.vocab_size)
    assert one.tally.logprob == pytest.approx(-5 * nats)
    assert one.tally.nats_per_char == pytest.approx(nats)
    assert one.tally.perplexity == one.tally.perplexity1 == pytest.approx(math.exp(2.5 * nats))
    assert (empty.tally.logprob, empty.tally.tokens, empty.tally.perplexity) == (0, 0, None)
    assert empty.token_scores == ()
    assert (one.tally + empty.tally).lines == 2


def test_what_stands_beside_a_line_comes_with_its_score() -> None:
    tokenizer = TOKENIZERS["char"]
    scorer = Scorer(ToyEngine(tokenizer.vocab_size), tokenizer)
    lines = [Line("the", number=i, beside=(str(i),)) for i in range(5)]
    assert [score.beside for score in scorer.score(lines)] == [(str(i),) for i in range(5)]
    assert [score.beside for score in scorer.score(lines, context="file")] == [(str(i),) for i in range(5)]


def letters_table() -> tuple[Tokenizer, FixedEngine, NDArray[np.float64]]:
    """A character model over a, b, blank and newline, which a table gives."""
    tokenizer = toy_tokenizer("char", text="ab ab\n")
    ids = tokenizer.encode("ab \n").tolist()
    chances = np.array([[0.3, 0.2, 0.4, 0.1], [0.25, 0.15, 0.2, 0.4], [0.6, 0.3, 0.1, 0.0], [0.5, 0.4, 0.1, 0.0]])
    table = np.zeros((tokenizer.vocab_size,) * 2)
    for row, token in enumerate(ids):
        table[token, ids] = chances[row]
    table[[i for i in range(len(table)) if i not in ids], 0] = 1
    return tokenizer, FixedEngine(table), chances


def test_the_end_of_a_word_is_the_words_own() -> None:
    tokenizer, engine, _ = letters_table()
    [score] = Scorer(engine, tokenizer).score([Line("ab b")], words=True)
    ab, b = score.word_scores
    # a after the line's start, b after a, and then a blank or the end; b after a blank, and then the end or a blank.
    assert ab.logprob == pytest.approx(math.log(0.5 * 0.2 * (0.2 + 0.4)))
    assert b.logprob == pytest.approx(math.log(0.2 * 0.3 / (0.2 + 0.4) * (0.2 + 0.4)))
    assert ab.pieces_logprob == pytest.approx(math.log(0.5 * 0.2))
    assert b.pieces_logprob == pytest.approx(math.log(0.2 * 0.3))
    rest = score.tally.logprob - ab.logprob - b.logprob
    assert rest == pytest.approx(math.log(0.4 / (0.2 + 0.4)))
    # After a text that ends in a word, the blank is certain once it has ended; within a word nothing is.
    [after] = Scorer(engine, tokenizer).score([Line(" b", prefix="ab")], words=True, end=False)
    assert after.word_scores[0].logprob == pytest.approx(b.logprob)
    [inside] = Scorer(engine, tokenizer).score([Line("b", prefix="a")], words=True, end=False)
    assert inside.word_scores[0].logprob == pytest.approx(math.log(0.2 * (0.2 + 0.4)))


def test_probabilities_of_all_words_add_up_to_one() -> None:
    """Not so for the sums of their pieces, which leave out that the word ends."""
    tokenizer, engine, chances = letters_table()
    words = ["".join(w) for n in range(1, 11) for w in itertools.product("ab", repeat=n)]
    whole = pieces = unended = 0.0
    for score in Scorer(engine, tokenizer).score([Line(" " + word, prefix="ab") for word in words], words=True):
        whole += math.exp(score.word_scores[0].logprob)
        pieces += math.exp(score.word_scores[0].pieces_logprob)
        if len(score.text) == 11:  # it may go on
            last = chances["ab".index(score.text[-1])]
            unended += math.exp(score.word_scores[0].logprob) * (last[0] + last[1]) / (last[2] + last[3])
    # The rest is another end or a second blank in place of the word.
    blank = chances[1, 2] / (chances[1, 2] + chances[1, 3])
    assert whole + unended == pytest.approx(blank * (chances[2, 0] + chances[2, 1]))
    assert pieces / chances[1, 2] > 1.5


def test_words_that_touch_keep_their_pieces() -> None:
    for kind in ("hybrid", "char", "byte"):
        [score] = scored(toy_tokenizer(kind), ["春眠不覺曉"], words=True)
        assert [w.logprob for w in score.word_scores[:-1]] == [w.pieces_logprob for w in score.word_scores[:-1]]
        assert score.word_scores[-1].logprob < score.word_scores[-1].pieces_logprob
    [score] = scored(toy_tokenizer("word"), ["the cat"], words=True)
    assert all(w.logprob == w.pieces_logprob for w in score.word_scores)
