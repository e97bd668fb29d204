"""Each cell against the textbook: loops over lists of floats, gates by name, and no torch in what is expected.

The weights go in as the model folder stores them, so the order of the gates there is tested along the way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnncli.config import ActivationName, CellName
from rnncli.nn.model import LanguageModel
from rnncli.nn.weights import from_arrays, named_parameters, to_arrays
from tests.nets import CELLS, config_of, network

Vector = list[float]
Matrix = list[Vector]

STORED_ORDER = {"lstm": "iofc", "gru": "zrh", "rnn": "h"}
"""The gates as ONNX's LSTM, GRU and RNN operators have them."""

NUMBERS = (
    0.5,
    -0.4,
    0.9,
    0.15,
    -0.75,
    0.3,
    -0.2,
    0.65,
    -0.95,
    0.1,
    0.8,
    -0.6,
    0.25,
    0.7,
    -0.35,
    -0.1,
    0.45,
    -0.85,
    1.2,
)
"""Taken one after the other, round and round: 19 of them, so that no two rows or gates are alike."""

ROOMY = 4.0
"""Inputs are as large as this, so that relu6 reaches its ceiling and the others their bends."""


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


SIMPLE: dict[str, Callable[[float], float]] = {
    "tanh": math.tanh,
    "relu": lambda x: max(0.0, x),
    "relu6": lambda x: min(6.0, max(0.0, x)),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "sigmoid": sigmoid,
}


def activated(name: str, values: Vector) -> Vector:
    if name == "crelu":
        return [max(0.0, v) for v in values] + [max(0.0, -v) for v in values]
    return [SIMPLE[name](v) for v in values]


def times(matrix: Matrix, vector: Vector) -> Vector:
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def plus(*vectors: Vector) -> Vector:
    return [sum(values) for values in zip(*vectors, strict=True)]


class Layer:
    """One layer's weights, by gate: W and R are matrices, b of the input and d of the recurrence are vectors."""

    def __init__(self, gates: str, width: int, hidden: int, state: int, numbers: itertools.cycle[float]) -> None:
        def matrix(columns: int) -> Matrix:
            return [[next(numbers) for _ in range(columns)] for _ in range(hidden)]

        self.W = {gate: matrix(width) for gate in gates}
        self.R = {gate: matrix(state) for gate in gates}
        self.b = {gate: [next(numbers) / 2 for _ in range(hidden)] for gate in gates}
        self.d = {gate: [next(numbers) / 2 for _ in range(hidden)] for gate in gates}

    def gate(self, name: str, x: Vector, h: Vector) -> Vector:
        return plus(times(self.W[name], x), times(self.R[name], h), self.b[name], self.d[name])

    def stored(self, order: str) -> dict[str, NDArray[np.float64]]:
        return {
            "W": np.array([row for gate in order for row in self.W[gate]]),
            "R": np.array([row for gate in order for row in self.R[gate]]),
            "B": np.array([x for side in (self.b, self.d) for gate in order for x in side[gate]]),
        }


