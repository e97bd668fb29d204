"""One seed, one text; filters keep a distribution; draws follow it; covers agree with what was typed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import SampleConfig
from rnncli.inference.decoding import distribution, draw, uniform
from rnncli.inference.emission import Emission, Stop
from rnncli.inference.engine import Ids, Prediction, State, Targets, Want
from rnncli.inference.plan import Line
from rnncli.inference.sampler import Sampler
from rnncli.inference.scorer import Scorer
from rnncli.records import Chunk
from rnncli.text.escapes import bytes_of
from tests.toy import ToyEngine, toy_tokenizer

TOKENIZERS = {kind: toy_tokenizer(kind) for kind in ("hybrid", "word", "char", "bpe", "byte")}
CONFIGS = st.builds(
    SampleConfig,
    max_tokens=st.integers(0, 12),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 5]),
    top_p=st.sampled_from([0.2, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.1]),
    repeat_penalty=st.sampled_from([1.0, 1.5]),
    seed=st.integers(0, 2**63 - 1),
    count=st.integers(1, 3),
    stop=st.sampled_from([(), ("e",), ("th", "a c")]),
    until=st.sampled_from(["auto", "line", "text"]),
)
PIECES = st.sampled_from(["the", " ", "c", "cat", "\n", "春", "眠", "🙂", "don't", "zx", "  ", "é", "\udce4", "."])
PROMPTS = st.lists(PIECES, max_size=8).map("".join)


@given(st.lists(st.floats(-30, 0), min_size=1, max_size=30), CONFIGS, st.lists(st.integers(0, 0), max_size=3))
@settings(max_examples=100, deadline=None)
def test_filters_keep_a_distribution(row: list[float], config: SampleConfig, recent: list[int]) -> None:
    found = distribution(np.array(row), config, recent=recent)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    if config.repeat_penalty == 1 or not recent:
        assert row[int(np.argmax(found))] == pytest.approx(max(row), abs=1e-6)  # filters compute in float32
    if config.top_k:
        assert np.count_nonzero(found) <= config.top_k


def test_draws_follow_the_distribution() -> None:
    chances = np.array([[0.5, 0.0, 0.2, 0.3]])
    counts = Counter(draw(chances, [uniform(5, 0, position)])[0] for position in range(4000))
    for token, chance in enumerate(chances[0]):
        assert counts[token] / 4000 == pytest.approx(chance, abs=0.03)


@pytest.mark.parametrize("kind", sorted(TOKENIZERS))
@given(prompts=st.lists(PROMPTS, min_size=1, max_size=6), config=CONFIGS)
@settings(max_examples=15, deadline=None)
def test_one_seed_gives_one_text_alone_or_in_a_batch(kind: str, prompts: list[str], config: SampleConfig) -> None:
    tokenizer = TOKENIZERS[kind]
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    together = list(sampler.samples(prompts, config))
    assert len(together) == len(prompts) * config.count
    for i, sample in enumerate(together):
        prompt, number = prompts[i // config.count], i % config.count
        alone = list(sampler.stream(prompt, config, sample=number))
        assert tuple(chunk.id for chunk in alone) == sample.ids
        assert "".join(chunk.text for chunk in alone) == sample.text == sample.data.decode("utf-8", "replace")
        assert len(sample.ids) <= config.max_tokens
        assert not any(stop in sample.text for stop in config.stop)
        if tokenizer.lossless and sample.stopped == "length" and sample.text:
            shown = tokenizer.decode_bytes(tokenizer.encode(prompt)) + sample.data
            assert shown.endswith(tokenizer.decode_bytes(sample.ids))


class ShapedEngine(ToyEngine):
    """Its opinions depend on the shape of what it reads, as rounding does, but far more."""

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        found, after = super().advance(ids_BT, lengths_B, state, want=want, targets=targets)
        noise = np.random.default_rng(ids_BT.shape).normal(size=found.logprob.shape[1])
        return Prediction(found.logprob + noise), after


@pytest.mark.parametrize("kind", sorted(TOKENIZERS))
def test_not_even_rounding_tells_a_batch_from_a_row(kind: str) -> None:
    tokenizer = TOKENIZERS[kind]
    sampler = Sampler(ShapedEngine(tokenizer.vocab_size), tokenizer, "stream")
    prompts = ["the ca", "", "don't know the ", *(f"the dog {i} th" for i in range(9))]
    config = SampleConfig(seed=3, temperature=1.0, max_tokens=12, count=2, until="line")
    for i, sample in enumerate(sampler.samples(prompts, config)):
        alone = sampler.stream(prompts[i // 2], config, sample=i % 2)
        assert tuple(chunk.id for chunk in alone) == sample.ids


@given(prompt=PROMPTS, seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_canonical_samples_log_probabilities_are_its_score(prompt: str, seed: int) -> None:
    tokenizer = TOKENIZERS["bpe"]
    engine = ToyEngine(tokenizer.vocab_size)
    config = SampleConfig(seed=seed, max_tokens=6, temperature=0.7, until="line")
    [sample] = Sampler(engine, tokenizer, "lines").samples([prompt], config)
    if not sample.canonical or "\n" in prompt:
        return
    text = prompt + sample.data.decode("utf-8", "surrogateescape")
    [score] = Scorer(engine, tokenizer).score([Line(text)], tokens=True)
    tail = score.token_scores[len(score.token_scores) - 1 - len(sample.ids) : -1]
    np.testing.assert_allclose([token.logprob for token in tail], sample.logprobs, atol=1e-9)


def write_out(
    engine: ToyEngine, data: list[bytes], read: list[int], rest: bytes
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every way to write ``rest``, the last token going as far as it likes, with its probability."""
    ids = np.array([read])
    found, _ = engine.advance(ids, np.array([len(read)]), engine.start(1), want="last")
    for token, piece in enumerate(data):
        chance = float(np.exp(found.logprob[0, token]))
        if piece.startswith(rest):
            yield (token,), chance
        elif rest.startswith(piece):
            for others, more in write_out(engine, data, [*read, token], rest[len(piece) :]):
                yield (token, *others), chance * more


