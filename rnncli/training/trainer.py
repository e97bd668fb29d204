"""The loop: batches in, records out. It is suspended while it yields, and can be killed anywhere.

A run is (run.json, ids, last saved state). Everything random is drawn from (seed, step), so going on from a state
repeats, bit for bit on a CPU, what an uninterrupted run would have done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace

from rnncli.device import Machine
from rnncli.errors import DivergedError
from rnncli.events import Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.nn.model import LanguageModel
from rnncli.nn.weights import from_arrays, to_arrays
from rnncli.training.beginning import new_learner
from rnncli.training.job import Job
from rnncli.training.learner import StepResult
from rnncli.training.optim import LossScale
from rnncli.training.ranks import ALONE, Order, Ranks
from rnncli.training.reading import Reader
from rnncli.training.schedule import Position, learning_rate
from rnncli.training.state import Progress, as_int64, load_state, save_state

EVALUATIONS = (0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.93, 1.0)
"""Shares of the budget at which the validation text is looked at; the last one is the end."""

FEWEST_LOOKED_AT, MOST_LOOKED_AT = 2048, 65536
"""Tokens of the validation text that an evaluation reads."""
SAVE_SECONDS = 30.0
BAD_STEPS = 10
"""Steps in a row without a finite loss after which the last saved state is taken up again at half the rate."""
MOST_RESTORES = 3
LAST_WINS = 0.6
"""Nats, over the root of its tokens, by which the last look may be worse than the best and its weights be kept: so much
is chance, and the last ones have learned most."""
LOOK_BACK = 5
"""Averaging begins when a validation loss is no better than the best of those this many evaluations ago."""


class Trainer:
    """Runs a job. ``run`` yields records; ``request_stop`` makes it end after the step that is being taken."""

    def __init__(
        self,
        job: Job,
        machine: Machine,
        *,
        started: float = 0.0,
        now: Callable[[], float] = time.monotonic,
        ranks: Ranks = ALONE,
    ) -> None:
        self.job, self.machine, self.now, self.started, self.ranks = job, machine, now, started, ranks
        self.learner = new_learner(job, machine, ranks)
        self.shadow = LanguageModel(job.model).to(self.learner.device).eval().requires_grad_(False)
        self.progress = Progress()
        self.reader = Reader(job)
        self._launched: tuple[float, float, Callable[[], StepResult]] | None = None
        """A step that has begun: when, with what learning rate, and what waits for its end."""
        self.stopping = False
        self.reason = "budget"
        self.validation = job.validation(MOST_LOOKED_AT)
        self._since = self._saved_at = self.now()
        self._last_saved = -1

    def look_at(self, tokens: int) -> None:
        """Have evaluations read about so many tokens of the validation text from now on."""
        tokens = max(FEWEST_LOOKED_AT, min(tokens, MOST_LOOKED_AT))
        self.progress = replace(self.progress, looked_at=tokens)
        self.validation = self.job.validation(tokens)

    @property
    def total_steps(self) -> int | None:
        """Steps of the whole run, where the budget is not time."""
        train = self.job.train
        if train.steps is not None:
            return train.steps
        return None if train.epochs is None else self.reader.steps(train.epochs)

    def request_stop(self) -> None:
        """End after this step, with a save."""
        self.stopping = True

    def end_training_at(self, deadline: float) -> None:
        """Move the end of a clocked run's training; the schedule stretches or shrinks with it."""
        self.progress = replace(self.progress, total=self._spent() + max(0.0, deadline - self.now()))

    def restore(self) -> bool:
        """Take up the last saved state; False where there is none: then all is fresh."""
        self.ranks.order(Order.RESTORE)
        return self.load()

    def load(self) -> bool:
        """``restore`` of this process alone."""
        loaded = load_state(self.job.folder, self.learner.expected(self.reader.positions, len(self.job.ids)))
        if loaded is None:
            self.learner, self.progress = new_learner(self.job, self.machine, self.ranks), Progress()
            return False
        progress, tensors = loaded
        self.learner.load(tensors, average_updates=progress.average_updates, average_on=progress.average_on)
        if self.learner.scale is not None:
            self.learner.scale = LossScale(progress.loss_scale, progress.good_steps)
        self.reader.positions = tensors["positions"].numpy()
        self.progress = progress
        if progress.looked_at is not None:
            self.look_at(progress.looked_at)
        self._last_saved = progress.step
        return True

    def load_again(self) -> None:
        """The last saved state, or a fresh one, but for the scale of losses."""
        scale = self.learner.scale
        self.load()
        self.learner.scale = scale

    def run(self) -> Iterator[TrainEvent]:
        """Train to the end of the budget. The last records are an ``Evaluated`` and a ``Saved``."""
        self._since = self._saved_at = self.now()
        # A run that was given more time has marks before it again.
        self.progress = replace(self.progress, marks=min(self.progress.marks, self._marks()))
        bad = 0
        while self._launched is not None or not self._finished():
            result, event = self._step()
            # A device that needs nobody while it works has its next step before anybody looks at the last one.
            if self.learner.recorded is not None and result.taken and not self._pauses():
                self._launched = self._launch()
            yield event
            if self._launched is not None:
                continue
            bad = 0 if result.taken else bad + 1
            if bad >= BAD_STEPS:
                yield self._go_back()
                bad = 0
            if self._evaluation_due():
                yield self._evaluate()
                yield self._save()
            elif self._save_due():
                yield self._save()
        if self.progress.best is None:
            before, first = self.progress, self._evaluate()
            yield first
            if not first.best:
                raise DivergedError("training diverged: no finite validation loss", hint=self._calmer())
            if self.stopping:  # an uninterrupted run would not have looked here
                self.progress = replace(before, best_step=first.step)
            yield self._save()
        elif not (self.stopping or self.progress.evaluated == self.progress.step):
            yield self._evaluate()
            yield self._save()
        elif self._last_saved != self.progress.step:
            yield self._save()

    # -- where the run is

    def share(self) -> float:
        """How much of the budget is used, 0 to 1."""
        total = self.total_steps
        if total is not None:
            return min(1.0, self.progress.step / total)
        seconds = self.progress.total or 0.0
        return min(1.0, self._spent() / seconds) if seconds else 1.0

    def _spent(self) -> float:
        return self.progress.spent + self.now() - self._since

    def _finished(self) -> bool:
        patience = self.job.train.patience
        if self.stopping:
            self.reason = "interrupted"
        elif patience and self.progress.since_best >= patience:
            self.reason = "patience"
        elif self.share() >= 1.0:
            self.reason = "budget" if self.total_steps is None else "steps"
        else:
            return False
        return True

    def _evaluation_due(self) -> bool:
        total, every = self.total_steps, self.job.train.eval_every
        if total is not None:
            return self.progress.step == total or (bool(every) and self.progress.step % every == 0)
        return self._marks() > self.progress.marks

    def _save_due(self) -> bool:
        return self.now() - self._saved_at > SAVE_SECONDS

    def _pauses(self) -> bool:
        """Whether something else comes before the next step."""
        return self._finished() or self._evaluation_due() or self._save_due()

    def _marks(self) -> int:
        return sum(self.share() >= mark for mark in EVALUATIONS[:-1])

    # -- what it does

    def _launch(self) -> tuple[float, float, Callable[[], StepResult]]:
        begin, progress = self.now(), self.progress
        position = Position(progress=self.share(), step=progress.step, plateaus=progress.plateaus)
        rate = learning_rate(position, self.job.train) * progress.rate_scale
        self.ranks.order(Order.STEP, progress.step, rate)
        return begin, rate, self.learn(progress.step, rate)

    def _step(self) -> tuple[StepResult, StepDone]:
        begin, rate, ended = self._launched or self._launch()
        self._launched, result = None, ended()
        self.progress = self.progress.after(result.loss, result.tokens, taken=result.taken)
        seconds = max(1e-9, self.now() - begin)
        share = self.share()
        chars = self.job.chars_per_token
        left = self._spent() / share * (1 - share) if share else 0.0
        return result, StepDone(
            step=self.progress.step,
            loss=result.loss,
            nats_per_char=result.loss / chars if chars else None,
            learning_rate=rate,
            grad_norm=result.grad_norm,
            tokens_per_second=result.tokens / seconds,
            progress=share,
            seconds=self.now() - self.started,
            seconds_left=left,
            skipped=self.progress.skipped,
        )

    def learn(self, step: int, rate: float) -> Callable[[], StepResult]:
        """Begin to learn from the batch of a step; what is given back waits for the end."""
        ended = self.learner.launch(self.reader.batch(step), rate, step, carry=self.reader.carries)
        if self.learner.recorded is not None:
            self.reader.prepare(step + 1)
        return ended

    def _go_back(self) -> Notice:
        """Take up the last good state again at half the rate; give up after a few times."""
        restores, rate_scale = self.progress.restores + 1, self.progress.rate_scale / 2
        if restores > MOST_RESTORES:
            raise DivergedError(
                f"training diverged: {BAD_STEPS} steps in a row without a finite loss, {restores} times over",
                hint=self._calmer(),
            )
        # The clock and what was counted do not go back: the budget is what it is. Nor the scale, which came down.
        kept = {name: getattr(self.progress, name) for name in ("total", "step", "skipped", "tokens")}
        kept["spent"] = self._spent()
        self.ranks.order(Order.BACK)
        self.load_again()
        self.progress = replace(self.progress, restores=restores, rate_scale=rate_scale, **kept)
        self._since = self.now()
        return Notice(
            message=f"{BAD_STEPS} steps without a finite loss: going on from the last good state at half the rate"
        )

    def _calmer(self) -> str:
        return f"Try --learning-rate {self.job.train.learning_rate / 10:g} or a smaller --clip-norm."

    def _evaluate(self) -> Evaluated:
        weights = to_arrays(self.job.model, self.learner.weights())
        from_arrays(self.shadow, weights)
        with self.learner.autocast() if self.validation.partial else nullcontext():
            valid = self.validation.tally(self.shadow)
        loss = -valid.logprob / valid.tokens if math.isfinite(valid.logprob) else math.inf
        old = self.progress
        chance = LAST_WINS / math.sqrt(valid.tokens) if self.share() >= 1 else 0.0
        best = loss < (math.inf if old.best is None else old.best + chance)
        if self.job.train.optimizer == "asgd" and len(old.recent) > LOOK_BACK and loss > min(old.recent[:-LOOK_BACK]):
            self.ranks.order(Order.AVERAGE)
            self.learner.average.trigger()
        self.progress = replace(
            old,
            marks=self._marks(),
            evaluated=old.step,
            best=loss if best else old.best,
            best_step=old.step if best else old.best_step,
            since_best=0 if best else old.since_best + 1,
            plateaus=old.plateaus + (not best),
            recent=(*old.recent, loss)[-64:],
        )
        return Evaluated(
            step=old.step,
            valid=valid,
            train_loss=old.train_loss,
            partial=self.validation.partial,
            best=best,
            seconds=self.now() - self.started,
            weights=lambda: weights,
        )

    def _save(self) -> Saved:
        now = self.now()
        self.progress = replace(self.progress, spent=self._spent(), **self.learner.numbers())
        self._since = self._saved_at = now
        self._last_saved = self.progress.step
        self.ranks.order(Order.SAVE)
        tensors = {**self.learner.tensors(), "positions": as_int64(self.reader.positions)}
        save_state(self.job.folder, self.progress, tensors)
        best = self.progress.best_step == self.progress.step
        return Saved(step=self.progress.step, folder=str(self.job.folder), best=best, seconds=now - self.started)
