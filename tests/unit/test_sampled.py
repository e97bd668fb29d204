"""The loss over a part of the vocabulary: by hand, by autograd, and what its chances promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnncli.config import TrainConfig
from rnncli.nn import sampled
from rnncli.nn.likelihood import weighted_loss
from rnncli.nn.sampled import Drawn, chances, sampled_loss
from rnncli.training.learner import Learner, StepResult
from tests.nets import MACHINE, PLAIN, batch_of, config_of, network

CPU = torch.device("cpu")
N, D, V = 40, 6, 30


def network_parts() -> tuple[Tensor, ...]:
    """Features, head, biases, targets and weights, of which some are 0."""
    generator = torch.Generator().manual_seed(3)
    features, head, bias = (torch.randn(*size, generator=generator) for size in ((N, D), (V, D), (V,)))
    targets = torch.randint(0, V, (N,), generator=generator)
    weights = torch.rand(N, generator=generator) * (torch.arange(N) % 5 != 0)
    return *(t.requires_grad_() for t in (features, head, bias)), targets, weights / weights.sum()


def drawn(ids: list[int], chance: list[float]) -> Drawn:
    return Drawn(torch.tensor(ids), torch.tensor(chance).log())


def by_autograd(found: Drawn) -> tuple[Tensor, tuple[Tensor, ...]]:
    """-sum(weight * log p), p over each row's target and what was drawn beside it, and the gradients."""
    features, head, bias, targets, weights = network_parts()
    logits = features @ head.t() + bias
    others = torch.full((N, V), -torch.inf)
    others[:, found.ids_K] = -found.log_chance_K
    others[torch.arange(N), targets] = 0.0
    logprobs = torch.log_softmax(logits + others, -1)[torch.arange(N), targets]
    loss = -(weights * logprobs).sum()
    return loss.detach(), torch.autograd.grad(loss, (features, head, bias))


@pytest.mark.parametrize("chunk", [1 << 24, 1])
def test_it_is_the_loss_over_the_target_and_what_was_drawn(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncli.nn.likelihood.CHUNK_BYTES", chunk)
    found = drawn([0, 3, 4, 11, 12, 13, 29], [1.0, 0.5, 1.0, 0.25, 0.1, 0.7, 0.9])
    features, head, bias, targets, weights = network_parts()
    loss = sampled_loss(features, head, bias, targets, weights, found)
    expected, gradients = by_autograd(found)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5)
    for mine, other in zip(torch.autograd.grad(3 * loss, (features, head, bias)), gradients, strict=True):
        torch.testing.assert_close(mine, 3 * other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_with_every_token_it_is_the_whole_loss(dtype: torch.dtype) -> None:
    everything = drawn(list(range(V)), [1.0] * V)
    features, head, bias, targets, weights = network_parts()
    both = (
        weighted_loss(features.to(dtype), head, bias, targets, weights),
        sampled_loss(features.to(dtype), head, bias, targets, weights, everything),
    )
    found = [(loss.detach(), *torch.autograd.grad(loss, (features, head, bias))) for loss in both]
    for whole, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, whole, rtol=0.02 if dtype == torch.bfloat16 else 1e-5, atol=2e-3)


def test_a_target_that_was_not_drawn_by_hand() -> None:
    """Logits 0, 1, 2; drawn is token 1 with chance 1/2, so it counts twice; the target is token 2."""
    features, head = torch.ones(1, 1), torch.tensor([[0.0], [1.0], [2.0]])
    loss = sampled_loss(features, head, torch.zeros(3), torch.tensor([2]), torch.ones(1), drawn([1], [0.5]))
    assert float(loss) == pytest.approx(-np.log(np.exp(2) / (np.exp(2) + 2 * np.exp(1))))


def test_chances_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled, "EVEN", 1)
    assert chances(np.array([6, 3, 1]), 1) == pytest.approx([0.6, 0.3, 0.1])
    # Twice the frequencies are 1.2, .6 and .2, so 1.8 tokens; for two the factor is 2.5.
    assert chances(np.array([6, 3, 1]), 2) == pytest.approx([1.0, 0.75, 0.25])
    assert chances(np.array([6, 3, 0]), 10**6) == pytest.approx([1.0, 1.0, 1.0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=400), st.integers(1, 5000), st.integers(0, 2**32))
def test_as_many_are_drawn_as_the_chances_say(counts: list[int], samples: int, seed: int) -> None:
    found = chances(np.array(counts), samples)
    assert (found > 0).all()
    assert (found <= 1).all()
    if found.sum() < len(counts) - 1e-3:
        assert found.sum() == pytest.approx(sampled.EVEN * round(found.sum() / sampled.EVEN), abs=1e-4)
    one = Drawn.of(found, np.random.default_rng(seed), CPU)
    assert len(one.ids_K) == round(found.sum())
    assert len(set(one.ids_K.tolist())) == len(one.ids_K)
    assert one.log_chance_K.tolist() == pytest.approx(np.log(found[one.ids_K.numpy()]).tolist(), abs=1e-5)


def test_each_is_drawn_as_often_as_its_chance() -> None:
    found = chances(np.arange(1, 301), 90)
    assert found.sum() == pytest.approx(128)
    random, times = np.random.default_rng(1), np.zeros(300)
    for _ in range(2000):
        times[Drawn.of(found, random, CPU).ids_K.numpy()] += 1
    assert np.abs(times / 2000 - found).max() < 0.05


def learner(chance: list[float] | None) -> Learner:
    model = network(config_of("lstm"), dtype=torch.float32)
    return Learner(model, TrainConfig(**PLAIN), MACHINE, chance_V=None if chance is None else np.array(chance))


def test_a_step_draws_from_its_seed_and_number_alone() -> None:
    def step(chance: list[float] | None, number: int) -> StepResult:
        return learner(chance).step(batch_of(1), 0.1, number, carry=False)

    some = [1.0, 0.9, 0.5, 0.5, 0.4, 0.4, 0.3]
    assert step(some, 5) == step(some, 5)
    assert step([1.0] * 7, 5).loss == pytest.approx(step(None, 5).loss, rel=1e-5)
    assert len({step(some, number).loss for number in range(8)}) > 1
