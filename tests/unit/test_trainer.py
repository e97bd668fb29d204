"""The loop, on a clock that a test moves: when it ends, evaluates, saves, slows down, stops and gives up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from rnncli.errors import ModelError, RnncliError
from rnncli.events import Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.nn.likelihood import weighted_loss
from rnncli.nn.weights import to_arrays
from rnncli.training.beginning import new_model
from rnncli.training.evaluate import Validation
from rnncli.training.job import Job
from rnncli.training.learner import Learner, StepResult
from rnncli.training.optim import LossScale
from rnncli.training.schedule import Position, learning_rate
from rnncli.training.state import STATE, load_state
from rnncli.training.trainer import BAD_STEPS, EVALUATIONS, LAST_WINS, LOOK_BACK, MOST_RESTORES, SAVE_SECONDS, Trainer
from tests.nets import MACHINE, config_of, job

E = TypeVar("E")


class Clock:
    """Time passes only in steps: ``cost`` says how many seconds the step of a number takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 1000.0
        self.cost: Callable[[int], float] = lambda step: 0.25
        real = Learner.step

        def step(learner: Learner, batch: Any, rate: float, number: int, *, carry: bool) -> StepResult:
            self.time += self.cost(number)
            return real(learner, batch, rate, number, carry=carry)

        monkeypatch.setattr(Learner, "step", step)

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Validation losses to come, in nats a token; the last one stays."""
    found: list[float] = [2.0]

    def tally(self: Validation, model: Any) -> Any:
        loss = found.pop(0) if len(found) > 1 else found[0]
        return dataclasses.replace(self.counts, logprob=-loss * len(self.ids), tokens=len(self.ids))

    monkeypatch.setattr(Validation, "tally", tally)
    return found


def only(kind: type[E], events: Sequence[TrainEvent]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def trainer_of(given: Job, clock: Clock, seconds: float | None = None) -> Trainer:
    trainer = Trainer(given, MACHINE, now=clock)
    if seconds is not None:
        trainer.end_training_at(clock.time + seconds)
    return trainer


# -- a budget of time


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "exponential"])
@pytest.mark.parametrize("uneven", [False, True])
def test_a_clocked_run_ends_at_its_deadline_and_its_rate_with_it(
    tmp_path: Path, clock: Clock, schedule: Any, uneven: bool
) -> None:
    """However fast the steps are: here three times slower in the middle."""
    if uneven:
        clock.cost = lambda step: 0.45 if 20 <= step < 60 else 0.15
    trainer = trainer_of(job(tmp_path, minutes=1, schedule=schedule, warmup=0.1), clock, 30)
    events = list(trainer.run())
    steps = only(StepDone, events)
    assert trainer.reason == "budget"
    assert 1030 <= clock.time < 1030.5
    peak, share = 0.01, 0.0
    for step in steps:
        expected = learning_rate(Position(progress=share, step=step.step - 1), trainer.job.train)
        assert step.learning_rate == pytest.approx(expected)
        share = step.progress
        assert step.seconds_left == pytest.approx(30 * (1 - share), abs=1e-6)
    end = {"cosine": 0.0, "linear": 0.0, "constant": peak, "exponential": peak * 0.5**10}[schedule]
    assert steps[-1].learning_rate == pytest.approx(end, abs=0.02 * peak)
    assert max(step.learning_rate for step in steps) <= peak
    assert steps[-1].progress == 1.0
    assert isinstance(events[-2], Evaluated)
    assert isinstance(events[-1], Saved)


def test_a_clocked_run_evaluates_at_its_marks(tmp_path: Path, clock: Clock) -> None:
    events = list(trainer_of(job(tmp_path, minutes=1), clock, 50).run())
    progress = {step.step: step.progress for step in only(StepDone, events)}
    found = [progress[event.step] for event in only(Evaluated, events)]
    assert found == pytest.approx(EVALUATIONS, abs=0.25 / 50)


def test_a_slow_step_over_two_marks_is_one_evaluation(tmp_path: Path, clock: Clock) -> None:
    clock.cost = lambda step: 20.0 if step == 3 else 0.5
    events = list(trainer_of(job(tmp_path, minutes=1), clock, 50).run())
    assert [event.step for event in only(Evaluated, events)][:2] == [4, 6]


def test_a_deadline_can_be_moved(tmp_path: Path, clock: Clock) -> None:
    trainer = trainer_of(job(tmp_path, minutes=1), clock, 1000)
    rates = []
    for event in trainer.run():
        if isinstance(event, StepDone):
            rates.append(event.learning_rate)
            if event.step == 20:
                trainer.end_training_at(1020.0)
    assert 1020 <= clock.time < 1020.5
    assert rates[-1] < 0.0001


def test_a_clocked_run_goes_on_with_what_its_budget_left(tmp_path: Path, clock: Clock) -> None:
    given = job(tmp_path, minutes=1)
    first = trainer_of(given, clock, 30)
    events = []
    for event in first.run():
        events.append(event)
        if isinstance(event, StepDone) and event.step == 50:
            first.request_stop()
    assert clock.time == 1012.5
    clock.time += 5000
    second = trainer_of(given, clock)
    assert second.restore()
    assert second.share() == pytest.approx(12.5 / 30)
    more = list(second.run())
    assert clock.time == pytest.approx(6030, abs=0.3)
    assert only(StepDone, more)[0].progress == pytest.approx(12.75 / 30)
    evaluated = [*only(Evaluated, events), *only(Evaluated, more)]
    assert len({event.step for event in evaluated}) == len(evaluated) == len(EVALUATIONS)


def test_a_run_with_new_minutes_evaluates_on_its_way(tmp_path: Path, clock: Clock) -> None:
    given = job(tmp_path, minutes=1)
    list(trainer_of(given, clock, 20).run())
    more = trainer_of(given, clock)
    assert more.restore()
    more.end_training_at(clock.time + 80)
    events = list(more.run())
    assert len(only(StepDone, events)) == 320
    assert len(only(Evaluated, events)) == sum(mark > 0.2 for mark in EVALUATIONS)


def test_a_run_without_any_time_still_gives_a_model(tmp_path: Path, clock: Clock) -> None:
    events = list(trainer_of(job(tmp_path, minutes=1), clock, 0).run())
    assert [type(event) for event in events] == [Evaluated, Saved]


# -- a budget of steps or epochs


def test_steps_are_evaluated_at_their_marks_and_saved_after(tmp_path: Path, clock: Clock) -> None:
    events = list(trainer_of(job(tmp_path, steps=25, eval_every=10), clock).run())
    assert [event.step for event in only(StepDone, events)] == list(range(1, 26))
    assert [event.step for event in only(Evaluated, events)] == [10, 20, 25]
    assert [event.step for event in only(Saved, events)] == [10, 20, 25]
    order = [type(event) for event in events if not isinstance(event, StepDone)]
    assert order == [Evaluated, Saved] * 3
    rates = [event.learning_rate for event in only(StepDone, events)]
    config = job(tmp_path, steps=25).train
    assert rates == [learning_rate(Position(progress=step / 25, step=step), config) for step in range(25)]


def test_epochs_are_steps(tmp_path: Path, clock: Clock) -> None:
    stream = trainer_of(job(tmp_path, epochs=2.5), clock)
    assert stream.total_steps == -(-int(2.5 * 600) // 32)
    lines = trainer_of(job(tmp_path, unit="lines", epochs=3), clock)
    assert lines.reader.lines is not None
    assert lines.total_steps == 3 * lines.reader.lines.batches_per_epoch
    assert only(StepDone, list(lines.run()))[-1].step == lines.total_steps
    assert lines.reason == "steps"
    assert lines.progress.tokens == 3 * 600
    assert trainer_of(job(tmp_path, epochs=1e-9), clock).total_steps == 1


@pytest.mark.parametrize("unit", ["stream", "lines"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_learns(tmp_path: Path, clock: Clock, unit: Any, cell: Any) -> None:
    """The next token follows from the last but for a fifth and the line ends: about 0.9 nats, of 1.95 uniform."""
    model = config_of(cell, layers=1, hidden_size=16, embedding_size=16)
    events = list(trainer_of(job(tmp_path, unit=unit, model=model, steps=150, learning_rate=0.03), clock).run())
    [evaluated] = only(Evaluated, events)
    assert evaluated.valid.token_perplexity is not None
    assert 2.0 < evaluated.valid.token_perplexity < 4.0
    assert only(StepDone, events)[0].loss == pytest.approx(np.log(7), abs=0.3)


def test_a_saved_run_is_saved_now_and_then(tmp_path: Path, clock: Clock) -> None:
    clock.cost = lambda step: 4.0
    events = list(trainer_of(job(tmp_path, steps=30, eval_every=20), clock).run())
    each = int(SAVE_SECONDS // 4) + 1
    assert [event.step for event in only(Saved, events)] == [each, 2 * each, 20, 20 + each, 30]


# -- best, patience, plateau, averages


def test_patience(tmp_path: Path, clock: Clock, losses: list[float]) -> None:
    losses[:] = [3.0, 2.0, 2.0, 2.5, 1.0]
    trainer = trainer_of(job(tmp_path, steps=100, eval_every=10, patience=2), clock)
    events = list(trainer.run())
    assert [(e.step, e.best) for e in only(Evaluated, events)] == [(10, True), (20, True), (30, False), (40, False)]
    assert trainer.reason == "patience"
    assert (trainer.progress.best, trainer.progress.best_step) == (2.0, 20)
    assert [event.best for event in only(Saved, events)] == [True, True, False, False]


@pytest.mark.parametrize(("last", "kept"), [(0.9, 30), (1.0, 30), (1.03, 30), (1.05, 10)])
def test_the_last_weights_are_kept_where_chance_alone_makes_them_worse(
    tmp_path: Path, clock: Clock, losses: list[float], last: float, kept: int
) -> None:
    losses[:] = [1.0, 1.03, last]
    trainer = trainer_of(job(tmp_path, steps=30, eval_every=10), clock)
    looks = only(Evaluated, list(trainer.run()))
    assert LAST_WINS / len(trainer.validation.ids) ** 0.5 == pytest.approx(0.042, abs=0.001)
    assert [look.best for look in looks] == [True, False, kept == 30]
    assert trainer.progress.best_step == kept


def test_each_evaluation_that_is_no_better_is_a_plateau(tmp_path: Path, clock: Clock, losses: list[float]) -> None:
    losses[:] = [3.0, 3.5, 2.0, 2.1, 2.2, 1.0]
    settings: dict[str, Any] = {"schedule": "plateau", "decay_rate": 0.5, "warmup": 0.0}
    events = list(trainer_of(job(tmp_path, steps=60, eval_every=10, **settings), clock).run())
    rates = [event.learning_rate for event in only(StepDone, events)]
    assert rates == [r for r in (0.01, 0.01, 0.005, 0.005, 0.0025, 0.00125) for _ in range(10)]


def test_what_is_evaluated_is_the_average(tmp_path: Path, clock: Clock) -> None:
    trainer = trainer_of(job(tmp_path, steps=10, eval_every=5, ema=0.9), clock)
    for event in trainer.run():
        if isinstance(event, Evaluated):
            average = to_arrays(trainer.job.model, trainer.learner.average.values)
            plain = to_arrays(trainer.job.model, trainer.learner.parameters)
            weights = event.weights()
            assert all(np.array_equal(weights[name], average[name]) for name in average)
            assert any(not np.array_equal(weights[name], plain[name]) for name in plain)
            assert trainer.learner.average.updates == event.step


def test_weights_of_an_evaluation_stay_what_they_were(tmp_path: Path, clock: Clock) -> None:
    first = None
    for event in trainer_of(job(tmp_path, steps=10, eval_every=5), clock).run():
        if isinstance(event, Evaluated) and first is None:
            first = event
            then = {name: array.copy() for name, array in event.weights().items()}
    assert first is not None
    assert all(np.array_equal(array, then[name]) for name, array in first.weights().items())


def test_averaged_sgd_begins_where_validation_stands_still(tmp_path: Path, clock: Clock, losses: list[float]) -> None:
    """At the first loss above the best of those ``LOOK_BACK`` evaluations and more ago."""
    losses[:] = [3.0, 2.0, *[2.5] * (LOOK_BACK + 1), 1.9, 1.0]
    trainer = trainer_of(job(tmp_path, steps=100, eval_every=10, optimizer="asgd", learning_rate=0.1), clock)
    on = [trainer.learner.average.on for event in trainer.run() if isinstance(event, Evaluated)]
    assert on == [False] * (LOOK_BACK + 2) + [True] * (8 - LOOK_BACK)


# -- a loss that is not finite


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Numbers of the losses (from 0, each one that is computed) that come out as NaN."""
    spoiled: set[int] = set()
    counter: Iterator[int] = iter(range(10**9))

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        return weighted_loss(*tensors) * (float("nan") if next(counter) in spoiled else 1.0)

    monkeypatch.setattr("rnncli.training.learner.weighted_loss", loss)
    return spoiled


