"""The one definition of log p: natural logarithm of the softmax of features x head + bias, in float32.

Training's loss, evaluation and scoring all come through ``all_logprobs``.
Shapes: N tokens, D features, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_LOGITS = 1 << 22
"""Logits held at once: 16 MB of them, so that N x V never lies in memory however large the vocabulary."""


def all_logprobs(logits_NV: Tensor) -> Tensor:
    """log p of every token: (N, V) in float32."""
    return torch.log_softmax(logits_NV, -1, dtype=torch.float32)


def target_logprobs(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """log p of each target: (N,) in float32."""
    return all_logprobs(logits_NV).gather(-1, targets_N.unsqueeze(-1)).squeeze(-1)


def chunks(tokens: int, vocab_size: int) -> list[slice]:
    """The tokens in parts whose logits are made at once."""
    rows = max(16, CHUNK_LOGITS // vocab_size)
    return [slice(start, start + rows) for start in range(0, tokens, rows)]


def token_logprobs(features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """log p of each target, (N,), without a graph; a chunk of logits at a time."""
    with torch.no_grad():
        parts = [
            target_logprobs(torch.addmm(bias_V, features_ND[span], head_VD.t()), targets_N[span])
            for span in chunks(len(features_ND), len(bias_V))
        ]
    return torch.cat(parts) if parts else features_ND.new_zeros(0)


class _Loss(torch.autograd.Function):
    """-sum(weight * log p), with its gradient made in the same pass: each chunk's logits exist once only."""

    @staticmethod
    def forward(
        ctx: Any, features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor, weights_N: Tensor
    ) -> Tensor:
        head, bias = head_VD.to(features_ND.dtype), bias_V.to(features_ND.dtype)
        grad_features = torch.empty_like(features_ND)
        grad_head = torch.zeros_like(head_VD)
        grad_bias = torch.zeros_like(bias_V)
        total = torch.zeros((), dtype=torch.float32, device=features_ND.device)
        for span in chunks(len(features_ND), len(bias_V)):
            features, targets, weights = features_ND[span], targets_N[span], weights_N[span]
            logits = torch.addmm(bias, features, head.t())
            logprobs = all_logprobs(logits)
            total -= (logprobs.gather(1, targets.unsqueeze(1)).squeeze(1) * weights).sum()
            # d loss / d logits = weight * (softmax - one hot), made in place of the log-probabilities
            grad = logprobs.exp_().mul_(weights.unsqueeze(1))
            grad.scatter_add_(1, targets.unsqueeze(1), -weights.unsqueeze(1))
            grad_bias += grad.sum(0)
            low = grad.to(features.dtype)
            torch.mm(low, head, out=grad_features[span])
            grad_head += low.t() @ features
        ctx.save_for_backward(grad_features, grad_head, grad_bias)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        grad_features, grad_head, grad_bias = ctx.saved_tensors
        (grad,) = grads
        return grad_features.mul_(grad), grad_head.mul_(grad), grad_bias.mul_(grad), None, None


def weighted_loss(features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor, weights_N: Tensor) -> Tensor:
    """The training loss -sum(weight * log p), a float32 scalar.

    ``weights_N`` is 0 for padding and 1 / (counted tokens) for the rest, so that the loss is nats per token.
    The products run in the features' dtype, everything around the softmax in float32.
    """
    loss: Tensor = _Loss.apply(features_ND, head_VD, bias_V, targets_N, weights_N)  # type: ignore[no-untyped-call]
    return loss
