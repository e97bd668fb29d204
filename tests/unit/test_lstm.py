"""The LSTM's gradients: those written by hand against autograd's, and a wide layer's in half precision."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from rnncli.nn.cells import RecurrentLayer
from rnncli.nn.lstm import lstm


def test_by_hand_it_is_pytorchs_in_values_and_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = {"x": (3, 5, 4), "h": (3, 6), "c": (3, 6), "W": (24, 4), "R": (24, 6), "B": (2, 24)}
    given = {name: torch.randn(shape, generator=generator).requires_grad_() for name, shape in shapes.items()}
    x, h, c, W, R, B = given.values()
    weigh = [torch.randn(shape, generator=generator) for shape in ((3, 5, 6), (3, 6), (3, 6))]
    found = []
    for by_hand in (True, False):
        if by_hand:
            outcome: tuple[torch.Tensor, ...] = lstm(F.linear(x, W, B.sum(0)), h, c, R)
        else:
            y, *after = torch.lstm(x, (h[None], c[None]), (W, R, B[0], B[1]), True, 1, 0.0, True, False, True)
            outcome = (y, *(array.squeeze(0) for array in after))
        loss = sum((a * b).sum() for a, b in zip(outcome, weigh, strict=True))
        assert isinstance(loss, torch.Tensor)
        found.append([*outcome, *torch.autograd.grad(loss, list(given.values()))])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hidden", [64, 1024])
def test_a_wide_layers_gradients_in_half_precision_are_those_in_single_but_for_rounding(hidden: int) -> None:
    layer = RecurrentLayer("lstm", 32, hidden, "tanh", 1.0)
    layer.reset(torch.Generator().manual_seed(0))
    x = torch.randn(4, 6, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weigh = torch.randn(4, 6, hidden, generator=torch.Generator().manual_seed(2))
    found = []
    for low in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            y, _ = layer(x, layer.start(4))
        found.append(torch.autograd.grad((y.float() * weigh).sum(), [x, layer.W, layer.R, layer.B]))
    for exact, rounded in zip(*found, strict=True):
        assert float((exact - rounded).norm() / exact.norm()) < 0.03


def test_no_state_is_written_over() -> None:
    """What a pass returns stays as it is while the next one goes on from it."""
    x, R = torch.randn(2, 3, 8), torch.randn(8, 2)
    state = (torch.zeros(2, 2), torch.zeros(2, 2))
    passes = [state]
    for _ in range(3):
        _, *after = lstm(x, *passes[-1], R)
        passes.append((after[0], after[1]))
    kept = [tuple(array.clone() for array in one) for one in passes]
    lstm(x, *passes[-1], R)
    assert all(torch.equal(a, b) for one, two in zip(passes, kept, strict=True) for a, b in zip(one, two, strict=True))
    assert not any(torch.equal(a[0], b[0]) for a, b in pairwise(passes))
