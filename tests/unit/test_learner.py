"""One training step: what it counts, what it carries on, and what it changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnncli.config import TrainConfig
from rnncli.nn.model import State
from rnncli.training.batches import Batch
from rnncli.training.beginning import log_frequencies, new_model
from rnncli.training.learner import Learner
from rnncli.training.optim import LossScale
from tests.nets import CELLS, MACHINE, PLAIN, batch_of, config_of, network, same

LENGTHS = (6, 2, 5)


def learner_of(cell: Any = "lstm", activation: Any = "tanh", *, dropout: float = 0.0, **settings: Any) -> Learner:
    model = network(config_of(cell, activation, dropout=dropout), dtype=torch.float32)
    return Learner(model, TrainConfig(**{**PLAIN, **settings}), MACHINE)


def by_hand(learner: Learner, batch: Batch, state: State) -> tuple[torch.Tensor, State]:
    """The mean loss of the counted tokens by plain autograd, and the state after them."""
    model = learner.model
    features, after = model(torch.from_numpy(batch.inputs_BT), state)
    logprobs = torch.log_softmax(features @ model.head.t() + model.bias, -1)
    mine = logprobs.gather(-1, torch.from_numpy(batch.targets_BT).unsqueeze(-1)).squeeze(-1)
    return -mine[torch.from_numpy(batch.counted_BT)].mean(), after


@pytest.mark.parametrize(("cell", "activation"), CELLS)
def test_the_loss_is_the_mean_over_counted_tokens_and_its_gradient_moves_the_weights(
    cell: Any, activation: Any
) -> None:
    learner, batch = learner_of(cell, activation), batch_of(1, lengths=LENGTHS)
    parameters = list(learner.parameters.values())
    before = [p.detach().clone() for p in parameters]
    loss, _ = by_hand(learner, batch, learner.model.start(3))
    gradients = torch.autograd.grad(loss, parameters)
    result = learner.step(batch, 0.5, 0, carry=False)
    assert result.loss == pytest.approx(float(loss.detach()), rel=1e-5)
    assert result.tokens == sum(LENGTHS)
    assert result.taken
    norm = float(torch.cat([g.flatten() for g in gradients]).norm())
    assert result.grad_norm == pytest.approx(norm, rel=1e-4)
    for parameter, old, gradient in zip(parameters, before, gradients, strict=True):
        torch.testing.assert_close(parameter.detach(), old - 0.5 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("cell", "activation"), CELLS)
def test_a_stream_carries_its_state_on_and_a_reset_row_forgets(cell: Any, activation: Any) -> None:
    learner = learner_of(cell, activation)
    first, second = batch_of(1), batch_of(2, reset=(1,))
    _, after = by_hand(learner, first, learner.model.start(3))
    keep = torch.tensor([[1.0], [0.0], [1.0]])
    carried: State = tuple(tuple(array.detach() * keep for array in layer) for layer in after)
    expected, _ = by_hand(learner, second, carried)
    from_zero, _ = by_hand(learner, second, learner.model.start(3))
    all_kept, _ = by_hand(learner, second, tuple(tuple(a.detach() for a in layer) for layer in after))
    assert len({round(float(loss.detach()), 5) for loss in (expected, from_zero, all_kept)}) == 3
    learner.step(first, 0.0, 0, carry=True)
    assert learner.step(second, 0.0, 1, carry=True).loss == pytest.approx(float(expected.detach()), rel=1e-5)


def test_lines_carry_nothing() -> None:
    learner = learner_of()
    expected, _ = by_hand(learner, batch_of(2), learner.model.start(3))
    learner.step(batch_of(1), 0.0, 0, carry=False)
    assert learner.step(batch_of(2), 0.0, 1, carry=False).loss == pytest.approx(float(expected.detach()), rel=1e-5)


def test_a_step_that_is_not_finite_changes_nothing_and_forgets_the_state() -> None:
    learner = learner_of(ema=0.9, optimizer="adamw")
    learner.step(batch_of(1), 0.1, 0, carry=True)
    assert any(name.startswith("carried/") for name in learner.tensors())
    with torch.no_grad():
        learner.parameters["head.bias"][0] = float("inf")
    before = [p.detach().clone() for p in learner.parameters.values()]
    averaged = [t.clone() for t in learner.average.values.values()]
    result = learner.step(batch_of(2), 0.1, 1, carry=True)
    assert not result.taken
    assert same([p.detach() for p in learner.parameters.values()], before)
    assert same(list(learner.average.values.values()), averaged)
    assert not any(name.startswith("carried/") for name in learner.tensors())
    assert all(p.grad is None for p in learner.parameters.values())


def test_a_scale_under_which_gradients_overflow_comes_down_until_they_do_not() -> None:
    """As for fp16, here in float32 with a scale at the end of its range."""
    learner, plain = learner_of(clip_norm=1.0), learner_of(clip_norm=1.0)
    learner.scale = LossScale(2.0**130)
    found = []
    for step in range(120):
        result = learner.step(batch_of(1), 0.1, step, carry=False)
        found.append(result.taken)
        if result.taken:
            break
        assert all(bool(torch.isfinite(p).all()) for p in learner.parameters.values())
    assert found.count(False) == len(found) - 1 >= 3
    assert learner.scale == LossScale(2.0 ** (130 - found.count(False)), 1)
    expected = plain.step(batch_of(1), 0.1, 0, carry=False)
    assert result.loss == expected.loss
    assert result.grad_norm == pytest.approx(expected.grad_norm, rel=1e-4)
    for one, two in zip(learner.parameters.values(), plain.parameters.values(), strict=True):
        torch.testing.assert_close(one.detach(), two.detach(), rtol=1e-4, atol=1e-6)


def test_gradients_are_clipped_before_they_move_the_weights() -> None:
    learner, batch = learner_of(clip_norm=0.01), batch_of(1)
    before = torch.cat([p.detach().flatten().clone() for p in learner.parameters.values()])
    result = learner.step(batch, 1.0, 0, carry=False)
    assert result.grad_norm > 0.01
    moved = torch.cat([p.detach().flatten() for p in learner.parameters.values()]) - before
    assert float(moved.norm()) == pytest.approx(0.01, rel=1e-3)


def test_dropout_follows_from_seed_and_step() -> None:
    def loss(seed: int, step: int) -> float:
        return learner_of(dropout=0.5, seed=seed).step(batch_of(1), 0.0, step, carry=False).loss

    assert loss(1, 4) == loss(1, 4)
    assert len({loss(1, 4), loss(1, 5), loss(2, 4)}) == 3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_it_gives_is_what_it_takes(precision: Any) -> None:
    config: dict[str, Any] = {"optimizer": "adamw", "ema": 0.9, "precision": precision}
    whole, again = learner_of(**config), learner_of("lstm", **config)
    for step in range(3):
        whole.step(batch_of(step), 0.1, step, carry=True)
    tensors = {name: tensor.detach().clone() for name, tensor in whole.tensors().items()}
    again.load(tensors, average_updates=whole.average.updates, average_on=whole.average.on)
    assert again.tensors().keys() == tensors.keys()
    for step in (3, 4):
        assert whole.step(batch_of(step), 0.1, step, carry=True) == again.step(batch_of(step), 0.1, step, carry=True)
    assert same(list(whole.tensors().values()), list(again.tensors().values()))


def test_bf16_is_close_to_fp32() -> None:
    fast, exact = learner_of(precision="bf16"), learner_of()
    one, two = (learner.step(batch_of(1), 0.0, 0, carry=False) for learner in (fast, exact))
    assert one.loss == pytest.approx(two.loss, rel=0.02)
    assert one.loss != two.loss
    assert one.grad_norm == pytest.approx(two.grad_norm, rel=0.1)


def test_the_first_predictions_are_how_often_each_token_comes() -> None:
    """Token 0 five times, 1 three times, 2 never, which counts half: of 8.5."""
    ids = np.array([0, 1, 0, 0, 1, 0, 0, 1], np.uint16)
    config = config_of("gru", vocab_size=3)
    model = new_model(config, 1, ids)
    bias = model.bias.detach()
    np.testing.assert_allclose(torch.softmax(bias, 0), np.array([5, 3, 0.5]) / 8.5, rtol=1e-6)
    assert float(bias[torch.from_numpy(ids.astype(np.int64))].mean()) == pytest.approx(0, abs=1e-6)
    others = [[p for p in one.parameters() if p is not one.bias] for one in (model, new_model(config, 1))]
    assert same(*others)


def test_of_a_long_text_parts_from_all_over_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two halves of different tokens, of which a tenth is read."""
    monkeypatch.setattr("rnncli.training.beginning.MOST_COUNTED", 1000)
    monkeypatch.setattr("rnncli.training.beginning.COUNTED_AT_ONCE", 10)
    ids = np.repeat(np.array([0, 1], np.uint16), 5000)
    np.testing.assert_allclose(log_frequencies(ids, 2), [0, 0], atol=0.03)
    counted = log_frequencies(ids, 3)
    assert counted[2] - counted[0] == pytest.approx(np.log(0.5 / 500), abs=0.03)
