"""The simple recurrent network (Elman 1990) with any activation, where no fused kernel exists.

Shapes: B batch, T time, H hidden, S state width (H, or 2H for crelu).
The backward pass is written by hand: the input and weight gradients become one matrix product over all of B x T,
instead of one a step as autograd would do it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnncli.config import ActivationName


@dataclass(frozen=True)
class Activation:
    """``value``: (., H) -> (., S). ``backward``: gradient of the output, pre-activation -> gradient of the latter."""

    value: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    rectifying: bool = False
    """Of the ReLU family: recurrent weights start from the identity (Le, Jaitly & Hinton 2015)."""


def _crelu(a: Tensor) -> Tensor:
    return torch.cat((a.relu(), (-a).relu()), -1)


def _crelu_backward(g: Tensor, a: Tensor) -> Tensor:
    positive, negative = g.chunk(2, -1)
    return torch.where(a > 0, positive, torch.where(a < 0, -negative, torch.zeros_like(a)))


ACTIVATIONS: dict[ActivationName, Activation] = {
    "tanh": Activation(torch.tanh, lambda g, a: g * (1 - a.tanh().square())),
    "relu": Activation(torch.relu, lambda g, a: g * (a > 0), rectifying=True),
    "relu6": Activation(F.relu6, lambda g, a: g * ((a > 0) & (a < 6)), rectifying=True),
    "elu": Activation(F.elu, lambda g, a: torch.where(a > 0, g, g * a.exp()), rectifying=True),
    "softplus": Activation(F.softplus, lambda g, a: g * a.sigmoid()),
    "softsign": Activation(F.softsign, lambda g, a: g / (1 + a.abs()).square()),
    "sigmoid": Activation(torch.sigmoid, lambda g, a: g * a.sigmoid() * (1 - a.sigmoid())),
    "crelu": Activation(_crelu, _crelu_backward, rectifying=True),
}


class _Scan(torch.autograd.Function):
    """h_t = activation(x_t + R h_{t-1}) over time from h_{-1} = 0, x being the input already multiplied and biased."""

    @staticmethod
    def forward(ctx: Any, x_TBH: Tensor, R_HS: Tensor, name: ActivationName) -> Tensor:
        value = ACTIVATIONS[name].value
        pre = x_TBH.clone()
        states = [value(pre[0])]
        for t in range(1, len(pre)):
            pre[t].addmm_(states[-1], R_HS.t())
            states.append(value(pre[t]))
        h_TBS = torch.stack(states)
        ctx.save_for_backward(pre, h_TBS, R_HS)
        ctx.name = name
        return h_TBS

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        pre, h_TBS, R_HS = ctx.saved_tensors
        (grad_TBS,) = grads
        backward = ACTIVATIONS[ctx.name].backward
        grad_pre = torch.empty_like(pre)
        carried = torch.zeros_like(h_TBS[0])
        for t in range(len(pre) - 1, -1, -1):
            grad_pre[t] = backward(grad_TBS[t] + carried, pre[t])
            carried = grad_pre[t] @ R_HS
        grad_R = grad_pre[1:].flatten(0, 1).t() @ h_TBS[:-1].flatten(0, 1)
        return grad_pre, grad_R, None


def elman(x_BTH: Tensor, h_BS: Tensor, R_HS: Tensor, activation: ActivationName) -> Tensor:
    """States (B, T, S) of a simple recurrent layer from ``h_BS``; ``x_BTH`` is W x + b."""
    # The starting state enters through the first input, so that the scan needs no special case for it.
    R = R_HS.to(x_BTH.dtype)
    first = F.linear(h_BS.to(x_BTH.dtype), R)
    x_TBH = x_BTH.transpose(0, 1)
    x_TBH = torch.cat((x_TBH[:1] + first, x_TBH[1:]))
    states: Tensor = _Scan.apply(x_TBH, R, activation)  # type: ignore[no-untyped-call]
    return states.transpose(0, 1)
