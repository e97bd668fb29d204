"""The one definition of log p: natural logarithm of the softmax of features x head + bias, in float32.

Evaluation and scoring come through ``all_logprobs``; the training loss is the same quantity with its gradient, from one
softmax in the features' dtype (``softmax``).
Shapes: N tokens, D features, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_BYTES, CHUNK_BYTES_GPU = 1 << 24, 1 << 26
"""Of logits held at once, so that N x V never lies in memory however large the vocabulary. A GPU wants large pieces."""


def all_logprobs(logits_NV: Tensor) -> Tensor:
    """log p of every token: (N, V) in float32."""
    return torch.log_softmax(logits_NV, -1, dtype=torch.float32)


def target_logprobs(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """log p of each target: (N,) in float32."""
    return all_logprobs(logits_NV).gather(-1, targets_N.unsqueeze(-1)).squeeze(-1)


def chunks(tokens: int, vocab_size: int, bytes_each: int = 4, *, device: str = "cpu") -> list[slice]:
    """The tokens in parts whose logits, of ``bytes_each``, are made at once on a kind of device."""
    at_once = CHUNK_BYTES_GPU if device == "cuda" else CHUNK_BYTES
    rows = max(16, at_once // (bytes_each * vocab_size))
    return [slice(start, start + rows) for start in range(0, tokens, rows)]


def token_logprobs(features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """log p of each target, (N,), without a graph; a chunk of logits at a time."""
    with torch.no_grad():
        parts = [
            target_logprobs(torch.addmm(bias_V, features_ND[span], head_VD.t()), targets_N[span])
            for span in chunks(len(features_ND), len(bias_V), device=features_ND.device.type)
        ]
    return torch.cat(parts) if parts else features_ND.new_zeros(0)


def softmax(logits_NV: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of each row's sum of exponentials, (N,) float32, and p of all tokens, (N, V) in the logits' dtype.

    Fewer passes over the logits than ``all_logprobs`` and its exponential take. The logarithm of the sum is what the
    likeliest token's logit and log p differ by: its p is 1 / V at least, and so never rounds to 0.
    """
    p_NV = torch.softmax(logits_NV, -1)
    return logits_NV.amax(1).float() - p_NV.amax(1).float().log(), p_NV


def relative(weights_N: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The largest weight, and all by it, (N, 1): 1 / tokens would leave float16's range until the products are made."""
    most = weights_N.max().clamp(min=torch.finfo(torch.float32).tiny)
    return most, (weights_N / most).unsqueeze(1).to(dtype)


def weighed(saved: tuple[Tensor, ...], grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of features, head and biases. ``saved``: those without the weights; the weights; the largest."""
    grad_features, grad_head, grad_bias, weights_N, most = saved
    features = (grad_features * (weights_N * grad).unsqueeze(1)).to(grad_features.dtype)
    return features, grad_head * (most * grad), grad_bias * (most * grad)


class _Loss(torch.autograd.Function):
    """-sum(weight * log p), with its gradient made in the same pass: each chunk's logits exist once only."""

    @staticmethod
    def forward(
        ctx: Any, features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor, weights_N: Tensor
    ) -> Tensor:
        dtype = features_ND.dtype
        head, bias = head_VD.to(dtype), bias_V.to(dtype)
        most, relative_N1 = relative(weights_N, dtype)
        counted_ND = features_ND * relative_N1
        grad_features = torch.empty_like(features_ND)
        grad_head, grad_bias = torch.zeros_like(head_VD), torch.zeros_like(bias_V)
        total = torch.zeros((), dtype=torch.float32, device=features_ND.device)
        for span in chunks(len(features_ND), len(bias_V), dtype.itemsize, device=features_ND.device.type):
            targets = targets_N[span]
            logits = torch.addmm(bias, features_ND[span], head.t())
            logsum, grad = softmax(logits)
            logprobs = logits.gather(1, targets.unsqueeze(1)).squeeze(1).float() - logsum
            total -= (logprobs * weights_N[span]).sum()
            # d loss / d logits = weight * (softmax - one hot); the weight comes in where there are fewer numbers
            grad.scatter_(1, targets.unsqueeze(1), torch.expm1(logprobs).to(dtype).unsqueeze(1))
            torch.mm(grad, head, out=grad_features[span])
            grad_head += grad.t() @ counted_ND[span]
            grad_bias += (grad.t() @ relative_N1[span]).squeeze(1)
        ctx.save_for_backward(grad_features, grad_head, grad_bias, weights_N, most)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        return *weighed(ctx.saved_tensors, *grads), None, None


def weighted_loss(features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor, weights_N: Tensor) -> Tensor:
    """The training loss -sum(weight * log p), a float32 scalar.

    ``weights_N`` is 0 for padding and 1 / (counted tokens) for the rest, so that the loss is nats per token.
    The products run in the features' dtype, everything around the softmax in float32.
    """
    loss: Tensor = _Loss.apply(features_ND, head_VD, bias_V, targets_N, weights_N)  # type: ignore[no-untyped-call]
    return loss
