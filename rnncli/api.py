"""What Python users and every front call: load a model, train one. Joins training and inference."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncli import library
from rnncli.config import (
    TRAINING_OPTIONS,
    Context,
    Device,
    EngineName,
    SampleConfig,
    Unit,
    options_of,
    training_flags,
    validate,
)
from rnncli.device import find_machine
from rnncli.errors import ConfigError
from rnncli.formats.card import model_card
from rnncli.records import Done, Sample, Setting, TextScore, TrainEvent
from rnncli.store import CARD, TRAINING
from rnncli.text.files import write_bytes
from rnncli.training.plan import Plan
from rnncli.training.prepare import RunConfig
from rnncli.training.request import TrainRequest, open_request

__all__ = ["Model", "Plan", "Run", "TrainRequest", "load", "open_run", "resume_run", "train"]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnncli.inference.opening import Opened
    from rnncli.inference.sampler import Sampler
    from rnncli.inference.scorer import Scorer
    from rnncli.text.tokenizers.base import Tokenizer
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
        for event in inner.events():
            if isinstance(event, Done):
                write_card(self.folder, inner.machine.threads)
            yield event


def open_run(request: TrainRequest) -> Run:
    """Look at the corpus and make the plan. Nothing is written yet, and torch is not imported."""
    opened = open_request(request)

    def make() -> TrainingRun:
        from rnncli.training.run import Run as TrainingRun

        return TrainingRun(
            opened.folder,
            opened.config,
            opened.machine,
            resume=False,
            started=opened.started,
            overwrite=request.overwrite,
            source=opened.source,
            notices=opened.notices,
            parts=opened.parts,
        )

    return Run(opened.folder, opened.config.plan, make)


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
    folder = Path(name) if (Path(name) / TRAINING).is_dir() else library.MODELS / name
    if not folder.is_dir():
        folder = library.resolve(name)
    config = RunConfig.load(folder)
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

    def make() -> TrainingRun:
        from rnncli.training.run import Run as TrainingRun

        return TrainingRun(folder, config, machine, resume=True, started=begun, budget=budget)

    return Run(folder, config.plan, make)


def _with_budget(plan: Plan, budget: Mapping[str, Any]) -> Plan:
    """The plan, telling of its new budget."""
    [(unit, value)] = budget.items()
    why = "as you said, from now on" if unit == "minutes" else "as you said, in all"
    new = Setting(name="budget", value=f"{value:g} {unit}", why=why)
    return replace(plan, settings=tuple(new if s.name == "budget" else s for s in plan.settings))


def _configs(config: RunConfig) -> tuple[Any, ...]:
    return (config.plan.train, config.plan.tokenizer, config.plan.corpus, config.plan.model)


class Model:
    """A finished model: scores and samples text."""

    def __init__(self, opened: Opened) -> None:
        stored, engine, self.choice = opened
        self.folder, self.config, self.engine = stored.folder, stored.config, engine
        self.name = stored.folder.name
        self.unit: Unit = stored.unit
        self.tokenizer: Tokenizer = stored.tokenizer
        self.definition: dict[str, Any] = {
            "log_base": "e",
            "end_counted": True,
            "context": "line",
            "tokenizer": stored.tokenizer.kind,
            "lossless": stored.tokenizer.lossless,
            "lowercase": stored.tokenizer.lowercase,
            **engine.definition,
            "model": stored.fingerprint,
        }

    @cached_property
    def scorer(self) -> Scorer:
        from rnncli.inference.scorer import Scorer

        return Scorer(self.engine, self.tokenizer)

    @cached_property
    def sampler(self) -> Sampler:
        from rnncli.inference.sampler import Sampler

        return Sampler(self.engine, self.tokenizer, self.unit)

    def score(
        self, texts: Iterable[str], *, context: Context = "line", tokens: bool = False, words: bool = False
    ) -> list[TextScore]:
        """A score for each text, in order; a text is a line, or with context 'file' the next line of one text."""
        from rnncli.inference.plan import Line

        lines = (Line(text, None, number) for number, text in enumerate(texts, start=1))
        return list(self.scorer.score(lines, context=context, tokens=tokens, words=words))

    def logprobs(self, text: str) -> NDArray[np.float64]:
        """Natural log-probability of each token of one line, its end the last: (tokens,)."""
        import numpy as np

        [score] = self.score([text], tokens=True)
        return np.array([token.logprob for token in score.token_scores])

    def sample(self, prompt: str = "", **options: Any) -> Sample:
        """One continuation of ``prompt``; ``options`` are SampleConfig's fields."""
        try:
            config = validate(SampleConfig(**options))
        except TypeError as error:
            raise ConfigError(f"sample has no such setting: {error}") from None
        [sample] = self.sampler.samples([prompt], replace(config, count=1))
        return sample


def load(
    model: str | Path | None = None,
    *,
    device: Device = "auto",
    engine: EngineName = "auto",
    threads: int | None = None,
) -> Model:
    """A model by name or folder; without one $RNNCLI_MODEL, the newest, or the starter."""
    from rnncli.inference.opening import open_engine

    folder = library.resolve(None if model is None else str(model))
    return Model(open_engine(folder, device=device, engine=engine, threads=threads))


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


CARD_SAMPLES = 3


def write_card(folder: Path, threads: int) -> None:
    """Give a finished model its README.md: what it was trained on, how well it does, three samples."""
    model = load(folder, device="cpu", threads=threads)
    config = SampleConfig(max_tokens=60, seed=1, count=CARD_SAMPLES)
    samples = [sample.text for sample in model.sampler.samples([""], config)]
    write_bytes(
        folder / CARD,
        model_card(model.name, model.config, samples, reference=library.reference(folder)).encode("utf-8", "replace"),
    )