def snapshot(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in trainer.learner.parameters.items()}


def test_a_step_without_a_finite_loss_is_skipped_and_counted(tmp_path: Path, clock: Clock, spoil: set[int]) -> None:
    spoil |= {3, 4, 8}
    trainer = trainer_of(job(tmp_path, steps=12, eval_every=12), clock)
    before, events = snapshot(trainer), []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, StepDone):
            moved = any(not torch.equal(t, before[name]) for name, t in snapshot(trainer).items())
            assert moved == (event.step - 1 not in spoil)
            before = snapshot(trainer)
    assert [event.skipped for event in only(StepDone, events)] == [0, 0, 0, 1, 2, 2, 2, 2, 3, 3, 3, 3]
    assert only(Notice, events) == []
    assert all(bool(torch.isfinite(t).all()) for t in before.values())
    assert trainer.progress.train_loss is not None
    assert np.isfinite(trainer.progress.train_loss)


def test_many_in_a_row_go_back_to_the_last_good_state_at_half_the_rate(
    tmp_path: Path, clock: Clock, spoil: set[int]
) -> None:
    spoil |= set(range(15, 15 + BAD_STEPS))
    trainer = trainer_of(job(tmp_path, steps=40, eval_every=10, schedule="constant", warmup=0.0), clock)
    kept, events = {}, []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Saved):
            kept = snapshot(trainer)
        if isinstance(event, Notice):
            assert all(torch.equal(tensor, kept[name]) for name, tensor in snapshot(trainer).items())
    [notice] = only(Notice, events)
    assert "half the rate" in notice.message
    steps = only(StepDone, events)
    assert [step.step for step in steps] == list(range(1, 41))
    assert [step.learning_rate for step in steps] == [0.01] * 25 + [0.005] * 15
    assert steps[-1].skipped == BAD_STEPS
    assert trainer.progress.tokens == 40 * 32


