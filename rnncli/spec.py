"""The cells and the order of their gates: what nn, graph and inference agree on. No torch here.

Weights lie on the disk in ONNX gate order, because ONNX Runtime maps the file as it is;
``torch_order`` says where PyTorch's gates are found in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from rnncli.config import CellName


@dataclass(frozen=True)
class CellSpec:
    """One recurrent cell.

    ``gates``: names of the gate blocks, rows of W and R, in ONNX order.
    ``torch_order``: for each of PyTorch's gate blocks, its index among ``gates``.
    ``states``: the arrays of one layer's state, each of shape (B, state width).
    """

    name: CellName
    gates: tuple[str, ...]
    torch_order: tuple[int, ...]
    states: tuple[str, ...]
    onnx_operator: str


CELLS: dict[CellName, CellSpec] = {
    # ONNX LSTM: i o f c.  PyTorch: i f g o, where g is ONNX's c.
    "lstm": CellSpec("lstm", ("i", "o", "f", "c"), (0, 2, 3, 1), ("h", "c"), "LSTM"),
    # ONNX GRU (linear_before_reset=1): z r h.  PyTorch: r z n.
    "gru": CellSpec("gru", ("z", "r", "h"), (1, 0, 2), ("h",), "GRU"),
    "rnn": CellSpec("rnn", ("h",), (0,), ("h",), "RNN"),
}
assert tuple(CELLS) == get_args(CellName)


def state_width(hidden_size: int, activation: str) -> int:
    """Units in a layer's output: crelu gives both signs, so twice the hidden size (Shang et al. 2016)."""
    return 2 * hidden_size if activation == "crelu" else hidden_size
