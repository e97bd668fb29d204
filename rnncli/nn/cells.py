"""One recurrent layer of any kind, over PyTorch's fused kernels where they exist.

Shapes: B batch, T time, E input width, H hidden, S state width (H, or 2H for crelu), G gates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncli.config import ActivationName, CellName
from rnncli.nn.elman import ACTIVATIONS, elman
from rnncli.nn.lstm import lstm
from rnncli.spec import CELLS, state_width

LayerState: TypeAlias = tuple[Tensor, ...]
"""h (B, S), and for an LSTM c (B, H). A value: never changed in place."""

Kernel: TypeAlias = Callable[..., tuple[Tensor, ...]]

FUSED: dict[tuple[CellName, ActivationName], Kernel] = {
    ("lstm", "tanh"): torch.lstm,
    ("gru", "tanh"): torch.gru,
    ("rnn", "tanh"): torch.rnn_tanh,
    ("rnn", "relu"): torch.rnn_relu,
}


ONEDNN_WIDEST = 1023
"""Units up to which oneDNN's bfloat16 LSTM has the right gradients (see lstm.py)."""


class RecurrentLayer(nn.Module):
    """An SRNN, GRU or LSTM layer. Weights are in PyTorch's gate order: W (G*H, E), R (G*H, S), B (2, G*H)."""

    def __init__(
        self,
        cell: CellName,
        input_size: int,
        hidden_size: int,
        activation: ActivationName,
        forget_bias: float,
    ) -> None:
        super().__init__()
        self.cell, self.activation, self.hidden_size = cell, activation, hidden_size
        self.state_size = state_width(hidden_size, activation)
        rows = len(CELLS[cell].gates) * hidden_size
        self.W = nn.Parameter(torch.empty(rows, input_size))
        self.R = nn.Parameter(torch.empty(rows, self.state_size))
        self.B = nn.Parameter(torch.zeros(2, rows))
        self.forget_bias = forget_bias

    def reset(self, generator: torch.Generator) -> None:
        """Start weights: input by fan-in, recurrent blocks orthogonal, or the identity for the ReLU family."""
        with torch.no_grad():
            bound = math.sqrt(1 / self.hidden_size)
            self.W.uniform_(-bound, bound, generator=generator)
            self.B.zero_()
            for block in self.R.view(-1, self.hidden_size, self.state_size):
                if ACTIVATIONS[self.activation].rectifying:
                    block.copy_(_identity(self.hidden_size, self.state_size))
                else:
                    nn.init.orthogonal_(block, generator=generator)
            if self.cell == "lstm":  # PyTorch's gates are i f g o
                self.B[0, self.hidden_size : 2 * self.hidden_size] = self.forget_bias

    def start(self, rows: int) -> LayerState:
        """The state before any token: zeros."""
        h = self.W.new_zeros(rows, self.state_size)
        return (h, h.new_zeros(rows, self.hidden_size)) if self.cell == "lstm" else (h,)

    def forward(
        self, x_BTE: Tensor, state: LayerState, *, lengths_B: Tensor | None = None, R: Tensor | None = None
    ) -> tuple[Tensor, LayerState]:
        """Outputs (B, T, S) and the state at each row's last real step.

        ``lengths_B`` on the CPU, 0 to T; without it all rows are full. Outputs past a row's length are unspecified,
        and must not be read. ``R`` stands in for the recurrent weights (recurrent dropout).
        """
        recurrent = self.R if R is None else R
        if self.cell == "lstm" and lengths_B is not None:
            return self._packed(x_BTE, state, lengths_B, recurrent)
        y_BTS, state_after = self._run(x_BTE, state, recurrent)
        if lengths_B is None:
            return y_BTS, state_after
        # The state is the output at the last real step, or what it was for a row without any.
        last = (lengths_B.clamp(min=1) - 1).to(y_BTS.device)
        at_end = y_BTS[torch.arange(len(last), device=last.device), last]
        real = (lengths_B > 0).to(y_BTS.device).unsqueeze(1)
        return y_BTS, (torch.where(real, at_end, state[0].to(at_end.dtype)),)

    def _run(self, x_BTE: Tensor, state: LayerState, R: Tensor) -> tuple[Tensor, LayerState]:
        kernel = FUSED.get((self.cell, self.activation))
        if kernel is None:
            y = elman(F.linear(x_BTE, self.W, self.B.sum(0)), state[0], R, self.activation)
            return y, (y[:, -1],)
        if self.cell == "lstm" and self._is_beyond_onednn(x_BTE):
            return self._by_hand(x_BTE, state, R)
        hx = tuple(array.unsqueeze(0) for array in state)
        given = hx if self.cell == "lstm" else hx[0]
        if x_BTE.device.type == "cuda":
            return self._cudnn(kernel, x_BTE, hx, R)
        weights: tuple[Tensor, ...] = (self.W, R, self.B[0], self.B[1])
        if torch.is_autocast_enabled(x_BTE.device.type) and not (self.cell == "lstm" and _has_fused_lstm(x_BTE.device)):
            # These kernels are a loop of products, and autocast would cast R anew at each step: once is enough.
            dtype = torch.get_autocast_dtype(x_BTE.device.type)
            x_BTE, hx = x_BTE.to(dtype), tuple(array.to(dtype) for array in hx)
            given = hx if self.cell == "lstm" else hx[0]
            weights = (self.W.to(dtype), R.to(dtype), self.B[0].to(dtype), self.B[1].to(dtype))
        y, *after = kernel(x_BTE, given, weights, True, 1, 0.0, self.training, False, True)
        return y, tuple(array.squeeze(0) for array in after)

    def _cudnn(self, kernel: Kernel, x_BTE: Tensor, hx: LayerState, R: Tensor) -> tuple[Tensor, LayerState]:
        """On a GPU. Autocast would run it in float16 whatever it was told, and take the weights apart and together."""
        dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else x_BTE.dtype
        weights, hx = self._in_one_piece(R, dtype), tuple(array.to(dtype) for array in hx)
        given = hx if self.cell == "lstm" else hx[0]
        with torch.autocast("cuda", enabled=False), exact_float32():
            y, *after = kernel(x_BTE.to(dtype), given, weights, True, 1, 0.0, self.training, False, True)
        return y, tuple(array.squeeze(0) for array in after)

    def _in_one_piece(self, R: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The weights as cuDNN wants them: one after another in one block of memory; else it copies them, and warns."""
        parts = (self.W, R, self.B)
        whole = torch.cat([part.flatten() for part in parts]).to(dtype)
        W, R_whole, B = torch.split(whole, [part.numel() for part in parts])
        return (W.view_as(self.W), R_whole.view_as(R), *B.view_as(self.B).unbind())

    def _is_beyond_onednn(self, x_BTE: Tensor) -> bool:
        learning = torch.is_grad_enabled() and x_BTE.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        return learning and self.hidden_size > ONEDNN_WIDEST

    def _by_hand(self, x_BTE: Tensor, state: LayerState, R: Tensor) -> tuple[Tensor, LayerState]:
        h, c = state
        y, *after = lstm(F.linear(x_BTE, self.W, self.B.sum(0)), h, c, R)
        return y, tuple(after)

    def _packed(self, x_BTE: Tensor, state: LayerState, lengths_B: Tensor, R: Tensor) -> tuple[Tensor, LayerState]:
        """LSTM over ragged rows: c is not among the outputs, so the kernel itself must stop at each row's end."""
        packed = pack_padded_sequence(x_BTE, lengths_B.clamp(min=1), batch_first=True, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None
        assert back is not None
        hx = tuple(array.index_select(0, order).unsqueeze(0) for array in state)
        on_gpu = x_BTE.device.type == "cuda"
        weights = self._in_one_piece(R, x_BTE.dtype) if on_gpu else (self.W, R, self.B[0], self.B[1])
        with exact_float32():
            y, *after = torch.lstm(packed.data, packed.batch_sizes, hx, weights, True, 1, 0.0, self.training, False)
        y_BTS, _ = pad_packed_sequence(packed._replace(data=y), batch_first=True, total_length=x_BTE.shape[1])
        real = (lengths_B > 0).to(y.device).unsqueeze(1)
        ended = (array.squeeze(0).index_select(0, back) for array in after)
        return y_BTS, tuple(torch.where(real, new, old.to(new.dtype)) for new, old in zip(ended, state, strict=True))


@contextmanager
def exact_float32() -> Iterator[None]:
    """Within it, and on the way back through what ran in it if that is within it too, float32 is float32.

    Unless told, cuDNN's recurrent layers round it to TF32, which has the digits of float16.
    """
    rnn: Any = torch.backends.cudnn.rnn  # has no types
    before, rnn.fp32_precision = rnn.fp32_precision, "ieee"
    try:
        yield
    finally:
        rnn.fp32_precision = before


@cache
def _has_fused_lstm(device: torch.device) -> bool:
    """Whether the fused LSTM runs in bfloat16 here: oneDNN's raises an error on processors without AVX-512."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _identity(hidden_size: int, state_size: int) -> Tensor:
    """The matrix that gives back the last pre-activation: I, or [I, -I] where the state holds both signs."""
    eye = torch.eye(hidden_size)
    return torch.cat((eye, -eye), 1) if state_size == 2 * hidden_size else eye
