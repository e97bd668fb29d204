"""The LSTM (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000) for training wide layers in half precision.

Only for 1,024 units or more on a processor: the gradients that oneDNN's kernel has for those in bfloat16 are wrong, by
a fifth in the weights and altogether in the inputs (seen with PyTorch 2.13; right up to 1,023 units, and in float32).
There this one is also faster: like elman.py it makes the gradients of inputs and weights in one product each over all
of B x T. For narrower layers the fused kernel is faster.

Shapes: B batch, T time, H hidden; gates i, f, g, o in PyTorch's order. Products run in the inputs' dtype, what lies
between them, cell states and gates in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Scan(torch.autograd.Function):
    """c_t = f c_{t-1} + i g and h_t = o tanh(c_t); the gates are of x_t + R h_{t-1}."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h_BH: Tensor, c_BH: Tensor, R_GH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        steps, rows, hidden = len(x_TBG), *h_BH.shape
        gates = torch.empty(steps, 4, rows, hidden, device=x_TBG.device)
        h = torch.empty(steps + 1, rows, hidden, dtype=x_TBG.dtype, device=x_TBG.device)
        c, tanh_c = (torch.empty(steps + more, rows, hidden, device=x_TBG.device) for more in (1, 0))
        h[0], c[0] = h_BH, c_BH
        R_HG = R_GH.t().contiguous()
        for t in range(steps):
            gates[t] = torch.addmm(x_TBG[t], h[t], R_HG).view(rows, 4, hidden).transpose(0, 1)
            i, f, g, o = gates[t]
            gates[t, :2].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c[t], out=c[t + 1]).addcmul_(i, g)
            torch.mul(o, torch.tanh(c[t + 1], out=tanh_c[t]), out=h[t + 1])
        ctx.save_for_backward(gates, h, c, tanh_c, R_GH)
        return h[1:], h[-1].clone(), c[-1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates, h, c, tanh_c, R_GH = ctx.saved_tensors
        grad_TBH, grad_h, grad_c = grads
        steps, rows, hidden = tanh_c.shape
        i, f, g, o = gates.unbind(1)
        # What a gate's pre-activation gets of its cell's gradient, or, the last one, of the state's.
        slopes = torch.stack((_bend(i) * g, _bend(f) * c[:-1], (1 - g * g) * i, _bend(o) * tanh_c), 2)
        through = (1 - tanh_c * tanh_c) * o
        grad_x = torch.empty(steps, rows, 4 * hidden, dtype=h.dtype, device=h.device)
        grad_h, grad_c = (grad_TBH[-1] + grad_h), grad_c.float().clone()
        for t in range(steps - 1, -1, -1):
            state = grad_h.float()
            grad_c.addcmul_(state, through[t])
            here = grad_x[t].view(rows, 4, hidden)
            torch.mul(slopes[t, :, :3], grad_c.unsqueeze(1), out=here[:, :3])
            torch.mul(slopes[t, :, 3], state, out=here[:, 3])
            grad_c.mul_(f[t])
            grad_h = torch.addmm(grad_TBH[t - 1], grad_x[t], R_GH) if t else grad_x[0] @ R_GH
        grad_R = grad_x.flatten(0, 1).t() @ h[:-1].flatten(0, 1)
        return grad_x, grad_h, grad_c, grad_R


def _bend(gate: Tensor) -> Tensor:
    """The logistic function's slope where it is ``gate``."""
    return gate - gate * gate


def lstm(x_BTG: Tensor, h_BH: Tensor, c_BH: Tensor, R_GH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """States (B, T, H) of an LSTM layer, and h and c after the last step; ``x_BTG`` is W x + b."""
    x_TBG = x_BTG.transpose(0, 1).contiguous()
    states, h, c = _Scan.apply(x_TBG, h_BH.to(x_BTG.dtype), c_BH, R_GH.to(x_BTG.dtype))  # type: ignore[no-untyped-call]
    return states.transpose(0, 1), h, c
