"""Beam search against all texts there are."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import SampleConfig
from rnncli.errors import ConfigError
from rnncli.inference.beam import beam_search
from rnncli.inference.plan import Line
from rnncli.inference.sampler import Sampler
from rnncli.inference.scorer import Scorer
from rnncli.text.escapes import text_of
from tests.toy import FixedEngine, ToyEngine, toy_tokenizer

CONFIG = SampleConfig(seed=1, max_tokens=8, beam=4)


def test_a_beam_finds_what_greedy_misses() -> None:
    """After the start 1 is likelier than 2, but what follows 2 is certain."""
    table = np.array([[0.0, 0.6, 0.4], [0.4, 0.3, 0.3], [1.0, 0.0, 0.0]])
    engine = FixedEngine(table)
    first = engine.advance(np.array([[0]]), np.array([1]), engine.start(1), want="last")

    def search(width: int) -> list[tuple[tuple[int, ...], float]]:
        found = beam_search(engine, first[1], first[0].logprob[0], width=width, most=5, ends=lambda ids: ids[-1] == 0)
        return [(one.ids, round(float(np.exp(one.total)), 6)) for one in found]

    assert search(1) == [((1, 0), 0.24)]
    assert search(2) == [((2, 0), 0.4), ((1, 0), 0.24)]
    assert search(3) == [((2, 0), 0.4), ((1, 0), 0.24), ((1, 2, 0), 0.18)]


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_beam_as_wide_as_all_texts_finds_the_best(seed: int, most: int, keep: int) -> None:
    engine = ToyEngine(4, seed=seed)
    prediction, state = engine.advance(np.array([[0]]), np.array([1]), engine.start(1), want="last")
    found = beam_search(engine, state, prediction.logprob[0], width=4**most, most=most, ends=lambda ids: ids[-1] == 0)
    texts = [
        ids
        for n in range(1, most + 1)
        for ids in itertools.product(range(4), repeat=n)
        if 0 not in ids[:-1] and (ids[-1] == 0 or n == most)
    ]
    totals = {}
    for ids in texts:
        after, total = (prediction, state), 0.0
        for token in ids:
            total += float(after[0].logprob[0, token])
            after = engine.advance(np.array([[token]]), np.array([1]), after[1], want="last")
        totals[ids] = total
    expected = sorted(totals.values(), reverse=True)[: min(keep, len(totals))]
    assert [one.total for one in found[:keep]] == pytest.approx(expected)
    for one in found:
        assert one.total == pytest.approx(totals[one.ids])
        assert sum(one.logprobs) == pytest.approx(one.total)


@pytest.mark.parametrize("kind", ["hybrid", "char", "byte", "bpe", "word"])
def test_the_text_of_a_beam(kind: str) -> None:
    tokenizer = toy_tokenizer(kind)  # type: ignore[arg-type]
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "lines")
    samples = list(sampler.samples(["the cat", ""], dataclasses.replace(CONFIG, count=3)))
    assert [sample.prompt for sample in samples] == ["the cat"] * 3 + [""] * 3
    totals = [sum(sample.logprobs) for sample in samples[:3]]
    assert len({sample.ids for sample in samples[:3]}) == 3
    assert all("\n" not in sample.text for sample in samples)
    # Those that end count their end, which is no token of theirs.
    if all(sample.stopped == "length" for sample in samples[:3]):
        assert totals == sorted(totals, reverse=True)
    [first] = sampler.samples(["the cat"], CONFIG)
    chunks = list(sampler.stream("the cat", CONFIG))
    assert b"".join(chunk.data for chunk in chunks) == first.data == samples[0].data
    if first.canonical and first.stopped == "length":
        scorer = Scorer(sampler.engine, tokenizer)
        [score] = scorer.score([Line(text_of(first.data), prefix="the cat")], end=False)
        assert score.tally.logprob == pytest.approx(sum(first.logprobs))


def test_stops_and_lengths_hold_in_a_beam() -> None:
    tokenizer = toy_tokenizer("char")
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    [plain] = sampler.samples(["t"], CONFIG)
    assert (plain.stopped, len(plain.ids)) == ("length", 8)
    for sample in sampler.samples(["t"], dataclasses.replace(CONFIG, stop=("e", "a", "t"), count=4)):
        assert not {"e", "a", "t"} & set(sample.text)
    assert [sample.text for sample in sampler.samples(["t"], dataclasses.replace(CONFIG, max_tokens=0))] == [""]
    with pytest.raises(ConfigError, match="--count 5 is more than --beam 4"):
        list(sampler.samples(["t"], dataclasses.replace(CONFIG, count=5)))
