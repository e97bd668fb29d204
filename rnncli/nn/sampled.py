"""The training loss with a part of the vocabulary: the frequent tokens, and of the others those that are drawn.

A softmax over thousands of tokens is most of a small network's step, and most of those tokens are rare. Here the sum
over the vocabulary is estimated without bias: each token is in with a probability, and then counts 1 / probability
(importance sampling: Bengio & Senécal 2008, Jean et al. 2015; here without replacement: Horvitz & Thompson 1952). A
target's own part is exact, whether it was drawn or not. Only training comes through here: what is evaluated, scored
and kept is the softmax over all.

Shapes: N tokens, D features, V vocabulary, K drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnncli.nn.likelihood import chunks, relative, softmax, weighed

EVEN = 64
"""Tokens are drawn in multiples of so many: a processor's kernels are made anew for each size that they meet."""
_ROUNDING = 1e-6
"""More than sums of a hundred thousand chances are off by: so many tokens are drawn, and never one less."""


@dataclass(frozen=True)
class Drawn:
    """Tokens of a step: their ids (K,), int64, and the logarithm of the probability with which each was to be in."""

    ids_K: Tensor
    log_chance_K: Tensor

    @classmethod
    def of(cls, chance_V: NDArray[np.float64], random: np.random.Generator, device: torch.device) -> Drawn:
        """Each token with its chance, and as many as the chances' sum, by systematic sampling (Madow 1949)."""
        order = random.permutation(len(chance_V))
        reached = np.floor(np.cumsum(chance_V[order]) + random.random() + _ROUNDING)
        ids = np.sort(order[np.diff(reached, prepend=0.0) > 0])
        logs = np.log(chance_V[ids]).astype(np.float32)
        return cls(*(torch.from_numpy(a).to(device, non_blocking=True) for a in (ids, logs)))


def chances(counts: NDArray[np.int64], samples: int) -> NDArray[np.float64]:
    """The probability of each token to be in a step: about ``samples`` times its frequency, 1 at most; (V,).

    They add up to a multiple of ``EVEN``, or to V. ``counts``: how often each comes in the text, (V,); what never comes
    counts half.
    """
    seen = np.maximum(counts, 0.5)
    often = seen / seen.sum()
    drawn = np.minimum(1.0, samples * often).sum()
    drawn = min(len(often), EVEN * math.ceil(drawn / EVEN))
    low, high = float(samples), 2.0 / float(often.min())
    for _ in range(60):  # until it is exact, or as good as that
        middle = math.sqrt(low * high)
        low, high = (low, middle) if np.minimum(1.0, middle * often).sum() > drawn else (middle, high)
    return np.asarray(np.minimum(1.0, low * often))


class _SampledLoss(torch.autograd.Function):
    """-sum(weight * log p) with p over the drawn tokens and the target, and its gradient made in the same pass."""

    @staticmethod
    def forward(
        ctx: Any,
        features_ND: Tensor,
        head_VD: Tensor,
        bias_V: Tensor,
        targets_N: Tensor,
        weights_N: Tensor,
        drawn: Drawn,
    ) -> Tensor:
        dtype, ids, logs = features_ND.dtype, drawn.ids_K, drawn.log_chance_K
        head, bias = head_VD[ids].to(dtype), (bias_V[ids] - logs).to(dtype)
        place_V = ids.new_full((len(bias_V),), -1)
        place_V[ids] = torch.arange(len(ids), device=ids.device)
        most, relative_N1 = relative(weights_N, dtype)
        grad_features, counted_ND = torch.empty_like(features_ND), features_ND * relative_N1
        grad_head, grad_bias = torch.zeros_like(head_VD), torch.zeros_like(bias_V)
        grad_KD, grad_K = head_VD.new_zeros(head.shape), bias_V.new_zeros(len(ids))
        total = torch.zeros((), dtype=torch.float32, device=features_ND.device)
        for span in chunks(len(features_ND), len(ids), dtype.itemsize, device=features_ND.device.type):
            features, targets = features_ND[span], targets_N[span]
            own = _own_logits(features, head_VD, bias_V, targets)
            logprobs, grad, outside = _beside(torch.addmm(bias, features, head.t()), own, place_V[targets])
            total -= (logprobs * weights_N[span]).sum()
            torch.mm(grad, head, out=grad_features[span])
            grad_KD += grad.t() @ counted_ND[span]
            grad_K += (grad.t() @ relative_N1[span]).squeeze(1)
            # A target that was not drawn has no column: its part is added by hand.
            missing, less_M1 = targets[outside], torch.expm1(logprobs[outside]).unsqueeze(1).to(dtype)
            grad_features[span][outside] += less_M1 * head_VD[missing].to(dtype)
            grad_head.index_add_(0, missing, (less_M1 * counted_ND[span][outside]).to(grad_head.dtype))
            grad_bias.index_add_(0, missing, (less_M1 * relative_N1[span][outside]).squeeze(1).to(grad_bias.dtype))
        grad_head.index_add_(0, ids, grad_KD)
        grad_bias.index_add_(0, ids, grad_K)
        ctx.save_for_backward(grad_features, grad_head, grad_bias, weights_N, most)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return *weighed(ctx.saved_tensors, *grads), None, None, None


def _beside(logits_NK: Tensor, own_N: Tensor, at_N: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A softmax over the drawn tokens and each row's target, which stands in column ``at_N`` or, with -1, in none.

    log p of the target, (N,) in float32; the loss's gradient by the logits, (N, K); rows whose target was not drawn.
    The logits are changed.
    """
    inside, outside = (at_N >= 0).nonzero().squeeze(1), (at_N < 0).nonzero().squeeze(1)
    column = at_N[inside]
    logits_NK[inside, column] = own_N[inside].to(logits_NK.dtype)
    logsum_N, grad_NK = softmax(logits_NK)
    among = logsum_N[outside]
    logsum_N[outside] = torch.logaddexp(among, own_N[outside])
    grad_NK[outside] *= torch.exp(among - logsum_N[outside]).unsqueeze(1).to(grad_NK.dtype)
    logprobs_N = own_N - logsum_N
    # d loss / d logits = weight * (softmax - one hot)
    grad_NK[inside, column] = torch.expm1(logprobs_N[inside]).to(grad_NK.dtype)
    return logprobs_N, grad_NK, outside


def _own_logits(features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """Each target's logit, (N,) in float32, rounded as all others are: else log p of a sure one could be above 0."""
    own_ND = head_VD[targets_N].to(features_ND.dtype)
    own_N = (features_ND * own_ND).sum(1, dtype=torch.float32) + bias_V[targets_N].float()
    return own_N.to(features_ND.dtype).float()


def sampled_loss(
    features_ND: Tensor, head_VD: Tensor, bias_V: Tensor, targets_N: Tensor, weights_N: Tensor, drawn: Drawn
) -> Tensor:
    """An estimate of ``weighted_loss``, a float32 scalar, from the tokens of ``drawn`` and each target itself.

    Of the sum over the vocabulary it is without bias; of its logarithm it is too low by half the estimate's relative
    variance, some 1 / samples.
    """
    loss: Tensor = _SampledLoss.apply(  # type: ignore[no-untyped-call]
        features_ND, head_VD, bias_V, targets_N, weights_N, drawn
    )
    return loss
