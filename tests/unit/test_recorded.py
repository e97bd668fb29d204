"""A recorded step is the step that is taken piece by piece: here without a GPU, where a replay is the step itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnncli.config import TrainConfig
from rnncli.events import Evaluated, Saved, StepDone
from rnncli.nn.resembling import Resembling
from rnncli.text.resemblance import resemblance
from rnncli.training.batches import Batch
from rnncli.training.learner import Learner
from rnncli.training.optim import LossScale
from rnncli.training.recorded import TAKEN_BEFORE, RecordedStep
from rnncli.training.trainer import Trainer
from tests.nets import MACHINE, PLAIN, batch_of, config_of, job, network, same


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncli.training.recorded.RECORDED_ON", ("cpu",))


def learner_of(cell: Any = "lstm", activation: Any = "tanh", *, spelled: bool = False, **settings: Any) -> Learner:
    rates = {"dropout": 0.4, "input_dropout": 0.3, "recurrent_dropout": 0.2, "embedding_dropout": 0.1}
    model = network(config_of(cell, activation, **rates), dtype=torch.float32)
    config = TrainConfig(**{**PLAIN, "optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 0.05, **settings})
    found = resemblance([" ab", "ab", "Ab", "cd", " cd", "e", "\n"])
    return Learner(
        model, config, MACHINE, resembling=Resembling(found, model.config.embedding_size) if spelled else None
    )


def batches(count: int) -> list[Batch]:
    """Of one shape; rows begin anew now and then, and some tokens do not count."""
    random = np.random.default_rng(5)
    found = []
    for step in range(count):
        batch = batch_of(step, lengths=(6, 2, 5) if step % 2 else (6, 6, 6))
        found.append(Batch(batch.inputs_BT, batch.targets_BT, batch.counted_BT, random.random(3) < 0.3))
    return found


def trained(learner: Learner, given: list[Batch], rate: Callable[[int], float] = lambda step: 0.01) -> list[Any]:
    return [learner.launch(batch, rate(step), step, carry=True)() for step, batch in enumerate(given)]


@pytest.mark.parametrize(("cell", "activation"), [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "crelu")])
@pytest.mark.parametrize(("spelled", "ema"), [(False, 0.0), (True, 0.7)])
def test_it_teaches_the_same(
    monkeypatch: pytest.MonkeyPatch, cell: Any, activation: Any, spelled: bool, ema: float
) -> None:
    """With changing rates, clipping, all kinds of dropout and a scale, an average, and from a state that goes on."""
    one, two = (learner_of(cell, activation, spelled=spelled, ema=ema) for _ in range(2))
    one.scale = two.scale = LossScale(1024.0)
    expected = trained(one, batches(9), lambda step: 0.02 / (1 + step))
    assert one.recorded is None
    monkeypatch.setattr("rnncli.training.recorded.RECORDED_ON", ("cpu",))
    found = trained(two, batches(9), lambda step: 0.02 / (1 + step))
    assert isinstance(two.recorded, RecordedStep)
    for mine, other in zip(found, expected, strict=True):
        assert mine.loss == pytest.approx(other.loss, rel=1e-5)
        assert mine.grad_norm == pytest.approx(other.grad_norm, rel=1e-4)
        assert (mine.tokens, mine.taken) == (other.tokens, other.taken)
    assert max(result.grad_norm for result in expected) > 0.05, "something is clipped"
    for name, tensor in one.tensors().items():
        torch.testing.assert_close(two.tensors()[name], tensor.detach(), rtol=1e-4, atol=1e-6, check_dtype=False)
    assert two.scale == one.scale
    assert two.average.updates == one.average.updates == (9 if ema else 0)


@pytest.mark.usefixtures("recording")
def test_a_step_that_is_not_finite_changes_nothing_and_forgets_the_state() -> None:
    learner = learner_of(ema=0.9)
    learner.scale = LossScale(1024.0)
    given = batches(TAKEN_BEFORE + 4)
    trained(learner, given[: TAKEN_BEFORE + 2])
    assert learner.recorded is not None
    with torch.no_grad():
        kept = learner.parameters["head.bias"][0].clone()
        learner.parameters["head.bias"][0] = float("inf")
    before = {name: tensor.detach().clone() for name, tensor in learner.tensors().items()}
    result = learner.launch(given[-2], 0.1, 9, carry=True)()
    assert not result.taken
    after = learner.tensors()
    # An average of weights that are not finite themselves is none.
    names = [name for name in before if not name.startswith("carried/") and name != "average/head.bias"]
    assert same([after[name].detach() for name in names], [before[name] for name in names])
    assert not any(tensor.any() for name, tensor in after.items() if name.startswith("carried/"))
    assert learner.scale == LossScale(512.0, 0)
    assert learner.average.updates == TAKEN_BEFORE + 2
    with torch.no_grad():
        learner.parameters["head.bias"][0] = kept
    learner.average.values["head.bias"].fill_(0.0)
    assert learner.launch(given[-1], 0.1, 10, carry=True)().taken


@pytest.mark.usefixtures("recording")
def test_a_step_that_is_not_finite_only_puts_it_off() -> None:
    """In float16 an early one may well overflow, and leaves no state to begin with."""
    learner, given = learner_of(), batches(TAKEN_BEFORE + 3)
    trained(learner, given[: TAKEN_BEFORE - 1])
    bias = learner.parameters["head.bias"]
    with torch.no_grad():
        kept = bias[0].clone()
        bias[0] = float("inf")
    assert not learner.launch(given[-4], 0.1, TAKEN_BEFORE, carry=True)().taken
    with torch.no_grad():
        bias[0] = kept
    assert all(result.taken for result in trained(learner, given[-3:]))
    assert learner.recorded is not None


@pytest.mark.usefixtures("recording")
@pytest.mark.parametrize("optimizer", ["sgd", "asgd"])
def test_what_the_processor_decides_is_not_recorded(optimizer: Any) -> None:
    learner = learner_of(optimizer=optimizer)
    trained(learner, batches(TAKEN_BEFORE + 2))
    assert learner.recorded is None


@pytest.mark.usefixtures("recording")
def test_where_it_fails_steps_are_taken_one_kernel_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    plain = learner_of()
    learner = learner_of()
    monkeypatch.setattr(RecordedStep, "__init__", fail)
    trained(learner, batches(8))
    assert learner.recorded is None
    monkeypatch.setattr("rnncli.training.recorded.RECORDED_ON", ())
    trained(plain, batches(8))
    assert same([p.detach() for p in learner.parameters.values()], [p.detach() for p in plain.parameters.values()])


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_run_of_recorded_steps_is_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: bool) -> None:
    """Each step once and in order, also where one has begun while another one's record is looked at."""
    settings: dict[str, Any] = {"steps": 60, "eval_every": 20, "optimizer": "adamw"}
    expected = list(Trainer(job(tmp_path / "a", **settings), MACHINE).run())
    monkeypatch.setattr("rnncli.training.recorded.RECORDED_ON", ("cpu",))
    trainer = Trainer(job(tmp_path / "b", **settings), MACHINE)
    found: list[Any] = []
    for event in trainer.run():
        found.append(event)
        if interrupted and isinstance(event, StepDone) and event.step == 33:
            trainer.request_stop()
    if interrupted:
        assert isinstance(found[-1], Saved)
        assert found[-1].step in (33, 34)
        trainer = Trainer(trainer.job, MACHINE)
        assert trainer.restore()
        found = [event for event in found if not isinstance(event, Saved)] + list(trainer.run())
    steps = [[e for e in events if isinstance(e, StepDone)] for events in (found, expected)]
    assert [e.step for e in steps[0]] == [e.step for e in steps[1]] == list(range(1, 61))
    for mine, other in zip(*steps, strict=True):
        assert mine.loss == pytest.approx(other.loss, rel=1e-3)
        assert mine.learning_rate == pytest.approx(other.learning_rate)
    evaluated = [[e for e in events if isinstance(e, Evaluated)] for events in (found, expected)]
    assert [e.step for e in evaluated[0]] == [e.step for e in evaluated[1]] == [20, 40, 60]
    for one, two in zip(*evaluated, strict=True):
        assert one.valid.logprob == pytest.approx(two.valid.logprob, rel=1e-3)
