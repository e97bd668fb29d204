"""The two engines held together over everything that a network can be.

Tolerances: PyTorch and ONNX Runtime add the same float32 numbers up in different orders.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from rnncli.config import ActivationName, CellName, EngineName, SampleConfig, TokenizerKind
from rnncli.inference.engine import Engine, Ids, Targets
from rnncli.inference.onnx_engine import OnnxEngine
from rnncli.inference.opening import open_engine
from rnncli.inference.plan import Line
from rnncli.inference.reading import read
from rnncli.inference.sampler import Sampler
from rnncli.inference.scorer import Scorer
from rnncli.inference.torch_engine import TorchEngine
from rnncli.text.tokenizers import TOKENIZERS
from tests.folders import HEADS, KINDS, make_folder, tokenizer_of
from tests.nets import CELLS

Cell = tuple[CellName, ActivationName]

TOLERANCE = 1e-4
"""Nats of one token, and units of a state."""
TIE = 1e-5
"""Log-probabilities nearer than this may change places between engines."""

LAYERS = (1, 2)
MATRIX = list(itertools.product(CELLS, KINDS, HEADS, LAYERS))
DONE: list[tuple[Cell, str, str, int]] = []
"""Rows of the matrix that were run to their end."""

LINES = ["Anna saw the moon", "", "Bob saw zebras", "春x，\udce4🙂", "Anna saw Bob"]
PROMPTS = ["Anna saw", "the mo", "zebra 春"]
SAMPLINGS = [
    SampleConfig(max_tokens=8, seed=1, temperature=0.0),
    SampleConfig(max_tokens=8, seed=2, temperature=0.8),
    SampleConfig(max_tokens=8, seed=3, temperature=1.5, top_k=20),
    SampleConfig(max_tokens=8, seed=4, temperature=1.0, top_p=0.7),
    SampleConfig(max_tokens=8, seed=5, temperature=0.5, min_p=0.3, repeat_penalty=1.4),
]


def name(value: object) -> str:
    return "-".join(value) if isinstance(value, tuple) else str(value)


def close(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)


def both(folder: Path) -> tuple[Engine, Engine]:
    """ONNX Runtime's engine and PyTorch's."""
    names: tuple[EngineName, EngineName] = ("onnx", "torch")
    onnx, torch = (open_engine(folder, device="cpu", engine=engine, threads=1).engine for engine in names)
    assert isinstance(onnx, OnnxEngine)
    assert isinstance(torch, TorchEngine)
    return onnx, torch


# -- the matrix


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of folders, none of which need outlive a power cut."""
    monkeypatch.setattr("os.fsync", lambda number: None)


@pytest.mark.parametrize(("cell", "kind", "head", "layers"), MATRIX, ids=name)
def test_the_engines_agree(cell: Cell, kind: TokenizerKind, head: str, layers: int, tmp_path: Path) -> None:
    engines = both(make_folder(tmp_path / "model", *cell, kind, head, layers))
    ids = tokenizer_of(kind).encode("\n".join(LINES))
    check_predictions(engines, ids)
    check_halves(engines, ids[:12])
    check_lines(engines, kind)
    DONE.append((cell, kind, head, layers))


def check_predictions(engines: tuple[Engine, Engine], ids: Ids) -> None:
    """Every token of the vocabulary after every place of a ragged batch; ranks and entropies also by hand."""
    lengths_B = np.array([2, 1, 1])
    ids_BT = ids[:6].reshape(3, 2).copy()
    places = np.flatnonzero(np.arange(2) < lengths_B[:, None])
    size = engines[0].vocab_size
    group = (np.arange(size) % 3 == 1).astype(np.float32)
    targets = Targets(places, np.repeat(np.arange(len(places)), size), np.tile(np.arange(size), len(places)), group)
    logprobs, ranks, entropies, masses, lasts, states = [], [], [], [], [], []
    for engine in engines:
        found, after = engine.advance(ids_BT, lengths_B, engine.start(3), want="details", targets=targets)
        assert found.rank is not None
        assert found.entropy is not None
        assert found.mass is not None
        full_PV = found.logprob.reshape(len(places), size)
        check_details(full_PV, found.rank.reshape(full_PV.shape), found.entropy.reshape(full_PV.shape))
        by_hand = np.log(np.exp(full_PV.astype(np.float64))[:, group > 0].sum(axis=1))
        np.testing.assert_allclose(found.mass.reshape(full_PV.shape)[:, 0], by_hand, rtol=0, atol=1e-5)
        few = Targets(places, targets.rows_M[::97], targets.ids_M[::97])
        plain, same = engine.advance(ids_BT, lengths_B, engine.start(3), want="targets", targets=few)
        np.testing.assert_array_equal(plain.logprob, found.logprob[::97])
        last, _ = engine.advance(ids_BT, lengths_B, engine.start(3), want="last")
        np.testing.assert_allclose(last.logprob, full_PV[np.cumsum(lengths_B) - 1], rtol=0, atol=1e-5)
        for one, other in zip(after, same, strict=True):
            np.testing.assert_array_equal(one, other)
        logprobs.append(full_PV)
        ranks.append(found.rank.reshape(full_PV.shape))
        entropies.append(found.entropy)
        masses.append(found.mass)
        lasts.append(last.logprob)
        states.append(after)
    close(*logprobs)
    close(*entropies)
    close(*masses)
    close(*lasts)
    assert len(states[0]) == len(states[1])
    for one, other in zip(*states, strict=True):
        assert one.dtype == other.dtype == np.float32
        close(one, other)
    for place, token in np.argwhere(ranks[0] != ranks[1]).tolist():
        near = np.abs(logprobs[1][place] - logprobs[1][place, token]) < TIE
        assert abs(ranks[0][place, token] - ranks[1][place, token]) < near.sum()