@pytest.mark.parametrize("kind", ["hybrid", "bpe"])
def test_healing_draws_what_the_model_would_have_written(kind: str) -> None:
    """Of all continuations of a text cut inside a word, each as often as the model would have come to it."""
    tokenizer = TOKENIZERS[kind]
    engine = ToyEngine(tokenizer.vocab_size, sharpness=2.0)
    data = [tokenizer.decode_bytes([token]) for token in range(tokenizer.vocab_size)]
    read = [tokenizer.newline_id, *tokenizer.encode("saw").tolist()]
    expected = dict(write_out(engine, data, read, b" th"))
    total = sum(expected.values())

    sampler = Sampler(engine, tokenizer, "stream")
    [start] = sampler.read(["saw th"])
    assert start.pending == b" th"
    assert start.covers is not None
    weights = np.array([path.mass for path in start.covers.paths])[start.covers.owners]
    chances = np.exp(weights + start.covers.last_logprobs)
    found = {
        (*start.covers.paths[owner].ids, int(last)): chance / chances.sum()
        for owner, last, chance in zip(start.covers.owners, start.covers.last_ids, chances, strict=True)
    }
    assert set(found) <= set(expected)
    gaps = [abs(found.get(ids, 0.0) - chance / total) for ids, chance in expected.items()]
    assert sum(gaps) / 2 < 0.02
    config = SampleConfig(seed=1, temperature=1.0, max_tokens=4, count=500)
    counts = Counter(sample.ids[0] for sample in sampler.samples(["saw th"], config))
    for token in {ids[0] for ids in expected}:
        chance = sum(chance for ids, chance in expected.items() if ids[0] == token) / total
        assert counts[token] / 500 == pytest.approx(chance, abs=0.08)


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3), max_size=8),
    stops=st.lists(st.binary(min_size=1, max_size=3), max_size=2),
    skip=st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_what_comes_out_is_what_stands_before_the_first_stop(
    pieces: list[bytes], stops: list[bytes], skip: int
) -> None:
    emission = Emission(skip=skip, stops=[Stop(stop, "stop") for stop in stops], row=0)
    chunks: list[Chunk] = []
    for i, piece in enumerate(pieces):
        if emission.stopped is None:
            chunks += emission.push(i, piece, 0.0)
    if emission.stopped is None:
        chunks += emission.finish("length")
    whole = b"".join(pieces)[skip:]
    hits = [whole.find(stop) for stop in stops if stop in whole]
    data = b"".join(chunk.data for chunk in chunks)
    assert emission.stopped == ("stop" if hits else "length")
    assert data == (whole[: len(data)] if hits else whole)
    if hits:
        # A longer stop text may begin earlier but end later than the one that was met first.
        assert min(hits) <= len(data)
        assert any(whole[len(data) :].startswith(stop) for stop in stops)
    assert "".join(chunk.text for chunk in chunks) == data.decode("utf-8", "replace")
    assert [chunk.id for chunk in chunks] == list(range(len(chunks)))


def test_bytes_of_prompts_survive() -> None:
    tokenizer = TOKENIZERS["hybrid"]
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    config = dataclasses.replace(SampleConfig(seed=2), max_tokens=4)
    [sample] = sampler.samples(["x\udce4"], config)
    assert bytes_of(sample.prompt) == b"x\xe4"
