"""Lines read from their ends, and both ways: by hand from the engine, and whatever the company."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import TokenizerKind
from rnncli.errors import ConfigError
from rnncli.inference.bothways import BothWays, mean_logprob
from rnncli.inference.direction import turn
from rnncli.inference.plan import FLUSH, Flush, Line
from rnncli.inference.scorer import Scorer
from rnncli.text.tokenizers import Tokenizer
from tests.toy import ToyEngine, toy_tokenizer

KINDS: tuple[TokenizerKind, ...] = ("hybrid", "word", "bpe", "byte")
TOKENIZERS: dict[str, Tokenizer] = {kind: toy_tokenizer(kind) for kind in KINDS}
WORDS = st.sampled_from(["the", "cat", "zebra", "春眠", "🙂", ",", "  ", "\udce4", "don't", "a" * 50])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=12)
OPTIONS: dict[str, Any] = {"tokens": True, "words": True}


def step_by_step(engine: ToyEngine, ids: list[int], state: Any, before: int) -> tuple[list[float], Any]:
    """Log-probability of each id, one token at a time."""
    found = []
    for one in ids:
        prediction, state = engine.advance(np.array([[before]]), np.array([1]), state, want="last")
        found.append(float(prediction.logprob[0, one]))
        before = one
    return found, state


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_is_read_from_its_end_to_its_beginning(kind: str) -> None:
    tokenizer, text = TOKENIZERS[kind], "the zebra saw 春眠,  don't"
    engine, newline = ToyEngine(tokenizer.vocab_size), tokenizer.newline_id
    ids = tokenizer.encode(text).tolist()
    by_hand, _ = step_by_step(engine, [*ids[::-1], newline], engine.start(1), newline)
    [score] = Scorer(engine, tokenizer, "backward").score([Line(text)], **OPTIONS)
    assert score.tally.logprob == pytest.approx(sum(by_hand), abs=1e-9)
    assert [t.logprob for t in score.token_scores] == pytest.approx([*by_hand[:-1][::-1], by_hand[-1]], abs=1e-9)
    assert [t.token for t in score.token_scores] == [*map(tokenizer.token, ids), "\n"]
    [forward] = Scorer(engine, tokenizer).score([Line(text)], **OPTIONS)
    assert forward.tally.logprob != pytest.approx(score.tally.logprob, abs=0.1)
    assert [(t.start, t.end) for t in forward.token_scores] == [(t.start, t.end) for t in score.token_scores]
    # Words are the sums of their pieces: that a word is over is known before it is read.
    assert [w.logprob for w in score.word_scores] == [w.pieces_logprob for w in score.word_scores]
    rest = score.token_scores[-1].logprob
    assert sum(w.logprob for w in score.word_scores) + rest == pytest.approx(score.tally.logprob, abs=1e-9)


def test_a_file_is_read_from_its_last_line_to_its_first() -> None:
    tokenizer = TOKENIZERS["hybrid"]
    engine, newline = ToyEngine(tokenizer.vocab_size), tokenizer.newline_id
    texts = ["the cat", "", "don't know", "zebra the dog"]
    state, before, expected = engine.start(1), newline, []
    for text in texts[::-1]:
        found, state = step_by_step(engine, [*tokenizer.encode(text).tolist()[::-1], newline], state, before)
        expected.append(sum(found))
    lines = [*(Line(text, "a", n) for n, text in enumerate(texts, 1)), Line("the cat", "b")]
    scores = list(Scorer(engine, tokenizer, "backward").score(lines, context="file"))
    assert [(s.text, s.line, s.file) for s in scores] == [(line.text, line.number, line.file) for line in lines]
    assert [s.tally.logprob for s in scores[:4]] == pytest.approx(expected[::-1], abs=1e-9)
    [alone] = Scorer(engine, tokenizer, "backward").score([Line("the cat")])
    assert scores[4].tally.logprob == pytest.approx(alone.tally.logprob, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(texts=TEXTS, chunk=st.integers(1, 9), size=st.sampled_from([1, 5, 64]), limit=st.sampled_from([0, 20, 10**6]))
def test_however_they_are_read(kind: str, texts: list[str], chunk: int, size: int, limit: int) -> None:
    """In company or alone, in chunks of any size, as long lines piece by piece or whole: the same."""
    tokenizer = TOKENIZERS[kind]
    engine = ToyEngine(tokenizer.vocab_size)
    alone = [next(Scorer(engine, tokenizer, "backward").score([Line(text)], **OPTIONS)) for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnncli.inference.scorer.LONG_LINE", limit)
        scorer = Scorer(engine, tokenizer, "backward", chunk=chunk)
        found = list(scorer.score(map(Line, texts), batch_size=size, **OPTIONS))
    for one, other in zip(found, alone, strict=True):
        assert one.tally.logprob == pytest.approx(other.tally.logprob, abs=1e-9)
        assert (one.tally.tokens, one.tally.spelled) == (other.tally.tokens, other.tally.spelled)
        for mine, its in zip(one.token_scores, other.token_scores, strict=True):
            assert mine.logprob == pytest.approx(its.logprob, abs=1e-9)
            assert (mine.token, mine.start, mine.end, mine.rank) == (its.token, its.start, its.end, its.rank)
        assert [w.logprob for w in one.word_scores] == pytest.approx([w.logprob for w in other.word_scores], abs=1e-9)


@given(st.lists(st.integers(0, 9)))
def test_turned_twice_is_as_it_was(ids: list[int]) -> None:
    row = np.array([*ids, 99])
    assert turn(row).tolist() == [*ids[::-1], 99]
    assert turn(turn(row)).tolist() == row.tolist()


@pytest.mark.parametrize("limit", [0, 10**6])
@pytest.mark.parametrize("context", ["line", "file"])
def test_what_stands_before_a_line_means_nothing_backward(
    limit: int, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnncli.inference.scorer.LONG_LINE", limit)
    tokenizer = TOKENIZERS["hybrid"]
    scorer = Scorer(ToyEngine(tokenizer.vocab_size), tokenizer, "backward")
    with pytest.raises(ConfigError, match="nothing of what stands before"):
        list(scorer.score([Line("the cat", prefix="the ")], context=context))


def both_ways() -> tuple[Scorer, Scorer]:
    tokenizer = TOKENIZERS["hybrid"]
    one, other = (ToyEngine(tokenizer.vocab_size, seed=seed) for seed in (1, 2))
    return Scorer(one, tokenizer), Scorer(other, tokenizer, "backward")


def test_both_is_the_mean_of_two_probabilities() -> None:
    forward, backward = both_ways()
    lines: list[Line | Flush] = [Line("the cat", "a", 1), FLUSH, Line("", "a", 2), Line("zebra the", "a", 3)]
    found = list(BothWays(forward, backward).score(lines))
    assert [(s.text, s.file, s.line) for s in found] == [("the cat", "a", 1), ("", "a", 2), ("zebra the", "a", 3)]
    for score in found:
        [one], [other] = (list(scorer.score([Line(score.text)])) for scorer in (forward, backward))
        mean = (math.exp(one.tally.logprob) + math.exp(other.tally.logprob)) / 2
        assert score.tally.logprob == pytest.approx(math.log(mean), abs=1e-9)
        assert (score.tally.tokens, score.tally.bytes) == (one.tally.tokens, one.tally.bytes)


def test_a_line_is_answered_before_the_next_is_there() -> None:
    seen = []

    def lines() -> Any:
        for text in ("the cat", "the dog"):
            seen.append(text)
            yield Line(text)
            yield FLUSH

    scores = BothWays(*both_ways()).score(lines())
    assert next(scores).text == "the cat"
    assert seen == ["the cat"]


@pytest.mark.parametrize(
    "options", [{"tokens": True}, {"words": True}, {"end": False}, {"context": "file"}], ids=lambda o: next(iter(o))
)
def test_what_is_smaller_than_a_line_has_no_mean(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="read both ways"):
        BothWays(*both_ways()).score([Line("the cat")], **options)


@given(st.floats(-800, 0), st.floats(-800, 0))
def test_the_mean_by_its_definition(one: float, other: float) -> None:
    assert mean_logprob(one, other) == mean_logprob(other, one)
    assert mean_logprob(one, other) == pytest.approx(float(np.logaddexp(one, other)) - math.log(2), abs=1e-9)


def test_the_mean_of_nothing() -> None:
    assert mean_logprob(-math.inf, -math.inf) == -math.inf
    assert mean_logprob(-math.inf, -1.0) == pytest.approx(-1 - math.log(2))
