"""One step of each cell in ONNX operators, and each activation of the simple one.

A step takes the input's share of the gates (B, G), bias included, and the state, and gives the new state. The gates
are in ONNX order (spec.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from rnncli.config import ActivationName, CellName
from rnncli.graph.nodes import Nodes

Recur: TypeAlias = Callable[[Nodes, str, str], str]
"""(nodes, state h (B, S), addend) -> h times the recurrent weights, plus the addend (B, G) or (G,)."""


class Layer(NamedTuple):
    """What a step needs to know of its layer."""

    activation: ActivationName
    recur: Recur
    recurrent_bias: str


Step: TypeAlias = Callable[[Nodes, Layer, str, Sequence[str]], list[str]]


def _lstm(nodes: Nodes, layer: Layer, share: str, state: Sequence[str]) -> list[str]:
    """Hochreiter & Schmidhuber (1997) with a forget gate (Gers et al. 2000), without peepholes."""
    gates = layer.recur(nodes, state[0], share)
    i, o, f, c = nodes.add_many("Split", [gates], 4, axis=1, num_outputs=4)
    i, o, f = (nodes.add("Sigmoid", gate) for gate in (i, o, f))
    kept, new = nodes.add("Mul", f, state[1]), nodes.add("Mul", i, nodes.add("Tanh", c))
    cell = nodes.add("Add", kept, new)
    return [nodes.add("Mul", o, nodes.add("Tanh", cell)), cell]


def _gru(nodes: Nodes, layer: Layer, share: str, state: Sequence[str]) -> list[str]:
    """Cho et al. (2014) as cuDNN has it: the reset gate works on the product, its bias included."""
    products = layer.recur(nodes, state[0], layer.recurrent_bias)
    xz, xr, xh = nodes.add_many("Split", [share], 3, axis=1, num_outputs=3)
    hz, hr, hh = nodes.add_many("Split", [products], 3, axis=1, num_outputs=3)
    z, r = (nodes.add("Sigmoid", nodes.add("Add", x, h)) for x, h in ((xz, hz), (xr, hr)))
    new = nodes.add("Tanh", nodes.add("Add", xh, nodes.add("Mul", r, hh)))
    # (1 - z) * new + z * old
    return [nodes.add("Add", new, nodes.add("Mul", z, nodes.add("Sub", state[0], new)))]


def _rnn(nodes: Nodes, layer: Layer, share: str, state: Sequence[str]) -> list[str]:
    """Elman (1990)."""
    return [ACTIVATIONS[layer.activation](nodes, layer.recur(nodes, state[0], share))]


STEPS: dict[CellName, Step] = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}


def _plain(operator: str) -> Callable[[Nodes, str], str]:
    return lambda nodes, x: nodes.add(operator, x)


def _relu6(nodes: Nodes, x: str) -> str:
    return nodes.add("Clip", x, nodes.constant(0, np.float32), nodes.constant(6, np.float32))


# ONNX Runtime's Elu, Softplus and Log round differently where a vector of the processor ends, and so by the company
# that a row is in; Exp and LogSoftmax do not.


def _elu(nodes: Nodes, x: str) -> str:
    """x above 0, exp(x) - 1 below."""
    zero, one = nodes.constant(0, np.float32), nodes.constant(1, np.float32)
    below = nodes.add("Sub", nodes.add("Exp", nodes.add("Min", x, zero)), one)
    return nodes.add("Add", nodes.add("Relu", x), below)


def _softplus(nodes: Nodes, x: str) -> str:
    """log(exp(x) + 1), as minus the logarithm of the softmax of (x, 0) at 0."""
    last = nodes.constant([-1])
    both = nodes.add("Pad", nodes.add("Unsqueeze", x, last), nodes.constant([0, 0, 0, 0, 0, 1]))
    at_zero = nodes.add("Gather", nodes.add("LogSoftmax", both, axis=-1), nodes.constant(1), axis=2)
    return nodes.add("Neg", at_zero)


def _crelu(nodes: Nodes, x: str) -> str:
    return nodes.add("Concat", nodes.add("Relu", x), nodes.add("Relu", nodes.add("Neg", x)), axis=1)


ACTIVATIONS: dict[ActivationName, Callable[[Nodes, str], str]] = {
    "tanh": _plain("Tanh"),
    "relu": _plain("Relu"),
    "relu6": _relu6,
    "elu": _elu,
    "softplus": _softplus,
    "softsign": _plain("Softsign"),
    "sigmoid": _plain("Sigmoid"),
    "crelu": _crelu,
}