def check_details(full_PV: NDArray[Any], rank_PV: Ids, entropy_PV: NDArray[Any]) -> None:
    """What an engine says of its log-probabilities is true of them."""
    exact_PV = full_PV.astype(np.float64)
    np.testing.assert_allclose(np.exp(exact_PV).sum(1), 1, rtol=0, atol=1e-5)
    above = [len(row) - np.searchsorted(np.sort(row), row, "right") for row in full_PV]
    np.testing.assert_array_equal(rank_PV, 1 + np.array(above))
    by_hand = -(np.exp(exact_PV) * exact_PV).sum(1, keepdims=True)
    close(entropy_PV, np.broadcast_to(by_hand, entropy_PV.shape))


def check_halves(engines: tuple[Engine, Engine], ids: Ids) -> None:
    """A state from one engine is a state to the other: half of a text read with each."""
    onnx, torch = engines
    middle = len(ids) // 2
    found, ends = [], []
    for first, second in ((onnx, onnx), (onnx, torch), (torch, onnx)):
        half, state = read(first, ids[:middle], previous=0, state=first.start(1), want="targets", chunk=5)
        rest, end = read(second, ids[middle:], previous=int(ids[middle - 1]), state=state, want="targets", chunk=100)
        found.append(np.concatenate([half.logprobs, rest.logprobs]))
        ends.append(end)
    for logprobs, end in zip(found[1:], ends[1:], strict=True):
        close(logprobs, found[0])
        for one, other in zip(end, ends[0], strict=True):
            close(one, other)


def check_lines(engines: tuple[Engine, Engine], kind: TokenizerKind) -> None:
    """Whole lines alone, with their tokens one by one, and as a file."""
    tokenizer = tokenizer_of(kind)
    ways: tuple[dict[str, Any], ...] = ({"tokens": True}, {"context": "file"})
    for way in ways:
        onnx, torch = (list(Scorer(engine, tokenizer).score(map(Line, LINES), **way)) for engine in engines)
        assert len(onnx) == len(torch) == len(LINES)
        for one, other in zip(onnx, torch, strict=True):
            assert one.tally.tokens == other.tally.tokens
            assert abs(one.tally.logprob - other.tally.logprob) < 1e-4 + 1e-5 * one.tally.tokens
            assert [t.token for t in one.token_scores] == [t.token for t in other.token_scores]
            pairs = [[(t.logprob, t.entropy) for t in score.token_scores] for score in (one, other)]
            close(*pairs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_one_seed_gives_one_text_on_both_engines(cell: Cell, kind: TokenizerKind, tmp_path: Path) -> None:
    number = CELLS.index(cell) + KINDS.index(kind)
    folder = make_folder(tmp_path / "model", *cell, kind, HEADS[number % len(HEADS)], LAYERS[number % len(LAYERS)])
    onnx, torch = (Sampler(engine, tokenizer_of(kind), "stream") for engine in both(folder))
    config = SAMPLINGS[number % len(SAMPLINGS)]
    for one, other in zip(onnx.samples(PROMPTS, config), torch.samples(PROMPTS, config), strict=True):
        assert (one.ids, one.data, one.stopped) == (other.ids, other.data, other.stopped)
        close(one.logprobs, other.logprobs)


def test_no_row_of_the_matrix_was_left_out(request: pytest.FixtureRequest) -> None:
    """The rows are all that the choices of the program allow, and those that this run chose were run."""
    cells = [c for c in get_args(CellName) if c != "rnn"]
    activations = get_args(ActivationName)
    assert {(cell, "tanh") for cell in cells} | {("rnn", a) for a in activations} == set(CELLS)
    assert set(KINDS) == set(TOKENIZERS) == set(get_args(TokenizerKind))
    count = (len(cells) + len(activations)) * len(TOKENIZERS) * len(HEADS) * len(LAYERS)
    assert len(MATRIX) == len(set(MATRIX)) == count == 300
    chosen = [item for item in request.session.items if item.name.startswith("test_the_engines_agree[")]
    assert len(DONE) == len(set(DONE)) == len(chosen)
    print(f"{len(DONE)} of {count} rows run")
