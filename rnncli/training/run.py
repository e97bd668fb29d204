"""A run from its plan to its last record: prepare, train, keep the best weights, measure them, say what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rnncli.arrays import save_arrays
from rnncli.config import Direction, ModelConfig
from rnncli.device import Machine
from rnncli.errors import DivergedError, ModelError
from rnncli.events import Done, Evaluated, Notice, TrainEvent
from rnncli.graph.saving import Part, save_model, settle
from rnncli.precision import Arrays, parameter_count
from rnncli.store import CONFIG, PARTS, TOKENIZER, TRAINING, Stored, open_folder, write_config
from rnncli.text.files import remove_leftovers
from rnncli.text.split import Parts
from rnncli.text.tokenizers import TOKENIZERS
from rnncli.text.tokenizers.base import Tokenizer
from rnncli.training.describe import config_json
from rnncli.training.following import dismiss, followed
from rnncli.training.leg import FROM_WEIGHTS, Leg, Measured, Setup
from rnncli.training.log import figures
from rnncli.training.measure import ngram_per_char
from rnncli.training.place import Place
from rnncli.training.plan import Plan
from rnncli.training.prepare import Prepared, corpus_now, is_prepared, load_prepared, prepare, read_again, turned
from rnncli.training.process import set_for_training
from rnncli.training.ranks import together
from rnncli.training.state import STATE, Progress


class Run:
    """One training run. ``events`` does the work; ``stop`` may be called from a signal handler meanwhile."""

    def __init__(
        self,
        setup: Setup,
        *,
        overwrite: bool = False,
        sources: Sequence[Stored] = (),
        notices: tuple[str, ...] = (),
        parts: Parts | None = None,
    ) -> None:
        """``sources``: what the networks start from, one for each. ``parts``: of the corpus, if they are known."""
        self.setup, self.folder, self.config = setup, setup.folder, setup.config
        self.sources, self.notices, self.parts = sources, notices, parts
        self._place = Place(setup.folder, overwrite=overwrite)
        self._stopping = False
        self._leg: Leg | None = None
        self._weights: dict[Direction, Arrays] = {}
        """The best of each network so far."""
        self._reason = ""
        self._metrics: dict[Direction, Mapping[str, Any]] = {}

    @property
    def plan(self) -> Plan:
        """What the run will do, and why."""
        return self.config.plan

    @property
    def machine(self) -> Machine:
        return self.setup.machine

    def stop(self) -> None:
        """Finish the step, save, and end."""
        self._stopping = True
        if self._leg is not None:
            self._leg.trainer.request_stop()

    @property
    def saving(self) -> bool:
        """Whether there is something to save when it is stopped: its text is prepared."""
        return self._leg is not None

    def events(self) -> Iterator[TrainEvent]:
        """Train. The last record is a Done; what cannot be saved or trained raises and leaves no broken folder."""
        yield from (Notice(message=text) for text in self.notices)
        try:
            self._begin()
            with set_for_training(self.machine.threads), together(self.machine.kind) as ranks:
                self.setup = replace(self.setup, ranks=ranks)
                yield from self._train()
        except BaseException as error:
            saved = (self.folder / TRAINING / STATE).exists()
            # A run that was saved can go on, whatever ended it; one that diverged without a model is no use.
            if not (self.folder / CONFIG).exists() and (not saved or isinstance(error, DivergedError)):
                self._place.give_back()
            raise
        finally:
            self._place.leave()

    def _begin(self) -> None:
        if self.setup.resume:
            self._place.take_again()
            return
        self._place.take()
        for source in self.sources:
            # From memory: the folder they came from may be the one that is being replaced. Before run.json, so that
            # a run that can be resumed has them.
            inner = self.setup.inner(source.direction)
            inner.mkdir(exist_ok=True)
            save_arrays(inner / FROM_WEIGHTS, source.arrays)
            source.tokenizer.save(self.folder / TOKENIZER)
        self.config.save(self.folder)

    def _check(self) -> None:
        if self._stopping:
            raise KeyboardInterrupt

    def _train(self) -> Iterator[TrainEvent]:
        for folder in {self.folder, *map(self.setup.inner, self.setup.directions)}:
            remove_leftovers(folder)
        settle(self.folder)
        if is_prepared(self.folder):
            prepared = load_prepared(self.folder, self.config)
            if self.setup.resume and (changed := corpus_now(self.config)):
                yield Notice(message=changed)
        else:
            if self.setup.resume:
                yield Notice(message=self._unprepared())
            parts = self.parts or read_again(self.config)
            prepared = prepare(self.folder, self.config, parts, tokenizer=self._given_tokenizer(), check=self._check)
        if self.setup.resume:
            self._take_up()
        found: list[tuple[Measured, Progress]] = []
        for direction in self.setup.directions:
            yield from self._train_one(direction, prepared, found)
            if self._reason == "interrupted":
                break
            self._leg = None  # before another one needs memory
        dismiss(self.setup.ranks)
        yield self._finish(found, prepared)

    def _unprepared(self) -> str:
        if (self.folder / TRAINING / STATE).exists():
            return "files of the prepared text are missing: it is prepared again"
        return "the run died before its text was prepared: it starts anew"

    def _train_one(
        self, direction: Direction, prepared: Prepared, found: list[tuple[Measured, Progress]]
    ) -> Iterator[TrainEvent]:
        """Train one network; what it came to goes to ``found``."""
        leg = self._leg = Leg(self.setup, prepared if direction == "forward" else turned(prepared, self.folder))
        if self._stopping:
            leg.trainer.request_stop()
        with followed(leg):
            for event in leg.events():
                if isinstance(event, Evaluated) and event.best:
                    self._keep(direction, event, prepared)
                yield event
        found.append((self._measure(leg, prepared), leg.trainer.progress))
        self._reason = leg.trainer.reason

    def _given_tokenizer(self) -> Tokenizer | None:
        if self.config.source is None:
            return None
        return TOKENIZERS[self.config.plan.tokenizer.kind].load(self.folder / TOKENIZER)

    def _take_up(self) -> None:
        """Have what the folder holds: it is kept until something better comes."""
        try:
            stored = open_folder(self.folder, patience=0)
            metrics = stored.config.get("metrics")
            if isinstance(metrics, dict):  # of the second network: the first one's are measured anew
                self._metrics = {way: metrics[way] for way in PARTS if way in metrics}
            for direction in stored.directions:
                self._weights[direction] = open_folder(self.folder, direction=direction, patience=0).arrays
        except ModelError:
            self._weights, self._metrics = {}, {}

    # -- what is kept

    def _model(self, prepared: Prepared) -> ModelConfig:
        return replace(self.plan.model, vocab_size=prepared.tokenizer.vocab_size)

    def _described(self, prepared: Prepared, status: str) -> dict[str, Any]:
        """config.json with the figures of the first network, and of a second one among them."""
        directions = [direction for direction in PARTS if direction in self._weights]
        first, *others = (direction for direction in directions if direction in self._metrics)
        metrics: dict[str, Any] = {**self._metrics[first]}
        metrics |= {other: self._metrics[other] for other in others}
        return config_json(self.config, prepared, directions, metrics, status)

    def _keep(self, direction: Direction, event: Evaluated, prepared: Prepared) -> None:
        """Put weights that are the best so far into the model folder."""
        self._weights[direction] = event.weights()
        self._metrics[direction] = {"valid": figures(event.valid), "partial": event.partial, "step": event.step}
        parts = {way: Part(self._model(prepared), self._weights[way]) for way in PARTS if way in self._weights}
        save_model(self.folder, parts, self._described(prepared, "training"))
        self._place.settle()

    def _measure(self, leg: Leg, prepared: Prepared) -> Measured:
        measured, progress = leg.measure(hurry=self._stopping), leg.trainer.progress
        self._metrics[leg.direction] = {
            "valid": figures(measured.valid),
            "partial": measured.partial,
            "step": progress.best_step,
            "steps": progress.step,
            "seconds": round(progress.spent, 3),
            "train": figures(measured.train),
            "ngram_nats_per_char": ngram_per_char(prepared),
        }
        return measured

    def _finish(self, found: Sequence[tuple[Measured, Progress]], prepared: Prepared) -> Done:
        """The last record; config.json tells of the end."""
        measured, progress = found[0]
        steps = sum(progress.step for _, progress in found)
        extra: dict[str, Any] = {"partial": any(one.partial for one, _ in found)}
        extra["writes"] = self.plan.train.direction != "backward"
        if len(found) == 1:
            extra["best_step"] = progress.best_step
        else:
            extra["backward"] = figures(found[1][0].valid)
        status = "interrupted" if self._reason == "interrupted" else "done"
        write_config(self.folder, self._described(prepared, status))
        return Done(
            model=str(self.folder),
            steps=steps,
            seconds=self.setup.now() - self.setup.started,
            tokens_per_second=sum(p.tokens for _, p in found) / max(1e-9, sum(p.spent for _, p in found)),
            valid=measured.valid,
            train=measured.train,
            params=parameter_count(self._model(prepared)) * len(found),
            uniform_nats_per_char=math.log(max(2, self.config.facts.distinct_chars))
            if measured.valid.lossless
            else None,
            ngram_nats_per_char=ngram_per_char(prepared),
            reason=self._reason,
            extra=extra,
        )
