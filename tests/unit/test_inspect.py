"""A look inside: each step by hand and against the engine, features by hand, and units that follow them."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnncli import spec
from rnncli.config import ActivationName, CellName, Precision
from rnncli.inference.engine import Ids, State
from rnncli.inference.features import SPEAKERS, Correlation, correlated, features
from rnncli.inference.inspect import ACTIVATIONS, STEPS, Inspector
from rnncli.inference.lowering import write_lowered
from rnncli.inference.opening import Opened, open_engine
from rnncli.nn.model import LanguageModel
from rnncli.nn.weights import from_arrays, named_parameters, to_arrays
from tests import nets
from tests.folders import HEADS, TEXT, network_of, save_folder, steady, tokenizer_of
from tests.nets import CELLS, config_of, network

CLOSE = 1e-4
"""How far a unit may lie from the engine's, where both compute with the same numbers."""
CLOSE_INT8 = 0.05
"""And where the engine rounds activations to bytes, a share of the largest unit. Measured: 0.016 in these networks; in
the starter, over a thousand tokens, at most 0.044 of its hidden units' range and 0.002 on average."""


def inspector(cell: CellName, activation: ActivationName, *, seed: int = 0, **sizes: int) -> Inspector:
    """Of a network with random weights."""
    config = config_of(cell, activation, **sizes)
    arrays = steady(to_arrays(config, named_parameters(network(config, seed=seed))), config)
    return Inspector(nets.stored(from_arrays(LanguageModel(config), arrays)))


def by_hand(cell: CellName, W: list[float], R: list[float], B: list[float]) -> Inspector:
    """Of one unit over one input, which is 0.5 for token 1."""
    config = config_of(cell, vocab_size=2, layers=1, hidden_size=1, embedding_size=1)
    arrays: dict[str, NDArray[Any]] = {
        "embedding": np.array([[9.0], [0.5]]),
        "layers.0.W": np.array(W)[:, None],
        "layers.0.R": np.array(R)[:, None],
        "layers.0.B": np.array(B),
        "head.bias": np.zeros(2),
    }
    return Inspector(nets.stored(from_arrays(LanguageModel(config), arrays)))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def one_row(*values: float) -> State:
    return tuple(np.array([[value]], np.float32) for value in values)


# -- one step by hand


def test_a_step_of_an_lstm_by_hand() -> None:
    # Rows are input, output, forget, candidate; biases of W, then of R.
    given_ = by_hand("lstm", [1.0, -2.0, 0.4, 0.8], [0.3, 0.6, -1.2, 2.0], [0.1, 0.2, 0.3, 0.4, 0.01, 0.02, 0.03, 0.04])
    look = given_.step(1, one_row(0.25, -0.75))
    i = sigmoid(1.0 * 0.5 + 0.3 * 0.25 + 0.1 + 0.01)
    o = sigmoid(-2.0 * 0.5 + 0.6 * 0.25 + 0.2 + 0.02)
    f = sigmoid(0.4 * 0.5 - 1.2 * 0.25 + 0.3 + 0.03)
    g = math.tanh(0.8 * 0.5 + 2.0 * 0.25 + 0.4 + 0.04)
    c = f * -0.75 + i * g
    h = o * math.tanh(c)
    [layer] = look.layers
    assert layer.gates == {
        "input": pytest.approx([i]),
        "forget": pytest.approx([f]),
        "output": pytest.approx([o]),
        "candidate": pytest.approx([g]),
    }
    assert layer.cell == pytest.approx([c])
    assert layer.hidden == pytest.approx([h])
    assert [array.tolist() for array in look.state] == [[layer.hidden.tolist()], [[pytest.approx(c)]]]


def test_a_step_of_a_gru_by_hand() -> None:
    # Rows are update, reset, candidate; the bias of the candidate's R lies inside what the reset gate scales.
    given_ = by_hand("gru", [1.0, -2.0, 0.8], [0.3, 0.6, 2.0], [0.1, 0.2, 0.3, 0.01, 0.02, 0.7])
    look = given_.step(1, one_row(0.25))
    z = sigmoid(1.0 * 0.5 + 0.3 * 0.25 + 0.1 + 0.01)
    r = sigmoid(-2.0 * 0.5 + 0.6 * 0.25 + 0.2 + 0.02)
    n = math.tanh(0.8 * 0.5 + 0.3 + r * (2.0 * 0.25 + 0.7))
    [layer] = look.layers
    assert layer.gates == {
        "update": pytest.approx([z]),
        "reset": pytest.approx([r]),
        "candidate": pytest.approx([n]),
    }
    assert layer.cell is None
    assert layer.hidden == pytest.approx([(1 - z) * n + z * 0.25])


