"""A look inside a network: the gates and hidden units of each layer after each token, in numpy.

The engines give log-probabilities and states; what happens between them is here. Which units follow what a reader
sees in the text is in features.py.

Shapes: T time, L layers, E a layer's input width, H hidden, S state width (H, or 2H for crelu), G rows of all gates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncli.config import ActivationName, CellName
from rnncli.inference.engine import Ids, State
from rnncli.precision import Arrays
from rnncli.spec import CELLS
from rnncli.store import Stored

Values: TypeAlias = NDArray[np.float32]
Gates: TypeAlias = dict[str, Values]
"""By the names that textbooks use, (H,) each: gates proper in [0, 1], candidates in [-1, 1]."""
_LayerState: TypeAlias = tuple[Values, ...]
"""h (S,), and of an LSTM c (H,)."""
_Moved: TypeAlias = tuple[Gates, _LayerState]


class LayerLook(NamedTuple):
    """One layer after a token.

    ``gates``: input, forget, output and candidate of an LSTM; update, reset and candidate of a GRU; none of an SRNN.
    An update gate of 1 keeps the old state. ``hidden``: (S,), what the next layer and the next token see. ``cell``:
    (H,), an LSTM's memory.
    """

    gates: Gates
    hidden: Values
    cell: Values | None = None


class Look(NamedTuple):
    """All layers after a token, the lowest first, and the state to go on from."""

    layers: tuple[LayerLook, ...]
    state: State


class Activations(NamedTuple):
    """All units after each token of a text: ``hidden`` (T, L, S); of an LSTM ``cells`` (T, L, H). And the state."""

    hidden: Values
    cells: Values | None
    state: State


class _Layer(NamedTuple):
    """``b_G`` is added to the input's share of the gates, ``d_G`` to that of the layer's own state."""

    W_GE: Values
    R_GS: Values
    b_G: Values
    d_G: Values


class Inspector:
    """A stored network that shows what it does. Safe to share between threads: it keeps nothing between calls.

    Its arithmetic is float32 on the stored weights, whatever their precision. States are those of the engines, in the
    same order, and can be handed to and fro: they agree to 1e-4. Not so for int8, where the engine rounds what it
    multiplies to bytes: over a thousand tokens of the starter, hidden units then differ by 0.002 on average and by
    0.044 at most. A part that reads backward takes ids that are turned (direction.py).
    """

    def __init__(self, stored: Stored) -> None:
        """Reads the weights. A ModelError where their file is broken, or was replaced since it was opened."""
        self._move = STEPS[stored.model.cell]
        self._activate = ACTIVATIONS[stored.model.activation]
        self._states = len(CELLS[stored.model.cell].states)
        self._embedding: Values = stored.arrays["embedding"]
        self._layers = [_layer(stored.arrays, f"layers.{layer}") for layer in range(stored.model.layers)]

    def start(self) -> State:
        """The state before any text: zeros, (1, S) and for an LSTM (1, H) of each layer."""
        # Only an SRNN's S may be other than H, and it has no c.
        widths = [layer.R_GS.shape[1] for layer in self._layers for _ in range(self._states)]
        return tuple(np.zeros((1, width), np.float32) for width in widths)

    def step(self, token_id: int, state: State) -> Look:
        """What one token does to a state of one row. ``token_id``: from 0, below the vocabulary's size."""
        looks, after = [], []
        x_1E = self._embedding[[token_id]]
        for layer, before in zip(self._layers, self._by_layer(state), strict=True):
            [(gates, current)] = self._run(layer, x_1E, before)
            looks.append(LayerLook(gates, *current))
            after += [array[None] for array in current]
            x_1E = current[0][None]
        return Look(tuple(looks), tuple(after))

    def read(self, ids: Sequence[int] | Ids, state: State | None = None) -> Activations:
        """All units while a text is read, from a state of one row or else from the start.

        Layer by layer: the input's share of all gates in one product, then token by token what depends on the last.
        Needs room for one layer's gates, (T, G) in float32, beside the result; a text that is too long for that is
        read in pieces, from state to state.
        """
        hidden, cells, after = [], [], []
        x_TE = self._embedding[np.asarray(ids, np.int64)]
        for layer, current in zip(self._layers, self._by_layer(state or self.start()), strict=True):
            each = [np.empty((len(x_TE), array.size), np.float32) for array in current]
            for t, (_, moved) in enumerate(self._run(layer, x_TE, current)):
                for steps, array in zip(each, moved, strict=True):
                    steps[t] = array
                current = moved
            hidden.append(each[0])
            cells += each[1:]
            after += [array[None] for array in current]
            x_TE = each[0]
        return Activations(np.stack(hidden, axis=1), np.stack(cells, axis=1) if cells else None, tuple(after))

    def _run(self, layer: _Layer, x_TE: Values, state: _LayerState) -> Iterator[_Moved]:
        """The layer's gates and state after each input."""
        # States of an unbounded activation may grow without end: what comes of that is infinite, not a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            share_TG = x_TE @ layer.W_GE.T
            share_TG += layer.b_G
        for share_G in share_TG:
            with np.errstate(over="ignore", invalid="ignore"):
                product_G = layer.R_GS @ state[0] + layer.d_G
                gates, state = self._move(share_G, product_G, state, self._activate)
            yield gates, state

    def _by_layer(self, state: State) -> list[_LayerState]:
        """Each layer's arrays, (S,) and (H,), of a state of one row."""
        rows = []
        for array in state:
            [row] = array
            rows.append(row)
        return [tuple(rows[i : i + self._states]) for i in range(0, len(rows), self._states)]