@pytest.mark.parametrize("saved", [True, False])
def test_a_scale_that_came_down_stays_down_where_a_run_goes_back(
    tmp_path: Path, clock: Clock, spoil: set[int], saved: bool
) -> None:
    """Else the same overflows come again, and the run gives up."""
    spoil |= set(range(15, 15 + BAD_STEPS))
    trainer = trainer_of(job(tmp_path, steps=30, eval_every=10 if saved else 30), clock)
    trainer.learner.scale = LossScale(1024.0)
    for event in trainer.run():
        if isinstance(event, Notice):
            assert trainer.learner.scale == LossScale(1024.0 / 2**BAD_STEPS)
    assert trainer.progress.restores == 1


def test_skipped_steps_with_good_ones_between_do_not_go_back(tmp_path: Path, clock: Clock, spoil: set[int]) -> None:
    spoil |= {n for n in range(100) if n % BAD_STEPS}
    trainer = trainer_of(job(tmp_path, steps=60, eval_every=60), clock)
    assert only(Notice, list(trainer.run())) == []
    assert trainer.progress.skipped == 60 * (BAD_STEPS - 1) // BAD_STEPS


def test_before_the_first_save_it_starts_from_fresh_weights(tmp_path: Path, clock: Clock, spoil: set[int]) -> None:
    spoil |= set(range(3, 3 + BAD_STEPS))
    trainer = trainer_of(job(tmp_path, steps=20, eval_every=20), clock)
    for event in trainer.run():
        if isinstance(event, Notice):
            fresh = new_model(trainer.job.model, trainer.job.train.seed)
            assert torch.equal(trainer.learner.parameters["embedding"], fresh.embedding)
            assert trainer.progress.step == 3 + BAD_STEPS
    assert trainer.progress.rate_scale == 0.5