def test_a_step_of_the_simple_cell_by_hand() -> None:
    look = by_hand("rnn", [1.5], [-0.4], [0.1, 0.02]).step(1, one_row(0.25))
    [layer] = look.layers
    assert layer.gates == {}
    assert layer.cell is None
    assert layer.hidden == pytest.approx([math.tanh(1.5 * 0.5 - 0.4 * 0.25 + 0.12)])


def test_there_is_a_step_for_each_cell_and_a_function_for_each_activation() -> None:
    assert STEPS.keys() == spec.CELLS.keys()
    assert set(ACTIVATIONS) == set(get_args(ActivationName))


# -- against the engine


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda number: None)


def opened(folder: Path, cell: CellName, activation: ActivationName, head: str, layers: int) -> Opened:
    """A folder with random weights over characters, in ONNX Runtime."""
    model, tokenizer = network_of(cell, activation, "char", head, layers), tokenizer_of("char")
    arrays = steady(to_arrays(model, named_parameters(network(model, seed=layers))), model)
    return open_engine(save_folder(folder, arrays, model, tokenizer), device="cpu", engine="onnx", threads=1)


def advanced(given: Opened, ids: Ids, state: State) -> State:
    _, after = given.engine.advance(ids[None], np.array([len(ids)]), state, want="last")
    return after


def furthest(one: State, other: State) -> float:
    """The largest difference between two states, as a share of the largest unit where that is above 1."""
    assert [(array.shape, array.dtype) for array in one] == [(array.shape, array.dtype) for array in other]
    size = max(1.0, *(float(np.abs(array).max()) for array in other))
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True)) / size


@pytest.mark.parametrize(("cell", "activation"), CELLS)
def test_states_are_the_engines_whatever_the_network(
    cell: CellName, activation: ActivationName, tmp_path: Path
) -> None:
    ids = tokenizer_of("char").encode(TEXT[:60]).astype(np.int64)
    for head, layers in itertools.product(HEADS, (1, 2)):
        given_ = opened(tmp_path / f"{head}-{layers}", cell, activation, head, layers)
        inside = Inspector(given_.stored)
        expected = advanced(given_, ids, given_.engine.start(1))
        assert furthest(inside.start(), given_.engine.start(1)) == 0
        assert furthest(inside.read(ids).state, expected) < CLOSE
        # A state goes to and fro.
        assert furthest(advanced(given_, ids[20:], inside.read(ids[:20]).state), expected) < CLOSE
        half = advanced(given_, ids[:-1], given_.engine.start(1))
        assert furthest(inside.step(int(ids[-1]), half).state, expected) < CLOSE


@pytest.mark.parametrize(("precision", "bound"), [("float16", CLOSE), ("int8", CLOSE_INT8)])
@pytest.mark.parametrize(("cell", "activation"), CELLS)
def test_states_of_weights_in_fewer_bits(
    cell: CellName, activation: ActivationName, precision: Precision, bound: float, tmp_path: Path
) -> None:
    whole = opened(tmp_path / "whole", cell, activation, "tied", 2)
    write_lowered(tmp_path / "small", [whole[:2]], precision)
    given_ = open_engine(tmp_path / "small", device="cpu", engine="onnx", threads=1)
    assert given_.stored.precision == precision
    ids = tokenizer_of("char").encode(TEXT[:200]).astype(np.int64)
    state = Inspector(given_.stored).read(ids).state
    assert furthest(state, advanced(given_, ids, given_.engine.start(1))) < bound
    assert furthest(state, Inspector(whole.stored).read(ids).state) > 0  # they are other weights


# -- a whole text


@settings(max_examples=60, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    layers=st.integers(1, 3),
    hidden=st.integers(1, 6),
    ids=st.lists(st.integers(0, 6), max_size=14),
    cut=st.integers(0, 14),
    seed=st.integers(0, 99),
)
def test_a_text_read_at_once_in_two_or_token_by_token(
    cell: tuple[CellName, ActivationName], layers: int, hidden: int, ids: list[int], cut: int, seed: int
) -> None:
    inside = inspector(*cell, seed=seed, layers=layers, hidden_size=hidden)
    read = inside.read(ids)
    width = spec.state_width(hidden, cell[1])
    assert read.hidden.shape == (len(ids), layers, width)
    assert read.hidden.dtype == np.float32
    state = inside.start()
    for t, token in enumerate(ids):
        look = inside.step(token, state)
        state = look.state
        for n, layer in enumerate(look.layers):
            np.testing.assert_allclose(read.hidden[t, n], layer.hidden, rtol=1e-4, atol=1e-5)
            assert (layer.cell is None) == (read.cells is None) == (cell[0] != "lstm")
            if layer.cell is not None and read.cells is not None:
                np.testing.assert_allclose(read.cells[t, n], layer.cell, rtol=1e-4, atol=1e-5)
            for name, gate in layer.gates.items():
                assert gate.shape == (hidden,)
                assert np.all((gate >= (-1 if name == "candidate" else 0)) & (gate <= 1))
    assert furthest(read.state, state) < CLOSE
    first = inside.read(ids[:cut])
    second = inside.read(ids[cut:], first.state)
    np.testing.assert_allclose(np.concatenate([first.hidden, second.hidden]), read.hidden, rtol=1e-4, atol=1e-5)


