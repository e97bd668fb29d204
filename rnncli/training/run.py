"""A run from its plan to its last record: prepare, train, keep the best weights, measure them, say what they cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnncli.arrays import load_arrays, save_arrays
from rnncli.device import Machine
from rnncli.errors import ConfigError, ModelError
from rnncli.events import Done, Evaluated, Notice, TrainEvent
from rnncli.graph.saving import save_model
from rnncli.nn.model import LanguageModel
from rnncli.nn.weights import from_arrays
from rnncli.precision import Arrays, parameter_count
from rnncli.store import (
    CONFIG,
    TOKENIZER,
    TRAINING,
    Stored,
    open_folder,
    write_config,
)
from rnncli.text.files import remove_leftovers
from rnncli.text.split import Parts
from rnncli.text.tokenizers import TOKENIZERS
from rnncli.text.tokenizers.base import Tokenizer
from rnncli.training.describe import config_json
from rnncli.training.evaluate import WARMUP, Validation, stream_logprob, whole_rows
from rnncli.training.job import Job
from rnncli.training.log import LOG, cut_log, figures, write_log
from rnncli.training.measure import ngram_per_char, whole_tally
from rnncli.training.place import Place
from rnncli.training.plan import Plan
from rnncli.training.prepare import (
    Prepared,
    RunConfig,
    is_prepared,
    load_prepared,
    prepare,
    read_again,
)
from rnncli.training.state import STATE
from rnncli.training.trainer import Trainer

FROM_WEIGHTS = "from.safetensors"


class Run:
    """One training run. ``events`` does the work; ``stop`` may be called from a signal handler meanwhile."""

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        machine: Machine,
        *,
        resume: bool,
        started: float,
        overwrite: bool = False,
        source: Stored | None = None,
        notices: tuple[str, ...] = (),
        parts: Parts | None = None,
        budget: Mapping[str, Any] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``started``: when the budget began, on ``now``'s clock. ``budget``: what a resumed run was given anew."""
        self.folder, self.config, self.machine, self.now = folder, config, machine, now
        self.resume, self.source, self.notices = resume, source, notices
        self.started, self.parts, self.budget = started, parts, budget or {}
        self._place = Place(folder, overwrite=overwrite)
        self._stopping = False
        self._eval_speed = math.inf
        self._trainer: Trainer | None = None

    @property
    def plan(self) -> Plan:
        """What the run will do, and why."""
        return self.config.plan

    def stop(self) -> None:
        """Finish the step, save, and end."""
        self._stopping = True
        if self._trainer is not None:
            self._trainer.request_stop()

    @property
    def saving(self) -> bool:
        """Whether there is something to save when it is stopped: its text is prepared."""
        return self._trainer is not None

    def events(self) -> Iterator[TrainEvent]:
        """Train. The last record is a Done; what cannot be saved or trained raises and leaves no broken folder."""
        yield from (Notice(message=text) for text in self.notices)
        try:
            if not self.resume:
                self._begin()
            yield from self._train()
        except BaseException as error:
            # A run that was only stopped can go on from its last state; one that failed without a model is no use.
            stopped = not isinstance(error, Exception) and (self.folder / TRAINING / STATE).exists()
            if not stopped and not (self.folder / CONFIG).exists():
                self._place.give_back()
            raise
        finally:
            torch.set_flush_denormal(False)  # it would hold for whatever else this process does

    def _begin(self) -> None:
        inner = self._place.take()
        if self.source is not None:
            # From memory: the folder they came from may be the one that is being replaced. Before run.json, so that
            # a run that can be resumed has them.
            save_arrays(inner / FROM_WEIGHTS, self.source.arrays)
            self.source.tokenizer.save(self.folder / TOKENIZER)
        self.config.save(self.folder)

    def _check(self) -> None:
        if self._stopping:
            raise KeyboardInterrupt

    def _train(self) -> Iterator[TrainEvent]:
        torch.set_num_threads(self.machine.threads)
        # A training needs many small buffers again and again; flushing denormals costs nothing and saves stalls.
        torch.set_flush_denormal(True)
        run = self.config
        for folder in (self.folder, self.folder / TRAINING):
            remove_leftovers(folder)
        if is_prepared(self.folder):
            prepared = load_prepared(self.folder, run)
        else:
            if self.resume:
                yield Notice(message="the run died before its text was prepared: it starts anew")
            parts = self.parts or read_again(run)
            prepared = prepare(self.folder, run, parts, tokenizer=self._given_tokenizer(), check=self._check)
        trainer = self._new_trainer(prepared)
        if self.resume:
            yield from self._take_up(trainer)
        self._set_end(trainer, prepared)
        self._trainer = trainer
        if self._stopping:
            trainer.request_stop()
        with open(self.folder / TRAINING / LOG, "a", encoding="utf-8") as log:
            for event in trainer.run():
                self._keep(event, prepared)
                write_log(log, event)
                yield event
                if isinstance(event, Evaluated) and trainer.share() < 1:
                    self._set_end(trainer, prepared)  # by the speed that the machine has now
        yield self._finish(trainer, prepared)

    def _given_tokenizer(self) -> Tokenizer | None:
        if self.config.source is None:
            return None
        return TOKENIZERS[self.config.plan.tokenizer.kind].load(self.folder / TOKENIZER)

    def _take_up(self, trainer: Trainer) -> Iterator[TrainEvent]:
        if not trainer.restore():
            cut_log(self.folder / TRAINING / LOG, -1)
            yield Notice(message="the run died before its first save: it starts anew")
            return
        step, total = trainer.progress.step, trainer.total_steps
        if self.budget:
            if total is not None and total <= step:
                raise ConfigError(
                    f"the run has {step:,} steps already, of {total:,}",
                    hint="The budget is the whole run's: give more.",
                )
            # Who asks for more has seen that it had ceased to improve.
            trainer.progress = replace(trainer.progress, since_best=0)
            self.config.save(self.folder)
        cut_log(self.folder / TRAINING / LOG, step)
        yield Notice(message=f"going on from step {step:,}")
        try:
            open_folder(self.folder, patience=0)
        except ModelError as error:
            trainer.progress = replace(trainer.progress, best=None)
            yield Notice(message=f"{error.message}: it is written anew")

    def _set_end(self, trainer: Trainer, prepared: Prepared) -> None:
        """Let a clocked run's training end when what comes after it just fits into the budget.

        A run taken up again has what its budget left it; or the new minutes that it was given, counted from now.
        """
        minutes = self.plan.train.minutes
        if trainer.total_steps is not None or minutes is None:
            return
        progress = trainer.progress
        if self.resume and "minutes" not in self.budget and progress.total is not None:
            return
        end = self.started + 60 * minutes - self._reserve(trainer, prepared)
        trainer.end_training_at(end if progress.step else max(end, self.now() + 0.5))

    def _new_trainer(self, prepared: Prepared) -> Trainer:
        run = self.config
        model = replace(run.plan.model, vocab_size=prepared.tokenizer.vocab_size)
        train = run.plan.train
        lines = run.plan.unit == "lines"
        empty = np.zeros(0, np.int64)
        job = Job(
            folder=self.folder / TRAINING,
            model=model,
            train=train,
            unit=run.plan.unit,
            newline_id=prepared.tokenizer.newline_id,
            ids=prepared.ids,
            starts=prepared.starts(prepared.ids) if lines else empty,
            valid_ids=prepared.valid_ids,
            valid_starts=prepared.starts(prepared.valid_ids) if lines else empty,
            count_text=prepared.count_text,
            chars_per_token=prepared.chars_per_token,
            start_from=self._start_weights(),
        )
        trainer = Trainer(job, self.machine, started=self.started, now=self.now)
        total = trainer.total_steps
        if total is not None:
            every = train.eval_every or max(1, min(2000, total // 10))
            trainer.job = replace(job, train=replace(train, eval_every=every))
        return trainer

    def _start_weights(self) -> Arrays | None:
        path = self.folder / TRAINING / FROM_WEIGHTS
        if not path.exists():
            return None
        return load_arrays(path)

    def _reserve(self, trainer: Trainer, prepared: Prepared) -> float:
        """Seconds that the end will take: the whole validation text, the last save, the card."""
        ids, lines = prepared.valid_ids, self.plan.unit == "lines"
        rows = 8 if lines else whole_rows(len(ids), trainer.job.model.cell)
        some, newline = ids[: 256 * rows], prepared.tokenizer.newline_id
        latest = math.inf
        for _ in range(2):
            begin = self.now()
            stream_logprob(trainer.shadow, some, newline, rows=rows)
            latest = min(latest, (self.now() - begin) / len(some))
        self._eval_speed = min(self._eval_speed, latest)
        # By the speed of now, for the machine may be shared; but one bad moment says nothing about the end.
        each = min(latest, 3 * self._eval_speed)
        return 2.5 + 1.2 * each * (len(ids) + rows * WARMUP)

    # -- what is kept

    def _keep(self, event: TrainEvent, prepared: Prepared) -> None:
        """Put weights that are the best so far into the model folder."""
        if isinstance(event, Evaluated) and event.best:
            metrics = {"valid": figures(event.valid), "partial": event.partial, "step": event.step}
            model = replace(self.plan.model, vocab_size=prepared.tokenizer.vocab_size)
            described = config_json(self.config, prepared, metrics, "training")
            save_model(self.folder, event.weights(), model, described)
            self._place.settle()

    def _finish(self, trainer: Trainer, prepared: Prepared) -> Done:
        """Measure the weights as saved on the whole validation text, in float32 and in one row."""
        stored = open_folder(self.folder)
        model = LanguageModel(stored.model).to(self.machine.kind).eval().requires_grad_(False)
        from_arrays(model, stored.arrays)
        # Who interrupts a run does not want to wait for a long text to be read: a part of it has to do.
        hurry = self._stopping and len(prepared.valid_ids) > 50_000
        valid = trainer.validation.tally(model) if hurry else whole_tally(model, prepared, self.plan.unit)
        sample = Validation(
            ids=prepared.ids,
            starts=prepared.starts(prepared.ids) if self.plan.unit == "lines" else None,
            newline_id=prepared.tokenizer.newline_id,
            count_text=prepared.count_text,
            most_tokens=16384,
        )
        progress = trainer.progress
        done = Done(
            model=str(self.folder),
            steps=progress.step,
            seconds=self.now() - self.started,
            tokens_per_second=progress.tokens / max(1e-9, progress.spent),
            valid=valid,
            train=sample.tally(model),
            params=parameter_count(stored.model),
            uniform_nats_per_char=math.log(max(2, self.config.facts.distinct_chars)) if valid.lossless else None,
            ngram_nats_per_char=ngram_per_char(prepared),
            reason=trainer.reason,
            extra={"partial": hurry, "best_step": progress.best_step},
        )
        status = "interrupted" if trainer.reason == "interrupted" else "done"
        metrics = {
            "valid": figures(valid),
            "partial": hurry,
            "step": progress.best_step,
            "steps": progress.step,
            "seconds": round(progress.spent, 3),
            "train": figures(done.train) if done.train else None,
            "ngram_nats_per_char": done.ngram_nats_per_char,
        }
        write_config(self.folder, config_json(self.config, prepared, metrics, status))
        return done
