"""The training of one network of a run: its trainer, its share of the time, its log.

A run has one, or with both directions two, one after the other. The second keeps its state in training/backward.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnncli.config import Direction
from rnncli.device import Machine
from rnncli.errors import ConfigError, ModelError
from rnncli.events import Evaluated, Notice, StepDone, TrainEvent
from rnncli.nn.model import LanguageModel
from rnncli.nn.weights import from_arrays
from rnncli.precision import Arrays
from rnncli.records import Tally
from rnncli.store import TRAINING, open_folder
from rnncli.training.check import start_weights
from rnncli.training.evaluate import WARMUP, Validation, stream_logprob, whole_rows
from rnncli.training.job import Job
from rnncli.training.log import LOG, Log, cut_log
from rnncli.training.measure import whole_tally
from rnncli.training.prepare import Prepared
from rnncli.training.ranks import ALONE, Ranks
from rnncli.training.runfile import RunConfig
from rnncli.training.trainer import EVALUATIONS, Trainer

FROM_WEIGHTS = "from.safetensors"
EVALUATION_SHARE = 0.02
"""Of the time, for all looks at the validation text but the last."""
LOOK_SHARE = 0.06
"""Of the tokens that a run of so many steps trains on between two looks, those that a look reads: with twenty thousand
tokens in the vocabulary each takes twice the time of one that is trained on."""
MEASURE_SHARE, FEWEST_MEASURED = 0.08, 20_000
"""Of the time, for the last look: where the whole validation text would take longer, a part is read, of so many tokens
at least."""
FEWEST_SAMPLED, MOST_SAMPLED, SAMPLE_SHARE = 2048, 16384, 0.01
"""Tokens of the training text that are read at the end, for comparison, and their share of the time where those take
longer."""
END_SECONDS = 1.5
"""What comes at the end besides, at most: the last save, the model read again, the card."""
PROBE_SHARE, PROBES = 0.001, 3
"""Of the time, for finding out between two looks how fast the machine is, and how often that is tried."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all networks of a run are trained with. ``started``: when its budget began, on ``now``'s clock."""

    folder: Path
    config: RunConfig
    machine: Machine
    resume: bool
    started: float
    budget: Mapping[str, Any] = field(default_factory=dict)
    """What a resumed run was given anew."""
    now: Callable[[], float] = time.monotonic
    ranks: Ranks = ALONE

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Of the networks, in the order of their training."""
        wanted = self.config.plan.train.direction
        return ("forward", "backward") if wanted == "both" else (wanted,)

    def inner(self, direction: Direction) -> Path:
        """The folder of a network's own state."""
        folder = self.folder / TRAINING
        return folder if direction == self.directions[0] else folder / direction


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a network came to: the weights as saved, in float32 and in one row."""

    valid: Tally
    train: Tally
    partial: bool
    """Only a part of the validation text was read."""


class Leg:
    """Trains one network. ``prepared``: the texts as it reads them."""

    def __init__(self, setup: Setup, prepared: Prepared) -> None:
        self.setup, self.prepared = setup, prepared
        self.direction = prepared.direction
        self.number, self.of = setup.directions.index(self.direction), len(setup.directions)
        self.inner = setup.inner(self.direction)
        self.inner.mkdir(exist_ok=True)
        self.trainer = self._new_trainer()
        self._eval_speed = math.inf
        self._measured: int | None = None
        """Tokens of the validation text that the time is for at the end; None: all."""
        self._sampled = MOST_SAMPLED

    def _new_trainer(self) -> Trainer:
        plan, prepared = self.setup.config.plan, self.prepared
        lines = plan.unit == "lines"
        empty = np.zeros(0, np.int64)
        job = Job(
            folder=self.inner,
            model=replace(plan.model, vocab_size=prepared.tokenizer.vocab_size),
            train=plan.train,
            unit=plan.unit,
            newline_id=prepared.tokenizer.newline_id,
            ids=prepared.ids,
            starts=prepared.starts(prepared.ids) if lines else empty,
            valid_ids=prepared.valid_ids,
            valid_starts=prepared.starts(prepared.valid_ids) if lines else empty,
            count_text=prepared.count_text,
            chars_per_token=prepared.chars_per_token,
            resemblance=prepared.resemblance() if plan.train.share_spelling else None,
            start_from=self._start_weights(),
        )
        setup = self.setup
        trainer = Trainer(job, setup.machine, started=setup.started, now=setup.now, ranks=setup.ranks)
        total = trainer.total_steps
        if total is not None:
            every = plan.train.eval_every or max(1, min(2000, total // 10))
            trainer.job = replace(job, train=replace(plan.train, eval_every=every))
            trainer.look_at(int(LOOK_SHARE * every * plan.train.batch_size * plan.train.bptt))
        return trainer

    def _start_weights(self) -> Arrays | None:
        model = replace(self.setup.config.plan.model, vocab_size=self.prepared.tokenizer.vocab_size)
        return start_weights(self.inner / FROM_WEIGHTS, model)

    def events(self) -> Iterator[TrainEvent]:
        """Train. Steps tell of the whole run's time."""
        if self.number:
            yield Notice(message=f"now the network that reads {self.direction}")
        if self.setup.resume:
            yield from self._take_up()
        self._choose_threads()
        self._set_end()
        log = Log(self.inner / LOG)
        for event in self.trainer.run():
            log.write(event)
            yield self._of_all(event) if isinstance(event, StepDone) else event
            if isinstance(event, Evaluated) and self.trainer.share() < 1:
                self._choose_threads()
                self._set_end()  # by the speed that the machine has now
        log.flush()

    def _of_all(self, event: StepDone) -> StepDone:
        if self.of == 1:
            return event
        progress, left = event.progress, event.seconds_left
        to_come = self.of - 1 - self.number
        each = left / (1 - progress) if progress < 1 else self.trainer.progress.total or 0.0
        return replace(event, progress=(self.number + progress) / self.of, seconds_left=left + to_come * each)

    def _take_up(self) -> Iterator[TrainEvent]:
        trainer, setup = self.trainer, self.setup
        if not trainer.restore():
            cut_log(self.inner / LOG, -1)
            if not self.number:
                yield Notice(message="the run died before its first save: it starts anew")
            self._know_best()
            return
        step, total = trainer.progress.step, trainer.total_steps
        if setup.budget:
            if total is not None and total <= step:
                raise ConfigError(
                    f"the run has {step:,} steps already, of {total:,}",
                    hint="The budget is the whole run's: give more.",
                )
            # Who asks for more has seen that it had ceased to improve.
            trainer.progress = replace(trainer.progress, since_best=0)
            setup.config.save(setup.folder)
        cut_log(self.inner / LOG, step)
        yield Notice(message=f"going on from step {step:,}")
        try:
            open_folder(setup.folder, direction=self.direction, patience=0)
        except (ModelError, ConfigError) as error:
            trainer.progress = replace(trainer.progress, best=None)
            yield Notice(message=f"{error.message}: it is written anew")
        self._know_best()

    def _know_best(self) -> None:
        """Let a run that was killed after its last save, and whose steps will be others, not replace better weights.

        A run of so many steps comes to them again, to the bit.
        """
        if self.trainer.total_steps is not None:
            return
        try:
            config = open_folder(self.setup.folder, direction=self.direction, patience=0).config
            found = config["metrics"] if self.direction == self.setup.directions[0] else config["metrics"]["backward"]
            loss, step = math.log(found["valid"]["token_perplexity"]), int(found["step"])
        except (ModelError, ConfigError, KeyError, TypeError, ValueError):
            return
        best = self.trainer.progress.best
        if config.get("status") == "training" and (best is None or loss < best):
            self.trainer.progress = replace(self.trainer.progress, best=loss, best_step=step)

    def _choose_threads(self) -> None:
        """Go on with one thread of a processor that others work on, where that is faster, and back when it is quiet.

        Threads that wait for one another lose their turns: two trainings on two cores, each with two threads, were
        found to run at a fiftieth of their speed. Only where time is the budget: sums of several threads have other
        bits.
        """
        most = self.setup.machine.threads
        if self.trainer.total_steps is not None or self.setup.machine.kind != "cpu" or most == 1:
            return
        rows = 4
        some, newline = self.prepared.ids[: 16 * rows], self.prepared.tokenizer.newline_id
        spent = dict.fromkeys((most, 1), 0.0)
        for _ in range(3):
            for threads in spent:
                torch.set_num_threads(threads)
                begin = self.setup.now()
                stream_logprob(self.trainer.shadow, some, newline, rows=rows)
                spent[threads] += self.setup.now() - begin
        torch.set_num_threads(1 if spent[1] < spent[most] else most)

    def _set_end(self) -> None:
        """Let a clocked run's training end when what comes after it just fits into the budget.

        A run taken up again has what its budget left it; or the new minutes that it was given, counted from now.
        """
        trainer, setup = self.trainer, self.setup
        minutes = setup.config.plan.train.minutes
        if trainer.total_steps is not None or minutes is None:
            return
        progress = trainer.progress  # before what follows changes it
        anew = not setup.resume or "minutes" in setup.budget
        share = 60 * minutes / self.of
        reserve = self._reserve(MEASURE_SHARE * share)
        if not anew and progress.total is not None:
            return
        if progress.step == 0 and progress.looked_at is None:
            trainer.look_at(int(EVALUATION_SHARE * share / len(EVALUATIONS) / self._eval_speed))
        # A network that a resumed run begins has its own share, whatever the time before it was.
        end = setup.started + share * (self.number + 1) if anew else setup.now() + share
        end -= reserve
        trainer.end_training_at(end if progress.step else max(end, setup.now() + 0.5))

    def _reserve(self, most: float) -> float:
        """Seconds that the end will take: the validation text, ``most`` of them, the last save, the card."""
        trainer, now = self.trainer, self.setup.now
        ids, lines = self.prepared.valid_ids, trainer.job.unit == "lines"
        rows = 8 if lines else whole_rows(len(ids), trainer.job.model.cell)
        # Past one bad moment: at first by the fastest of some tries, and then to see what the machine is like now.
        first = math.isinf(self._eval_speed)
        affordable = 64 if first else PROBE_SHARE * most / MEASURE_SHARE / (PROBES * rows * self._eval_speed)
        some, newline = ids[: rows * int(min(64, max(8, affordable)))], self.prepared.tokenizer.newline_id
        times = []
        for _ in range(PROBES):
            begin = now()
            stream_logprob(trainer.shadow, some, newline, rows=rows)
            times.append((now() - begin) / len(some))
        latest = min(times) if first else sorted(times)[PROBES // 2]
        self._eval_speed = min(self._eval_speed, latest)
        # By the speed of now, for the machine may be shared; but one bad moment says nothing about the end.
        each = min(latest, 3 * self._eval_speed)
        whole = 1.2 * each * (len(ids) + rows * WARMUP)
        self._measured = None if whole <= most else max(FEWEST_MEASURED, int(len(ids) * most / whole))
        self._sampled = int(min(MOST_SAMPLED, max(FEWEST_SAMPLED, SAMPLE_SHARE * most / MEASURE_SHARE / each)))
        return END_SECONDS + 1.2 * each * self._sampled + min(whole, most)

    def measure(self, *, hurry: bool) -> Measured:
        """What the saved weights come to. ``hurry``: who interrupts does not want to wait for a long text."""
        stored = open_folder(self.setup.folder, direction=self.direction)
        model = LanguageModel(stored.model).to(self.setup.machine.kind).eval().requires_grad_(False)
        from_arrays(model, stored.arrays)
        prepared, unit = self.prepared, self.setup.config.plan.unit
        if hurry and len(prepared.valid_ids) > 50_000:
            valid, partial = self.trainer.validation.tally(model), True
        elif self._measured is not None:
            valid, partial = self.trainer.job.validation(self._measured).tally(model), True
        else:
            valid, partial = whole_tally(model, prepared, unit), False
        sample = Validation(
            ids=prepared.ids,
            starts=prepared.starts(prepared.ids) if unit == "lines" else None,
            newline_id=prepared.tokenizer.newline_id,
            count_text=prepared.count_text,
            most_tokens=self._sampled,
        )
        return Measured(valid=valid, train=sample.tally(model), partial=partial)