def test_a_state_that_was_given_stays_as_it_was() -> None:
    inside = inspector("lstm", "tanh")
    state = inside.step(1, inside.start()).state
    before = [array.copy() for array in state]
    inside.step(2, state)
    inside.read([3, 4], state)
    assert all(np.array_equal(array, old) for array, old in zip(state, before, strict=True))
    with pytest.raises(ValueError, match="too many values"):
        inside.step(1, tuple(np.repeat(array, 2, axis=0) for array in state))


def test_a_network_that_explodes_gives_no_warning_and_no_correlation_that_is_no_number() -> None:
    config = config_of("rnn", "relu", layers=1)
    model = network(config)
    arrays = to_arrays(config, named_parameters(model))
    arrays["layers.0.R"] = np.abs(arrays["layers.0.R"]) * 50
    inside = Inspector(nets.stored(from_arrays(model, arrays)))
    hidden = inside.read([1, 2, 3] * 40).hidden
    assert not np.isfinite(hidden).all()
    assert correlated(hidden, {"count": np.arange(120.0)}) == []


def test_it_needs_neither_pytorch_nor_onnx_runtime() -> None:
    code = "import sys, rnncli.inference.inspect, rnncli.inference.features\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy"} == {"numpy", "torch", "onnxruntime", "onnx"} & set(done.stdout.split())


# -- features


def characters(text: str) -> list[tuple[int, int]]:
    """The spans of tokens of one character."""
    return [(i, i + 1) for i in range(len(text))]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("inside quotes", 'a "b c" d', "001111000"),
        ("inside quotes", "“a” „b“ «c» it's", "1100110011000000"),
        ("inside quotes", '“a"b”「c」', "11110110"),
        ("inside quotes", 'a "b\n\nc "d"', "00111000110"),
        ("bracket depth", "f(a[0]){", "01122101"),
        ("bracket depth", ")(]x)", "01110"),
        ("bracket depth", "{(}x", "1200"),
        ("line length", "ab\nc\n\nd", "1201001"),
        ("after a newline", "ab\nc\n\nd", "0010110"),
        ("indentation", "  a b\n\tc", "12222011"),
        ("word length", "it's 春x_1 é", "12010123401"),
        ("sentence length", 'A. Bc?" d。e', "12012340101"),
        ("sentence length", "3.1 x\n\ny", "12345601"),
        ("after a vowel", "aBÉy ", "10100"),
        ("capital", "aBÉ 春", "01100"),
        ("digit", "a1x２", "0101"),
        ("speaker's name", "ANN: hi\nBob: yo\n", "1110000011100000"),
        ("speaker's name", "阿棠：好\nelse: x\n12: y", "1100" + "0" * 14),
        ("speaker's name", "A line that is long before it has its colon: b", "0" * 46),
        ("speaker's name", "Name: x\nA name: x\n A: x", "1111" + "0" * 4 + "111111" + "0" * 9),
    ],
)
def test_a_feature_after_each_character(name: str, text: str, expected: str) -> None:
    found = features(text, characters(text))[name]
    assert found.tolist() == [float(digit) for digit in expected]


def test_who_speaks() -> None:
    text = "ANN: hi\nBob: yo\nANN: x\n"
    found = features(text, characters(text))
    assert "".join(str(int(x)) for x in found["ANN speaks"]) == "00001111" + "00000000" + "0000111"
    assert "Bob speaks" not in found  # once is no role
    crowd = "".join(f"P{i}:\nyes\n" for i in (1, 2, 3, 4, 5) * 2 + (4, 5))
    speaking = [name for name in features(crowd, characters(crowd)) if name.endswith(" speaks")]
    assert speaking == ["P4 speaks", "P5 speaks", "P1 speaks"]
    assert len(speaking) == SPEAKERS


def test_features_of_tokens_longer_and_shorter_than_a_character() -> None:
    found = features("Anna saw 12", [(0, 4), (4, 8), (8, 11)])
    assert found["capital"].tolist() == [1, 0, 0]
    assert found["digit"].tolist() == [0, 0, 1]
    assert found["word length"].tolist() == [4, 3, 2]
    assert found["line length"].tolist() == [4, 8, 11]
    assert found["after a vowel"].tolist() == [1, 0, 0]
    of_bytes = features("a春\udce4", [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)])
    assert of_bytes["line length"].tolist() == [1, 2, 2, 2, 3]
    nothing = features("", np.zeros((0, 2), np.int64))
    assert {values.shape for values in nothing.values()} == {(0,)}
    assert all(values.tolist() == [0] for values in features("", [(0, 0)]).values())
    with pytest.raises(IndexError):
        features("a", [(0, 2)])


