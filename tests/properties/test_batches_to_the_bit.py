"""What ONNX Runtime's engine promises: a row comes out the same to the bit, whatever company it is read in."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnncli import library
from rnncli.config import ActivationName, CellName, SampleConfig
from rnncli.inference.engine import Engine, Ids, Targets, select, stack
from rnncli.inference.opening import open_engine
from rnncli.inference.sampler import ROWS, Sampler
from tests.folders import make_folder, tokenizer_of

Cell = tuple[CellName, ActivationName]
Bits = tuple[NDArray[np.float32], ...]

NETWORKS: tuple[tuple[CellName, ActivationName, str, int, int], ...] = (
    ("lstm", "tanh", "projected", 2, 6),
    ("lstm", "tanh", "tied", 1, 72),
    ("gru", "tanh", "untied", 2, 33),
    ("gru", "tanh", "projected", 1, 64),
    ("rnn", "crelu", "projected", 2, 17),
    ("rnn", "tanh", "untied", 1, 100),
)
"""Cell, activation, head, layers and units: sizes above and below those in which products are cut up."""
SIZE = 256


@functools.cache
def engine_of(network: int) -> Engine:
    """An engine of two threads."""
    cell, activation, head, layers, hidden = NETWORKS[network]
    with tempfile.TemporaryDirectory() as folder:
        made = make_folder(Path(folder) / "model", cell, activation, "byte", head, layers, hidden=hidden)
        engine = open_engine(made, device="cpu", engine="onnx", threads=2).engine
        for one in (engine, *engine.workers()):  # opened while the weights are there to be mapped
            one.advance(np.zeros((1, 1), np.int64), np.ones(1, np.int64), engine.start(1), want="last")
    return engine


def follow(engine: Engine, rows: Sequence[Ids], cuts: Sequence[int]) -> list[Bits]:
    """Of each row: log-probabilities and ranks of its tokens, the opinions and the state at its end, and entropies.

    All rows go on together, so many tokens at a time as ``cuts`` say, round and round; those that end drop out.
    """
    found: list[list[NDArray[np.float32]]] = [[] for _ in rows]
    entropies: list[list[NDArray[np.floating]]] = [[] for _ in rows]
    ends: list[Bits] = [() for _ in rows]
    state = engine.start(len(rows))
    live = list(range(len(rows)))
    read = 0
    for cut in itertools.cycle(cuts):
        pieces = [rows[i][read : read + cut + 1] for i in live]
        lengths_B = np.array([min(cut, len(piece) - 1) for piece in pieces])
        ids_BT = np.full((len(live), lengths_B.max()), 7, np.int64)
        for row, piece, length in zip(ids_BT, pieces, lengths_B, strict=True):
            row[:length] = piece[:length]
        real_BT = np.arange(ids_BT.shape[1]) < lengths_B[:, None]
        places = np.flatnonzero(real_BT)
        wanted = np.concatenate([piece[1 : n + 1] for piece, n in zip(pieces, lengths_B, strict=True)])
        targets = Targets(places, np.arange(len(places)), wanted)
        prediction, after = engine.advance(ids_BT, lengths_B, state, want="details", targets=targets)
        last, _ = engine.advance(ids_BT, lengths_B, state, want="last")
        assert prediction.rank is not None
        assert prediction.entropy is not None
        assert prediction.mass is not None
        begins = np.cumsum(lengths_B) - lengths_B
        for place, i in enumerate(live):
            mine = slice(begins[place], begins[place] + lengths_B[place])
            found[i].append(np.stack([prediction.logprob[mine], prediction.rank[mine].astype(np.float32)]))
            entropies[i].append(np.stack([prediction.entropy[mine], prediction.mass[mine]]))
            ends[i] = (last.logprob[place], *(array[place] for array in after))
        read += cut
        going = [place for place, i in enumerate(live) if len(rows[i]) - 1 > read]
        if not going:
            break
        live, state = [live[place] for place in going], select(after, going)
    return [
        (np.concatenate(parts, axis=1), *end, np.concatenate(entropy, axis=1))
        for parts, end, entropy in zip(found, ends, entropies, strict=True)
    ]


def same(one: Sequence[Bits], other: Sequence[Bits]) -> None:
    """To the bit, but for entropies and masses: what adds them up may go another way for another number of places."""
    assert len(one) == len(other)
    for row, again in zip(one, other, strict=True):
        assert len(row) == len(again)
        for array, copy in zip(row[:-1], again[:-1], strict=True):
            assert array.dtype == copy.dtype == np.float32
            assert array.shape == copy.shape
            assert array.tobytes() == copy.tobytes()
        np.testing.assert_allclose(row[-1], again[-1], rtol=0, atol=1e-5)


IDS = st.integers(0, SIZE - 1)
ROW = st.lists(IDS, min_size=2, max_size=24).map(lambda ids: np.array(ids, np.int64))
CUTS = st.lists(st.integers(1, 25), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(NETWORKS) - 1), st.lists(ROW, min_size=1, max_size=12), CUTS, CUTS, st.integers(0, 40))
def test_a_row_is_the_same_to_the_bit_in_any_company_chunks_and_threads(
    network: int, rows: list[Ids], cuts: list[int], others: list[int], more: int
) -> None:
    """``more`` rows, copies of those there are, make batches of many sizes."""
    engine = engine_of(network)
    worker = engine.workers()[0]
    alone = [follow(worker, [row], [len(row)])[0] for row in rows]
    same([follow(worker, [row], [1])[0] for row in rows[:3]], alone[:3])
    many = [rows[i % len(rows)] for i in range(len(rows) + more)]
    expected = [alone[i % len(rows)] for i in range(len(many))]
    same(follow(worker, many, cuts), expected)
    same(follow(engine, many, others), expected)


@pytest.mark.parametrize("network", range(len(NETWORKS)))
def test_wide_batches_are_the_same_to_the_bit(network: int) -> None:
    """Hundreds of rows at once, where products are shared out between threads; and two batches at the same time."""
    engine = engine_of(network)
    assert len(engine.workers()) == 2
    rng = np.random.default_rng(network)
    rows = [rng.integers(0, SIZE, rng.integers(2, 9)) for _ in range(300)]
    whole = follow(engine, rows, [3])
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(follow, engine.workers(), (rows[:170], rows[170:]), ([8], [8])))
    same(halves[0] + halves[1], whole)
    same([follow(engine, [row], [2])[0] for row in rows[:10]], whole[:10])


@pytest.mark.parametrize("network", range(len(NETWORKS)))
def test_nothing_that_is_given_is_changed(network: int) -> None:
    """Nor what was given back before: a state is a value."""
    engine = engine_of(network)
    ids_BT, lengths_B = np.array([[5, 6, 7], [8, 9, 10]]), np.array([3, 1])
    targets = Targets(np.array([0, 2, 3]), np.array([0, 0, 1, 2]), np.array([1, 2, 3, 4]))
    _, before = engine.advance(ids_BT, lengths_B, engine.start(2), want="last")
    given = [ids_BT, lengths_B, targets.places_P, targets.rows_M, targets.ids_M, *before]
    copies = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = False
    for want in ("targets", "details", "last"):
        found, after = engine.advance(ids_BT, lengths_B, before, want=want, targets=targets)
        kept = [found.logprob.copy(), *(array.copy() for array in after)]
        again, _ = engine.advance(ids_BT[:, ::-1].copy(), lengths_B, after, want=want, targets=targets)
        assert again.logprob.tobytes() != found.logprob.tobytes()
        for array, copy in zip((found.logprob, *after), kept, strict=True):
            assert array.tobytes() == copy.tobytes()
            assert not any(np.shares_memory(array, old) for old in before)
    for array, copy in zip(given, copies, strict=True):
        assert array.tobytes() == copy.tobytes()
    for array in engine.start(2):
        assert array.dtype == np.float32
        assert not array.any()


def test_states_can_be_taken_apart_and_put_together() -> None:
    """Rows that come from different batches go on as they would have gone on in their own."""
    engine = engine_of(0)
    rows = [np.array(list(text)) for text in (b"abcdef", b"ghijkl", b"mnopqr")]
    expected = follow(engine, rows, [5])
    begun = [engine.advance(row[None, :3], np.array([3]), engine.start(1), want="last")[1] for row in rows]
    mixed = select(stack(begun), [2, 0, 1, 0])
    ids_BT = np.stack([rows[i][3:5] for i in (2, 0, 1, 0)])
    last, after = engine.advance(ids_BT, np.full(4, 2), mixed, want="last")
    for place, i in enumerate((2, 0, 1, 0)):
        ends = (last.logprob[place], *(array[place] for array in after))
        for array, copy in zip(ends, expected[i][1:-1], strict=True):
            assert array.tobytes() == copy.tobytes()


def test_the_starter_gives_the_same_bits_in_any_company() -> None:
    """Products as wide as those of a model that somebody uses."""
    folder = library.starter()
    assert folder is not None
    engine = open_engine(folder, device="cpu", engine="onnx", threads=2).engine
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, engine.vocab_size, rng.integers(2, 12)) for _ in range(60)]
    whole = follow(engine, rows, [4])
    same(follow(engine.workers()[0], rows, [12]), whole)
    for few in (1, 2, 3, 5, 17):
        same(follow(engine, rows[:few], [2, 5]), whole[:few])
    same([follow(engine.workers()[1], [row], [1])[0] for row in rows[:8]], whole[:8])


@pytest.mark.parametrize("network", [0, 3, 4])
@settings(max_examples=4, deadline=None)
@given(
    prompts=st.lists(st.sampled_from(["", "Anna", "Bob saw the", "春眠", "x" * 300]), min_size=1, max_size=8),
    count=st.integers(1, ROWS),
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
)
def test_a_sample_is_the_same_alone_and_among_many(
    network: int, prompts: list[str], count: int, temperature: float
) -> None:
    config = SampleConfig(seed=9, temperature=temperature, max_tokens=8, count=max(1, count // len(prompts)))
    sampler = Sampler(engine_of(network), tokenizer_of("byte"), "stream")
    together = list(sampler.samples(prompts, config))
    assert len(together) == len(prompts) * config.count <= ROWS
    for i in {0, len(together) // 2, len(together) - 1}:
        prompt, number = prompts[i // config.count], i % config.count
        alone = list(sampler.stream(prompt, config, sample=number))
        assert tuple(chunk.id for chunk in alone) == together[i].ids
        assert tuple(chunk.logprob for chunk in alone) == together[i].logprobs
