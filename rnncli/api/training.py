"""Training as Python users and the fronts call it: a plan, then its events."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncli import library
from rnncli.api.model import Model, load, write_card
from rnncli.config import TRAINING_OPTIONS, Device, options_of, training_flags, validate
from rnncli.device import find_machine
from rnncli.errors import ConfigError, WriteError
from rnncli.events import Done, Setting, TrainEvent
from rnncli.inference.choice import torch_there
from rnncli.store import TRAINING
from rnncli.training.check import check_inside, check_memory, check_states
from rnncli.training.plan import Plan as Plan
from rnncli.training.request import TrainRequest as TrainRequest
from rnncli.training.request import open_request
from rnncli.training.runfile import RUN, RunConfig

if TYPE_CHECKING:
    from rnncli.training.leg import Setup
    from rnncli.training.run import Run as TrainingRun


class Run:
    """A training about to happen: its plan, where it goes, and its events."""

    def __init__(self, folder: Path, plan: Plan, make: Any) -> None:
        self.folder, self.plan, self._make = folder, plan, make
        self._stopped = False
        self._inner: TrainingRun | None = None

    def stop(self) -> None:
        """Finish the step, save, and end with a Done whose reason is 'interrupted'."""
        self._stopped = True
        if self._inner is not None:
            self._inner.stop()

    @property
    def saving(self) -> bool:
        """Whether a stop would save something: the text is prepared."""
        return self._inner is not None and self._inner.saving

    def events(self) -> Iterable[TrainEvent]:
        """Train; the last record is a Done. After it the model folder is whole, its card included."""
        inner = self._inner = self._make()
        if self._stopped:
            inner.stop()
        try:
            for event in inner.events():
                if isinstance(event, Done):
                    write_card(self.folder, inner.machine.threads)
                yield event
        except WriteError as error:
            if (self.folder / TRAINING / RUN).exists():
                again = f"rnncli train --resume {shlex.quote(library.reference(self.folder))}"
                error.hint = f"{(error.hint or 'See to that file.').removesuffix('.')}, then: {again}"
            raise


def open_run(request: TrainRequest) -> Run:
    """Look at the corpus and make the plan. Nothing is written yet, and torch is not imported."""
    opened = open_request(request)

    def make() -> TrainingRun:
        kind, setup = _training()
        return kind(
            setup(
                folder=opened.folder,
                config=opened.config,
                machine=opened.machine,
                resume=False,
                started=opened.started,
            ),
            overwrite=request.overwrite,
            sources=opened.sources,
            notices=opened.notices,
            parts=opened.parts,
        )

    return Run(opened.folder, opened.config.plan, make)


def _training() -> tuple[type[TrainingRun], type[Setup]]:
    """What trains, which needs PyTorch, and what it is told."""
    try:
        from rnncli.training.leg import Setup
        from rnncli.training.run import Run as TrainingRun
    except ImportError as error:
        if torch_there():
            raise
        raise ConfigError("training needs PyTorch, which is not installed", hint="pip install torch.") from error
    return TrainingRun, Setup


def follow_run(at_work: AbstractContextManager[None], *, device: Device = "auto", threads: int | None = None) -> None:
    """Take part in the training that another process does, as torchrun tells: it plans, decides and writes.

    ``at_work``: what to be in from when it has begun.
    """
    _training()
    from rnncli.training.following import follow

    follow(find_machine(device, threads), at_work)


RESUMABLE = ("minutes", "steps", "epochs")


def resume_run(
    name: str,
    given: Mapping[str, Any],
    *,
    device: Device = "auto",
    threads: int | None = None,
    started: float | None = None,
) -> Run:
    """Go on with a run, given by its name or folder, from its last save.

    New ``minutes`` are counted from ``started``, or now; new ``steps`` and ``epochs`` are the whole run's.
    """
    begun = time.monotonic() if started is None else started
    folder = library.find_run(name)
    check_inside(folder)
    config = RunConfig.load(folder)
    check_states(folder, config)
    train = config.plan.train
    for key, value in given.items():
        kept = next((getattr(c, key) for c in _configs(config) if hasattr(c, key)), None)
        if key not in RESUMABLE and value != kept:
            raise ConfigError(
                f"{training_flags()[key]} {value} differs from the run's, which is {kept}",
                hint="A resumed run keeps its configuration; only --minutes, --steps and --epochs may change.",
            )
    budget = {key: value for key, value in given.items() if key in RESUMABLE}
    if len(budget) > 1:
        raise ConfigError("--minutes, --steps and --epochs exclude each other", hint="Give one budget.")
    if budget:
        train = validate(replace(train, **{**dict.fromkeys(RESUMABLE), **budget}))
        config = replace(config, plan=_with_budget(replace(config.plan, train=train), budget))
    machine = find_machine(
        config.device if device == "auto" else device, config.threads if threads is None else threads
    )
    check_memory(folder, config, machine)

    def make() -> TrainingRun:
        kind, setup = _training()
        return kind(setup(folder=folder, config=config, machine=machine, resume=True, started=begun, budget=budget))

    return Run(folder, config.plan, make)


def _with_budget(plan: Plan, budget: Mapping[str, Any]) -> Plan:
    """The plan, telling of its new budget."""
    [(unit, value)] = budget.items()
    why = "as you said, from now on" if unit == "minutes" else "as you said, in all"
    new = Setting(name="budget", value=f"{value:g} {unit}", why=why)
    return replace(plan, settings=tuple(new if s.name == "budget" else s for s in plan.settings))


def _configs(config: RunConfig) -> tuple[Any, ...]:
    return (config.plan.train, config.plan.tokenizer, config.plan.corpus, config.plan.model)


def train(*corpora: str | Path, name: str | None = None, out: str | Path | None = None, **given: Any) -> Model:
    """Train a model and load it. ``given``: settings as the command line has them, e.g. minutes=1, cell="gru"."""
    places = {"overwrite", "device", "threads", "from_model"}
    known = {f.name for kind in TRAINING_OPTIONS for f in options_of(kind)}
    unknown = sorted(given.keys() - known - places - {"tokenizer"})
    if unknown:
        raise ConfigError(f"train has no setting {', '.join(unknown)}")
    if "tokenizer" in given:
        given["kind"] = given.pop("tokenizer")
    request = TrainRequest(
        corpora=tuple(str(c) for c in corpora),
        name=name,
        out=None if out is None else str(out),
        given={k: str(v) if k == "valid" else v for k, v in given.items() if k in known},
        **{k: v for k, v in given.items() if k in places},
    )
    run = open_run(request)
    for _ in run.events():
        pass
    return load(run.folder)