PIECES = st.sampled_from([*"ab1 .\n\"'“”(){}[]:AÉ春。\t", "Ann: ", "\n\n", "Bob:\n", "\udce4"])


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(PIECES, max_size=30))
def test_a_feature_knows_nothing_of_what_follows(pieces: list[str]) -> None:
    """Those of speakers apart. And tokens of any length find what tokens of one character do where they end."""
    text = "".join(pieces)
    whole = features(text, characters(text))
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    at_pieces = features(text, np.stack([ends - [len(piece) for piece in pieces], ends], axis=1))
    for name, values in whole.items():
        assert values.shape == (len(text),)
        assert values.dtype == np.float64
        assert values.min(initial=0) >= 0
        if name not in ("capital", "digit"):
            assert np.array_equal(at_pieces[name], values[ends - 1])
    for end in range(len(text)):
        part = features(text[:end], characters(text[:end]))
        for name, values in part.items():
            if "speak" not in name:
                assert np.array_equal(values, whole[name][:end]), name


# -- units that follow them


def test_planted_units_are_found_first() -> None:
    rng = np.random.default_rng(1)
    text = 'She said "no". Then he said "yes, of course (if you must)".\n' * 6
    wanted = features(text, characters(text))
    hidden = rng.normal(size=(len(text), 2, 8)).astype(np.float32)
    hidden[:, 1, 5] = wanted["inside quotes"] + 0.1 * hidden[:, 1, 5]
    hidden[:, 0, 2] = 3 - 0.2 * wanted["line length"] + 1.5 * hidden[:, 0, 2]
    found = correlated(hidden, wanted, most=2)
    assert [(each.feature, each.layer, each.unit) for each in found[:2]] == [
        ("inside quotes", 1, 5),
        ("line length", 0, 2),
    ]
    assert found[0].r > 0.9
    assert found[1].r < -0.8
    moving = [name for name, values in wanted.items() if np.ptp(values) > 0]
    assert sorted(each.feature for each in found) == sorted(moving * 2)
    sizes = [abs(each.r) for each in found]
    assert sizes == sorted(sizes, reverse=True)
    assert found == correlated(hidden.copy(), dict(wanted), most=2)


def test_what_does_not_move_is_left_out() -> None:
    rng = np.random.default_rng(2)
    hidden = rng.normal(size=(50, 1, 7)).astype(np.float32)
    hidden[:, 0, 0] = 0
    hidden[:, 0, 1] = 0.1
    hidden[:, 0, 2] = 1 - np.float32(1e-7) * (np.arange(50) % 2)  # saturated, but for rounding
    hidden[7, 0, 3] = np.nan
    hidden[7, 0, 4] = np.inf
    wanted = {"constant": np.full(50, 0.3), "every other": np.arange(50.0) % 2, "tiny": np.arange(50) * 1e-200}
    found = correlated(hidden, wanted, most=9)
    assert {(each.feature, each.unit) for each in found} == set(itertools.product(["every other", "tiny"], [5, 6]))
    for each in found:
        by_numpy = np.arange(50.0) if each.feature == "tiny" else wanted[each.feature]
        expected = np.corrcoef(hidden[:, 0, each.unit], by_numpy)
        assert each.r == pytest.approx(expected[0, 1], abs=1e-9)
    assert correlated(hidden[:1], {"x": np.zeros(1)}) == []
    assert correlated(hidden, {}) == []
    assert correlated(hidden[:0], {"x": np.zeros(0)}) == []


def test_equals_stand_in_the_order_of_features_layers_and_units() -> None:
    wave = np.arange(4) % 2  # of which every product is exact
    hidden = np.stack([wave, -wave, wave, wave], axis=1).reshape(4, 2, 2).astype(np.float32)
    found = correlated(hidden, {"b": wave, "a": 1 - wave}, most=3)
    assert [(each.feature, each.layer, each.unit, round(each.r, 9)) for each in found] == [
        ("b", 0, 0, 1.0),
        ("b", 0, 1, -1.0),
        ("b", 1, 0, 1.0),
        ("a", 0, 0, -1.0),
        ("a", 0, 1, 1.0),
        ("a", 1, 0, -1.0),
    ]
    assert isinstance(found[0], Correlation)
    many = np.tile(np.stack([wave, [0, 0, 1, 1]], axis=1), 150).reshape(4, 3, 100)
    expected = [divmod(unit, 100) for unit in (*range(0, 300, 2), *range(1, 300, 2))]
    assert [(each.layer, each.unit) for each in correlated(many, {"b": wave}, most=300)] == expected
    assert -1 <= min(each.r for each in found) <= max(each.r for each in found) <= 1