def _layer(arrays: Arrays, name: str) -> _Layer:
    b_G, d_G = arrays[f"{name}.B"].reshape(2, -1)
    return _Layer(arrays[f"{name}.W"], arrays[f"{name}.R"], b_G, d_G)


# -- the cells: the same equations as graph/cells.py, gates in ONNX order (spec.py)

Activate: TypeAlias = Callable[[Any], Any]
"""Sums (H,) -> state (S,)."""

Step: TypeAlias = Callable[[Values, Values, _LayerState, Activate], _Moved]
"""(the input's share of the gates (G,), the state's share (G,), state, activation) -> gates and new state."""


def _sigmoid(x: Values) -> Values:
    """1 / (1 + exp(-x)), which cannot overflow when it is written like this."""
    half: Values = 0.5 * np.tanh(0.5 * x) + 0.5
    return half


def _lstm(share_G: Values, product_G: Values, state: _LayerState, activate: Activate) -> _Moved:
    """Hochreiter & Schmidhuber (1997) with a forget gate (Gers et al. 2000), without peepholes."""
    sums = (share_G + product_G).reshape(4, -1)
    i, o, f = _sigmoid(sums[:3])
    candidate = np.tanh(sums[3])
    cell = f * state[1] + i * candidate
    return {"input": i, "forget": f, "output": o, "candidate": candidate}, (o * np.tanh(cell), cell)


def _gru(share_G: Values, product_G: Values, state: _LayerState, activate: Activate) -> _Moved:
    """Cho et al. (2014) as cuDNN has it: the reset gate works on the product, its bias included."""
    shares, products = share_G.reshape(3, -1), product_G.reshape(3, -1)
    z, r = _sigmoid(shares[:2] + products[:2])
    candidate = np.tanh(shares[2] + r * products[2])
    return {"update": z, "reset": r, "candidate": candidate}, (candidate + z * (state[0] - candidate),)


def _rnn(share_G: Values, product_G: Values, state: _LayerState, activate: Activate) -> _Moved:
    """Elman (1990)."""
    return {}, (activate(share_G + product_G),)


STEPS: dict[CellName, Step] = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}

ACTIVATIONS: dict[ActivationName, Activate] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sigmoid": _sigmoid,
    "crelu": lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)]),
}