def test_it_gives_up_with_one_clear_line(tmp_path: Path, clock: Clock, spoil: set[int]) -> None:
    spoil |= set(range(5, 10_000))
    trainer = trainer_of(job(tmp_path, steps=1000, eval_every=5), clock)
    events: list[TrainEvent] = []

    def run() -> None:
        events.extend(trainer.run())

    with pytest.raises(RnncliError, match="diverged") as caught:
        run()
    assert "--learning-rate 0.001" in str(caught.value.hint)
    assert trainer.progress.skipped == BAD_STEPS * (MOST_RESTORES + 1)


def test_a_real_explosion_ends_with_one_clear_line(tmp_path: Path, clock: Clock) -> None:
    model = config_of("rnn", "relu", hidden_size=16, embedding_size=16)
    settings: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 1000.0, "clip_norm": 0.0, "schedule": "constant"}
    with pytest.raises(RnncliError, match="diverged"):
        list(trainer_of(job(tmp_path, model=model, steps=500, **settings), clock).run())


# -- stopping and going on


def test_a_stop_is_saved_and_said(tmp_path: Path, clock: Clock) -> None:
    given = job(tmp_path, steps=40, eval_every=10)
    trainer, events = trainer_of(given, clock), []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, StepDone) and event.step == 17:
            trainer.request_stop()
    assert trainer.reason == "interrupted"
    assert isinstance(events[-1], Saved)
    assert events[-1].step == 17
    loaded = load_state(tmp_path)
    assert loaded is not None
    assert loaded[0].step == 17
    assert [event.step for event in only(Evaluated, events)] == [10]


