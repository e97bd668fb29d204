"""One loop, many prompts: healing, stops, half characters, seeds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rnncli.config import SampleConfig, TokenizerConfig, TokenizerKind
from rnncli.errors import ConfigError
from rnncli.inference.emission import Emission, Stop
from rnncli.inference.healing import Pieces, find_covers, take_back
from rnncli.inference.sampler import Sampler
from rnncli.records import Chunk, Sample
from rnncli.text.tokenizers import train_tokenizer
from tests.toy import TEXT, FixedEngine, ToyEngine, toy_tokenizer

CONFIG = SampleConfig(seed=7, temperature=1.0, max_tokens=16)
KINDS: tuple[TokenizerKind, ...] = ("hybrid", "word", "char", "bpe", "byte")


def chain(text: str, kind: TokenizerKind = "char", **settings: object) -> Sample:
    """A sample from a model that is sure of writing the characters of ``text``, each different, in turn."""
    tokenizer = toy_tokenizer(kind, text=text + "\n")
    table = np.full((tokenizer.vocab_size, tokenizer.vocab_size), 1e-9)
    ids = [tokenizer.newline_id, *tokenizer.encode(text).tolist()]
    table[ids[:-1], ids[1:]] = 1.0
    table[ids[-1], ids[-1]] = 1.0
    engine = FixedEngine(table / table.sum(axis=1, keepdims=True))
    config = dataclasses.replace(CONFIG, temperature=0.0, **settings)  # type: ignore[arg-type]
    return next(Sampler(engine, tokenizer, "stream").samples([""], config))


def test_greedy_follows_the_likeliest_and_counts_tokens() -> None:
    sample = chain("abcdef", max_tokens=4)
    assert (sample.text, sample.tokens, sample.stopped, sample.canonical) == (
        "abcd",
        tuple("abcd"),
        "length",
        True,
    )
    assert chain("abcdef", max_tokens=0).text == ""
    assert sample.logprobs == pytest.approx([0] * 4, abs=1e-6)


def test_a_line_ends_before_its_newline() -> None:
    sample = chain("ab\ncd", until="line")
    assert (sample.text, sample.tokens, sample.stopped) == ("ab", ("a", "b"), "line")
    assert chain("\n", until="text", max_tokens=3).text == "\n\n\n"


@pytest.mark.parametrize(
    ("stop", "text"),
    [(("cd",), "ab"), (("xx", "bc", "cd"), "a"), (("abx", "bcd"), "a"), (("a",), ""), (("zz",), "abcdef")],
)
def test_stop_texts_end_a_sample_before_they_appear(stop: tuple[str, ...], text: str) -> None:
    sample = chain("abcdef", max_tokens=6, stop=stop)
    assert (sample.text, "".join(sample.tokens)) == (text, text)
    assert sample.stopped == ("length" if text == "abcdef" else "stop")


def test_an_empty_stop_text_is_an_error() -> None:
    with pytest.raises(ConfigError, match="--stop"):
        chain("ab", stop=("",))


def chunks(pieces: list[bytes], *, stops: tuple[str, ...] = (), skip: int = 0) -> tuple[list[Chunk], list[int]]:
    """What comes out, and how much had come after each piece."""
    emission = Emission(skip=skip, stops=[Stop(text.encode(), "stop") for text in stops], row=0)
    out: list[Chunk] = []
    counts = []
    for i, piece in enumerate(pieces):
        if emission.stopped is None:
            out += emission.push(i, piece, -1.0)
            counts.append(len(out))
    if emission.stopped is None:
        out += emission.finish("length")
    return out, counts


def test_what_may_begin_a_stop_text_is_held_back() -> None:
    out, counts = chunks([b"a", b"b", b"x", b"b", b"c", b"d"], stops=("bcd",))
    assert counts == [1, 1, 3, 3, 3, 3]
    assert "".join(chunk.text for chunk in out) == "abx"
    out, _ = chunks([b"hel", b"lo w", b"orld"], stops=("o world",))
    assert [(chunk.id, chunk.data) for chunk in out] == [(0, b"hel"), (1, b"l")]
    out, _ = chunks([b"ab", b"cd"], stops=("cx", "dx"))
    assert [chunk.data for chunk in out] == [b"ab", b"cd"]


def test_a_stop_text_may_lie_across_bytes_of_characters() -> None:
    euro = "€".encode()
    out, _ = chunks([b"5 ", euro[:1], euro[1:2], euro[2:], b"!"], stops=("€!",))
    assert [chunk.data for chunk in out] == [b"5 "]


def test_half_characters_wait_for_the_rest() -> None:
    out, _ = chunks([b"\xe6", b"\x98", b"\xa5", b"a"])
    assert [(chunk.id, chunk.text) for chunk in out] == [(0, ""), (1, ""), (2, "春"), (3, "a")]
    assert b"".join(chunk.data for chunk in out) == "春a".encode()
    out, _ = chunks([b"a", b"\xe6", b"\x98"])
    assert [(chunk.id, chunk.text, chunk.data) for chunk in out] == [
        (0, "a", b"a"),
        (1, "", b"\xe6"),
        (2, "\ufffd", b"\x98"),
    ]
    out, _ = chunks([b"\xff", b"a"])
    assert [chunk.text for chunk in out] == ["\ufffd", "a"]


def test_the_prompts_healed_end_never_comes_out() -> None:
    out, _ = chunks([b" t", b"he", b"re"], skip=3)
    assert [(chunk.id, chunk.data) for chunk in out] == [(0, b""), (1, b"e"), (2, b"re")]


@pytest.mark.parametrize(
    ("prompt", "taken"),
    [
        ("the ca", " ca"),
        ("the cat", " cat"),
        ("the cat ", " "),
        ("a    ", "    "),
        ("the mat.", "."),
        ("a\n", ""),
        ("", ""),
        ("a zxq", " zxq"),
        ("春眠", "眠"),
        ("a 🙂", " 🙂"),
        ("a\nzx", "zx"),
        ("x " * 300 + "zxq", " zxq"),
    ],
)
def test_the_last_piece_is_taken_back(prompt: str, taken: str) -> None:
    tokenizer = toy_tokenizer("hybrid")
    found = take_back(tokenizer, prompt)
    assert found.data.decode() == taken
    assert tokenizer.decode_bytes(found.kept) == prompt.encode()[: len(prompt.encode()) - len(found.data)]
    assert [*found.kept, *found.original] == tokenizer.encode(prompt).tolist()


def test_characters_and_bytes_are_never_taken_back() -> None:
    for kind in ("char", "byte"):
        assert take_back(toy_tokenizer(kind), "the ca").data == b""
    assert take_back(toy_tokenizer("word"), "the ca").data == b"ca"
    assert take_back(toy_tokenizer("word"), "the ca ").data == b""


def test_covers_have_the_probabilities_of_the_texts_that_they_begin() -> None:
    """Every way to write 'ca...' from four tokens, by hand."""
    tokenizer = toy_tokenizer("hybrid", text="cat\ncat\ncar car car\n")
    size = tokenizer.vocab_size
    of = {tokenizer.token(i): i for i in range(256, size)}
    table = np.full((size, size), 1e-12)
    newline = tokenizer.newline_id
    table[newline, of["cat"]] = 0.1
    table[newline, of[" car"]] = 0.5
    table[newline, of["c"]] = 0.4
    table[of["c"], of["a"]] = 0.25
    engine = FixedEngine(table)
    prediction, state = engine.advance(np.array([[newline]]), np.array([1]), engine.start(1), want="last")
    pieces = Pieces.of(tokenizer)
    original = tokenizer.encode("ca").tolist()
    covers = find_covers(engine, pieces, state=state, logprobs_V=prediction.logprob[0], taken=b"ca", original=original)
    assert covers is not None
    found: dict[str, float] = {}
    for owner, last, logprob in zip(covers.owners, covers.last_ids, covers.last_logprobs, strict=True):
        ids = (*covers.paths[owner].ids, int(last))
        found[tokenizer.decode(ids)] = found.get(tokenizer.decode(ids), 0) + np.exp(covers.paths[owner].mass + logprob)
    assert found["cat"] == pytest.approx(0.1)
    assert found["ca"] == pytest.approx(0.1)
    assert " car" not in found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", ["", "the ca", "the cat ", "春眠", "a 🙂", "don'", "a\n", "\udce4 x", "zx 12"])
def test_streaming_gives_the_sample_and_nothing_of_the_prompt(kind: TokenizerKind, prompt: str) -> None:
    tokenizer = toy_tokenizer(kind)
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    [sample] = sampler.samples([prompt], CONFIG)
    out = list(sampler.stream(prompt, CONFIG))
    assert "".join(chunk.text for chunk in out) == sample.text
    assert b"".join(chunk.data for chunk in out) == sample.data
    assert tuple(chunk.id for chunk in out) == sample.ids
    assert tuple(chunk.logprob for chunk in out) == pytest.approx(sample.logprobs)
    assert len(sample.ids) == 16
    if tokenizer.lossless:
        taken = take_back(tokenizer, prompt)
        assert (
            tokenizer.decode_bytes([*taken.kept, *sample.ids])
            == tokenizer.decode_bytes(tokenizer.encode(prompt)) + sample.data
        )


@pytest.mark.parametrize("kind", KINDS)
def test_folded_capitals_change_no_sample(kind: TokenizerKind) -> None:
    """The text has none to fold, so both tokenizers have one vocabulary."""
    plain = toy_tokenizer(kind)
    folded = train_tokenizer([TEXT], TokenizerConfig(kind=kind, vocab_size=300, lowercase=True))
    [low], [high], [same] = (
        list(Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream").samples([prompt], CONFIG))
        for tokenizer, prompt in ((folded, "the ca"), (folded, "THE CA"), (plain, "the ca"))
    )
    assert (low.ids, low.text, low.canonical) == (high.ids, high.text, high.canonical)
    assert (low.ids, low.text) == (same.ids, same.text)
    if kind != "byte":  # which has capitals all the same
        assert low.canonical == same.canonical


def test_the_word_tokenizers_unknown_is_never_sampled_and_words_are_spaced() -> None:
    tokenizer = toy_tokenizer("word")
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    config = dataclasses.replace(CONFIG, max_tokens=300)
    for prompt, first in (("the dog", False), ("the dog ", True), ("qq", False)):
        [sample] = sampler.samples([prompt], config)
        assert "<unk>" not in sample.tokens
        assert not sample.text.startswith(" ") or not first
        assert sample.canonical


def test_a_missing_seed_is_drawn_and_reported() -> None:
    tokenizer = toy_tokenizer()
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    config = dataclasses.replace(CONFIG, seed=None, count=2)
    one, two = sampler.samples(["the"], config)
    assert one.seed == two.seed
    assert one.ids != two.ids
    again = next(sampler.samples(["the"], dataclasses.replace(config, seed=one.seed)))
    assert again == one


def test_samples_come_in_order_of_prompts() -> None:
    tokenizer = toy_tokenizer()
    sampler = Sampler(ToyEngine(tokenizer.vocab_size), tokenizer, "lines")
    prompts = [f"the {i}" for i in range(70)]
    found = list(sampler.samples(prompts, dataclasses.replace(CONFIG, count=2, max_tokens=3)))
    assert [sample.prompt for sample in found] == [prompt for prompt in prompts for _ in range(2)]
    assert list(sampler.samples([], CONFIG)) == []
