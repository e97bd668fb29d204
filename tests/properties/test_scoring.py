"""A score depends on its line alone: not on the batch, the order, the chunks or what stands beside it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import Context
from rnncli.inference.plan import FLUSH, Flush, Line
from rnncli.inference.scorer import Scorer
from tests.toy import ToyEngine, toy_tokenizer

TOKENIZERS = {kind: toy_tokenizer(kind) for kind in ("hybrid", "word", "bpe", "byte")}
WORDS = st.sampled_from(["the", "cat", "zebra", "春眠", "🙂", ",", "  ", "\udce4", "don't", "a" * 50])
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), min_size=1, max_size=20)


@pytest.mark.parametrize("kind", sorted(TOKENIZERS))
@settings(max_examples=15, deadline=None)
@given(texts=TEXTS, chunk=st.integers(1, 9), batch_size=st.sampled_from([1, 7, 64]), seed=st.integers(0, 99))
def test_lines_score_the_same_however_they_are_read(
    kind: str, texts: list[str], chunk: int, batch_size: int, seed: int
) -> None:
    tokenizer = TOKENIZERS[kind]
    engine = ToyEngine(tokenizer.vocab_size)
    alone = {}
    for text in texts:
        [score] = Scorer(engine, tokenizer, chunk=10**6).score([Line(text)], tokens=True, words=True)
        alone[text] = score
    shuffled = random.Random(seed).sample(texts, len(texts))
    scorer = Scorer(engine, tokenizer, chunk=chunk)
    together = scorer.score(map(Line, shuffled), tokens=True, words=True, batch_size=batch_size)
    for text, score in zip(shuffled, together, strict=True):
        assert score.text == text
        assert score.tally.logprob == pytest.approx(alone[text].tally.logprob, abs=1e-9)
        for one, other in zip(score.token_scores, alone[text].token_scores, strict=True):
            assert (one.logprob, one.entropy) == pytest.approx((other.logprob, other.entropy), abs=1e-9)
            assert (one.token, one.start, one.end) == (other.token, other.start, other.end)
        assert [word.spelled for word in score.word_scores] == [w.spelled for w in alone[text].word_scores]


@settings(max_examples=20, deadline=None)
@given(texts=TEXTS, chunk=st.integers(1, 30), flushes=st.sets(st.integers(0, 19)))
def test_a_files_lines_score_the_same_in_any_pieces(texts: list[str], chunk: int, flushes: set[int]) -> None:
    tokenizer = TOKENIZERS["hybrid"]
    engine = ToyEngine(tokenizer.vocab_size)
    context: Context = "file"
    lines = [Line(text, "a" if i % 11 < 7 else "b", i) for i, text in enumerate(texts)]
    whole = list(Scorer(engine, tokenizer, chunk=10**6).score(lines, context=context))
    source: list[Line | Flush] = []
    for i, line in enumerate(lines):
        source += [line, FLUSH] if i in flushes else [line]
    pieces = list(Scorer(engine, tokenizer, chunk=chunk).score(source, context=context))
    assert [(s.text, s.line, s.file) for s in pieces] == [(s.text, s.line, s.file) for s in whole]
    found, expected = ([s.tally.logprob for s in scores] for scores in (pieces, whole))
    np.testing.assert_allclose(found, expected, atol=1e-9)