def test_a_stop_before_the_first_evaluation_looks_once_and_forgets_it(tmp_path: Path, clock: Clock) -> None:
    """So that there is a model to use, and the run that goes on is that of one left alone."""
    trainer, events = trainer_of(job(tmp_path, steps=40, eval_every=10, patience=1), clock), []
    trainer.request_stop()
    events = list(trainer.run())
    assert [type(event) for event in events] == [Evaluated, Saved]
    assert [event.best for event in only(Saved, events)] == [True]
    loaded = load_state(tmp_path)
    assert loaded is not None
    assert (loaded[0].best, loaded[0].recent, loaded[0].plateaus, loaded[0].since_best) == (None, (), 0, 0)


def test_a_finished_run_taken_up_again_does_nothing(tmp_path: Path, clock: Clock) -> None:
    given = job(tmp_path, steps=20, eval_every=10)
    list(trainer_of(given, clock).run())
    before = (tmp_path / STATE).read_bytes()
    again = trainer_of(given, clock)
    assert again.restore()
    assert list(again.run()) == []
    assert (tmp_path / STATE).read_bytes() == before


def test_without_a_state_there_is_nothing_to_take_up(tmp_path: Path, clock: Clock) -> None:
    assert not trainer_of(job(tmp_path, steps=20), clock).restore()


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_broken_state_is_named(tmp_path: Path, clock: Clock, size: int) -> None:
    given = job(tmp_path, steps=4)
    list(trainer_of(given, clock).run())
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:size])
    with pytest.raises(ModelError, match=STATE) as caught:
        trainer_of(given, clock).restore()
    assert caught.value.hint
