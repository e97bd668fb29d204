"""Scores from Python: prefixes, ends, arrays."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rnncli.api import Model
from rnncli.errors import ConfigError
from rnncli.inference.opening import Opened
from rnncli.text.tokenizers import Tokenizer
from tests.toy import FixedEngine, ToyEngine, toy_tokenizer


def model_of(engine: ToyEngine, tokenizer: Tokenizer) -> Model:
    stored: Any = SimpleNamespace(
        folder=SimpleNamespace(name="toy"),
        config={},
        unit="stream",
        tokenizer=tokenizer,
        fingerprint="f",
        direction="forward",
    )
    return Model(Opened(stored, engine, SimpleNamespace(notable=False)))  # type: ignore[arg-type]


@pytest.fixture
def by_hand() -> Model:
    """a, b and the end have .5, .25, .1 after a newline, .125, .5, .2 after a, .25 each after b."""
    tokenizer = toy_tokenizer("char", text="ab\n")
    newline = tokenizer.newline_id
    a, b = tokenizer.encode("ab").tolist()
    table = np.zeros((tokenizer.vocab_size,) * 2)
    table[newline, [a, b, newline]] = 0.5, 0.25, 0.1
    table[a, [a, b, newline]] = 0.125, 0.5, 0.2
    table[b, [a, b, newline]] = 0.25, 0.25, 0.25
    return model_of(FixedEngine(table), tokenizer)


def test_log_probabilities_of_tokens(by_hand: Model) -> None:
    one, empty, other = by_hand.token_logprobs(["ab", "", "b"])
    assert one.dtype == np.float64
    assert np.exp(one) == pytest.approx([0.5, 0.5, 0.25])
    assert np.exp(empty) == pytest.approx([0.1])
    assert np.exp(other) == pytest.approx([0.25, 0.25])
    assert by_hand.logprobs("ab").tolist() == one.tolist()


def test_without_the_end_and_after_a_prefix(by_hand: Model) -> None:
    assert [np.exp(found).tolist() for found in by_hand.token_logprobs(["ab", ""], end=False)] == [
        pytest.approx([0.5, 0.5]),
        [],
    ]
    [after] = by_hand.token_logprobs("ab", prefix="a")
    assert np.exp(after) == pytest.approx([0.125, 0.5, 0.25])
    each = by_hand.token_logprobs(["b", "b", "a"], prefix=["a", "", "a\n"], end=False)
    assert np.exp(np.concatenate(each)) == pytest.approx([0.5, 0.25, 0.5])
    [score] = by_hand.score(["b"], prefix="a", end=False)
    assert score.tally.logprob == pytest.approx(math.log(0.5))
    assert (score.tally.tokens, score.tally.chars) == (1, 1)
    assert score.tally.nats_per_char == pytest.approx(math.log(2))


def test_surprisal(by_hand: Model) -> None:
    [bits] = by_hand.surprisal(["ab"], of="tokens")
    assert bits == pytest.approx([1, 1, 2])
    [nats] = by_hand.surprisal(["ab"], of="tokens", base=math.e)
    assert nats == pytest.approx(bits * math.log(2))
    words, none = by_hand.surprisal(["ab", ""])
    assert words == pytest.approx([4])  # its tokens' 1 + 1 and 2, that it ends
    assert none.shape == (0,)
    assert by_hand.surprisal("ab", prefix="a")[0] == pytest.approx([6])
    assert by_hand.surprisal("ab", base=10)[0] == pytest.approx([-math.log10(0.5 * 0.5 * 0.25)])


def test_surprisal_is_what_the_records_say() -> None:
    tokenizer = toy_tokenizer()
    model = model_of(ToyEngine(tokenizer.vocab_size), tokenizer)
    text = "the cat saw a zebra, there"
    [words], [tokens] = model.surprisal([text]), model.surprisal([text], of="tokens")
    [score] = model.score([text], tokens=True, words=True)
    assert words == pytest.approx([word.surprisal_bits for word in score.word_scores])
    assert tokens == pytest.approx([token.surprisal_bits for token in score.token_scores])
    assert len(words) == len(text.split())
    assert tokens.sum() == pytest.approx(-score.tally.logprob / math.log(2))


def test_one_text_is_a_list_of_one(by_hand: Model) -> None:
    assert [score.text for score in by_hand.score("ab")] == ["ab"]
    assert [score.line for score in by_hand.score(text for text in ("a", "b"))] == [1, 2]
    assert by_hand.score([]) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prefix": ["a"]}, "a prefix for each text; got 1 for 2"),
        ({"prefix": "a", "context": "file"}, "have no prefix"),
        ({"prefix": ["a", "b"], "context": "file"}, "have no prefix"),
    ],
)
def test_scores_that_cannot_be(by_hand: Model, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        by_hand.score(["a", "b"], **given)


def test_surprisal_that_cannot_be(by_hand: Model) -> None:
    for base in (1, 0, -2, math.nan):
        with pytest.raises(ConfigError, match="base of a logarithm"):
            by_hand.surprisal(["ab"], base=base)
    with pytest.raises(ConfigError, match="tokens or words; got lines"):
        by_hand.surprisal(["ab"], of="lines")  # type: ignore[arg-type]
