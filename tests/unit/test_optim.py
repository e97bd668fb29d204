"""Clipping, optimizers, averages and the loss scale, each against a computation by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rnncli.config import TrainConfig
from rnncli.nn.weights import named_parameters
from rnncli.training.optim import BETAS, Average, LossScale, Optimizer, clip_gradients
from tests.nets import config_of, network

Tensors = dict[str, torch.Tensor]


def parameters(**values: list[Any]) -> Tensors:
    return {name: torch.nn.Parameter(torch.tensor(value)) for name, value in values.items()}


def put_gradients(tensors: Tensors, **values: list[Any]) -> None:
    for name, value in values.items():
        tensors[name].grad = torch.tensor(value)


def gradient(tensor: torch.Tensor) -> list[Any]:
    assert tensor.grad is not None
    found: list[Any] = tensor.grad.tolist()
    return found


# -- clipping


def test_clipping_is_by_the_norm_of_all_gradients_together() -> None:
    """(3, 0), (0, 4) and 12 are a vector of length 13."""
    given = parameters(a=[[1.0, 1.0]], b=[1.0, 1.0], c=[1.0], unused=[1.0])
    put_gradients(given, a=[[3.0, 0.0]], b=[0.0, 4.0], c=[12.0])
    assert clip_gradients(given, 6.5) == pytest.approx(13)
    assert gradient(given["a"]) == [[1.5, 0.0]]
    assert gradient(given["b"]) == [0.0, 2.0]
    assert gradient(given["c"]) == [6.0]
    assert given["unused"].grad is None


@pytest.mark.parametrize("longest", [0.0, 5.0, 100.0])
def test_what_is_short_enough_or_not_to_be_clipped_stays(longest: float) -> None:
    given = parameters(a=[1.0, 1.0])
    put_gradients(given, a=[3.0, 4.0])
    assert clip_gradients(given, longest) == pytest.approx(5)
    assert gradient(given["a"]) == [3.0, 4.0]


def test_a_scaled_loss_is_scaled_back_before_it_is_clipped() -> None:
    for longest, expected in ((0.0, [3.0, 4.0]), (5.0, [3.0, 4.0]), (2.5, [1.5, 2.0])):
        given = parameters(a=[1.0, 1.0])
        put_gradients(given, a=[3.0 * 1024, 4.0 * 1024])
        assert clip_gradients(given, longest, 1024.0) == pytest.approx(5)
        assert gradient(given["a"]) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_told_and_nothing_is_touched(bad: float) -> None:
    given = parameters(a=[1.0], b=[1.0])
    put_gradients(given, a=[3.0], b=[bad])
    assert not math.isfinite(clip_gradients(given, 1.0))
    assert gradient(given["a"]) == [3.0]


# -- optimizers


def test_adamw_by_hand() -> None:
    """m and v from zero, both corrected for their start; the decay is of the weight, apart from the gradient."""
    rate, decay, epsilon = 0.1, 0.5, 1e-8
    given = parameters(W=[[2.0, -1.0]], bias=[3.0])
    optimizer = Optimizer(given, TrainConfig(optimizer="adamw", weight_decay=decay))
    m, v = [0.0] * 3, [0.0] * 3
    expected = [2.0, -1.0, 3.0]
    for step, grads in enumerate(([0.3, -0.2, 0.5], [0.1, 0.4, -0.7], [0.0, 0.3, 0.2]), start=1):
        put_gradients(given, W=[grads[:2]], bias=grads[2:])
        optimizer.step(rate)
        for i, g in enumerate(grads):
            m[i] = BETAS[0] * m[i] + (1 - BETAS[0]) * g
            v[i] = BETAS[1] * v[i] + (1 - BETAS[1]) * g * g
            corrected = m[i] / (1 - BETAS[0] ** step), v[i] / (1 - BETAS[1] ** step)
            if i < 2:
                expected[i] -= rate * decay * expected[i]
            expected[i] -= rate * corrected[0] / (math.sqrt(corrected[1]) + epsilon)
        found = [*given["W"].flatten().tolist(), *given["bias"].tolist()]
        assert found == pytest.approx(expected, abs=1e-5)
        assert all(p.grad is None for p in given.values())


@pytest.mark.parametrize("kind", ["sgd", "asgd"])
def test_sgd_by_hand(kind: Any) -> None:
    given = parameters(W=[[2.0, -1.0]], bias=[3.0])
    optimizer = Optimizer(given, TrainConfig(optimizer=kind, weight_decay=0.5))
    put_gradients(given, W=[[0.3, -0.2]], bias=[0.5])
    optimizer.step(0.1)
    assert given["W"].flatten().tolist() == pytest.approx([2.0 - 0.03 - 0.1, -1.0 + 0.02 + 0.05])
    assert given["bias"].tolist() == pytest.approx([3.0 - 0.05])
    put_gradients(given, W=[[0.0, 0.0]], bias=[1.0])
    optimizer.step(1.0)
    assert given["bias"].tolist() == pytest.approx([3.0 - 0.05 - 1.0])


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_only_matrices_decay(kind: Any, cell: Any) -> None:
    """Without a gradient a step is the decay alone; no bias of a network has any."""
    model = network(config_of(cell, tie=False))
    named = named_parameters(model)
    before = {name: p.detach().clone() for name, p in named.items()}
    for parameter in named.values():
        parameter.grad = torch.zeros_like(parameter)
    Optimizer(named, TrainConfig(optimizer=kind, weight_decay=0.5)).step(0.1)
    for name, parameter in named.items():
        factor = 1.0 if name.endswith((".B", ".bias")) else 0.95
        torch.testing.assert_close(parameter.detach(), factor * before[name])


def test_a_skipped_step_forgets_its_gradients_and_nothing_else() -> None:
    given = parameters(W=[[2.0, -1.0]])
    optimizer = Optimizer(given, TrainConfig())
    put_gradients(given, W=[[math.nan, 1.0]])
    optimizer.skip()
    assert given["W"].grad is None
    assert given["W"].tolist() == [[2.0, -1.0]]
    assert optimizer.tensors() == {}


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_an_optimizer_goes_on_from_its_tensors_to_the_bit(kind: Any) -> None:
    config = TrainConfig(optimizer=kind, weight_decay=0.1)

    def run(given: Tensors, optimizer: Optimizer, steps: range) -> None:
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            for parameter in given.values():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.step(0.05)

    values: dict[str, Any] = {"W": [[0.5, -1.0], [2.0, 0.1]], "bias": [0.3]}
    whole, first, second = (parameters(**values) for _ in range(3))
    run(whole, Optimizer(whole, config), range(6))
    stopped = Optimizer(first, config)
    run(first, stopped, range(4))
    kept = {name: t.clone() for name, t in stopped.tensors().items()}
    resumed = Optimizer(second, config)
    resumed.load(kept)
    with torch.no_grad():
        for name, parameter in second.items():
            parameter.copy_(first[name])
    run(second, resumed, range(4, 6))
    assert bool(kept) == (kind == "adamw")
    assert all(torch.equal(whole[name], second[name]) for name in whole)


# -- averages


def walk(average: Average, given: Tensors, places: list[float]) -> None:
    for place in places:
        with torch.no_grad():
            given["a"].fill_(place)
        average.update()


def test_ema_by_hand() -> None:
    """The decay warms up as (1 + k) / (10 + k), to at most the one asked for."""
    given = parameters(a=[0.0])
    average = Average(given, TrainConfig(ema=0.2))
    expected = None
    for k, place in enumerate([4.0, 8.0, -2.0, 1.0]):
        walk(average, given, [place])
        decay = min(0.2, (1 + k) / (10 + k))
        expected = place if expected is None else decay * expected + (1 - decay) * place
        assert float(average.current()["a"]) == pytest.approx(expected, abs=1e-5)
    assert average.updates == 4


def test_the_mean_begins_when_it_is_told_to() -> None:
    given = parameters(a=[0.0])
    average = Average(given, TrainConfig(optimizer="asgd"))
    walk(average, given, [100.0, 50.0])
    assert float(average.current()["a"]) == 50.0
    assert average.updates == 0
    average.trigger()
    walk(average, given, [1.0, 2.0, 6.0])
    assert float(average.current()["a"]) == pytest.approx(3.0)
    average.trigger()
    walk(average, given, [11.0])
    assert float(average.current()["a"]) == pytest.approx(5.0)
    assert float(given["a"].detach()) == 11.0


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_without_an_average_the_weights_themselves_are_kept(kind: Any) -> None:
    given = parameters(a=[0.0])
    average = Average(given, TrainConfig(optimizer=kind))
    average.trigger()
    walk(average, given, [1.0, 7.0])
    assert float(average.current()["a"]) == 7.0
    assert average.values == {}


def test_an_average_goes_on_from_its_values() -> None:
    whole, first, second = (parameters(a=[0.0]) for _ in range(3))
    config = TrainConfig(ema=0.9)
    one, two, three = (Average(given, config) for given in (whole, first, second))
    walk(one, whole, [1.0, 5.0, 2.0, 9.0])
    walk(two, first, [1.0, 5.0])
    three.load(two.values, two.updates, two.on)
    walk(three, second, [2.0, 9.0])
    assert torch.equal(one.current()["a"], three.current()["a"])
    assert float(two.current()["a"]) != float(three.current()["a"])


# -- the loss scale


def test_the_loss_scale_halves_and_doubles() -> None:
    scale = LossScale(1024.0, 7)
    assert scale.after(finite=True) == LossScale(1024.0, 8)
    assert scale.after(finite=False) == LossScale(512.0, 0)
    assert LossScale(1024.0, 1999).after(finite=True) == LossScale(2048.0, 0)
    assert LossScale(1.0, 0).after(finite=False) == LossScale(1.0, 0)
    assert LossScale(2.0**24, 1999).after(finite=True) == LossScale(2.0**24, 0)