def lstm(layer: Layer, x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    i = [sigmoid(v) for v in layer.gate("i", x, h)]
    f = [sigmoid(v) for v in layer.gate("f", x, h)]
    o = [sigmoid(v) for v in layer.gate("o", x, h)]
    g = [math.tanh(v) for v in layer.gate("c", x, h)]
    c = [f[k] * c[k] + i[k] * g[k] for k in range(len(c))]
    return [o[k] * math.tanh(c[k]) for k in range(len(c))], c


def gru(layer: Layer, x: Vector, h: Vector) -> Vector:
    """Cho et al. 2014, in the form of cuDNN: the reset gate is applied after the product with the state."""
    z = [sigmoid(v) for v in layer.gate("z", x, h)]
    r = [sigmoid(v) for v in layer.gate("r", x, h)]
    from_x = plus(times(layer.W["h"], x), layer.b["h"])
    from_h = plus(times(layer.R["h"], h), layer.d["h"])
    n = [math.tanh(from_x[k] + r[k] * from_h[k]) for k in range(len(h))]
    return [(1 - z[k]) * n[k] + z[k] * h[k] for k in range(len(h))]


def expected(cell: str, activation: str, layers: list[Layer], xs: list[Vector]) -> tuple[list[Vector], list[Vector]]:
    """Outputs of the last layer after each input, and the arrays of the state after the last, h before c."""
    hidden = len(layers[0].b["h" if cell != "lstm" else "i"])
    width = 2 * hidden if activation == "crelu" else hidden
    hs, cs = [[0.0] * width for _ in layers], [[0.0] * hidden for _ in layers]
    outputs = []
    for x in xs:
        for n, layer in enumerate(layers):
            if cell == "lstm":
                hs[n], cs[n] = lstm(layer, x, hs[n], cs[n])
            elif cell == "gru":
                hs[n] = gru(layer, x, hs[n])
            else:
                hs[n] = activated(activation, layer.gate("h", x, hs[n]))
            x = hs[n]
        outputs.append(x)
    state = [a for n in range(len(layers)) for a in ((hs[n], cs[n]) if cell == "lstm" else (hs[n],))]
    return outputs, state


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize("hidden", [1, 3])
def test_a_cell_is_what_its_equations_say(cell: CellName, activation: ActivationName, hidden: int) -> None:
    order, width = STORED_ORDER[cell], 2 * hidden if activation == "crelu" else hidden
    numbers = itertools.cycle(NUMBERS)
    layers = [Layer(order, width_in, hidden, width, numbers) for width_in in (2, width)]
    table = [[ROOMY * next(numbers) for _ in range(2)] for _ in range(4)]
    arrays: dict[str, Any] = {
        "embedding": np.array(table),
        "head.bias": np.zeros(4),
        "head.weight": np.zeros((4, width)),
    }
    for n, layer in enumerate(layers):
        arrays |= {f"layers.{n}.{name}": array for name, array in layer.stored(order).items()}
    config = config_of(cell, activation, vocab_size=4, hidden_size=hidden, embedding_size=2, tie=False)
    model = from_arrays(LanguageModel(config).double(), arrays)

    ids = [2, 0, 3, 3, 1, 2]
    features_BTS, after = model(torch.tensor([ids]), model.start(1))
    outputs, state = expected(cell, activation, layers, [table[i] for i in ids])
    np.testing.assert_allclose(features_BTS[0].detach(), outputs, atol=1e-12)
    found = [array[0].detach() for layer_state in after for array in layer_state]
    for one, other in zip(found, state, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_inputs_above_reach_the_ceiling_of_relu6() -> None:
    numbers = itertools.cycle(NUMBERS)
    layers = [Layer("h", 2, 3, 3, numbers), Layer("h", 3, 3, 3, numbers)]
    table = [[ROOMY * next(numbers) for _ in range(2)] for _ in range(4)]
    xs = [table[i] for i in (2, 0, 3, 3, 1, 2)]
    values = [v for output in expected("rnn", "relu6", layers, xs)[0] for v in output]
    assert 6.0 in values
    assert 0.0 in values
    assert any(0 < v < 6 for v in values)


def test_gates_lie_in_onnx_order_on_the_disk() -> None:
    """PyTorch has i f g o and r z n; ONNX has i o f c and z r h."""
    for cell, rows, stored in (("lstm", "ifco", "iofc"), ("gru", "rzh", "zrh"), ("rnn", "h", "h")):
        kind: Any = cell
        config = config_of(kind, vocab_size=3, layers=1, hidden_size=1, embedding_size=1)
        model = LanguageModel(config)
        value = {gate: 1.0 + n for n, gate in enumerate(stored)}
        with torch.no_grad():
            layer: Any = model.layers[0]
            layer.W.copy_(torch.tensor([[value[gate]] for gate in rows]))
            layer.R.copy_(torch.tensor([[10 * value[gate]] for gate in rows]))
            layer.B.copy_(torch.tensor([[100 * value[gate] for gate in rows], [1000 * value[gate] for gate in rows]]))
        arrays = to_arrays(config, named_parameters(model))
        count = [float(n) for n in range(1, len(rows) + 1)]
        assert arrays["layers.0.W"].tolist() == [[n] for n in count]
        assert arrays["layers.0.R"].tolist() == [[10 * n] for n in count]
        assert arrays["layers.0.B"].tolist() == [100 * n for n in count] + [1000 * n for n in count]


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize("tie", [True, False])
def test_weights_come_back_from_the_disk_as_they_were(cell: CellName, activation: ActivationName, tie: bool) -> None:
    config = config_of(cell, activation, tie=tie)
    model = network(config, dtype=torch.float32)
    arrays = to_arrays(config, named_parameters(model))
    again = from_arrays(LanguageModel(config), arrays)
    for name, parameter in named_parameters(again).items():
        assert torch.equal(parameter, named_parameters(model)[name]), name
    copies = to_arrays(config, named_parameters(again))
    assert copies.keys() == arrays.keys()
    assert all(np.array_equal(copies[name], arrays[name]) for name in arrays)


def test_stored_arrays_are_copies() -> None:
    model = network(config_of("lstm"), dtype=torch.float32)
    arrays = to_arrays(model.config, named_parameters(model))
    before = {name: array.copy() for name, array in arrays.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all(np.array_equal(arrays[name], before[name]) for name in arrays)
