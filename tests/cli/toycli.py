"""The real command line over a toy model and a toy training: ``python tests/cli/toycli.py ARGUMENTS``.

No torch, so a call takes a fraction of a second, and pipes, signals and terminals can be tried by the dozen.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass
class ToyModel:
    """What the commands use of ``rnncli.api.Model``."""

    sampler: Any
    scorer: Any
    unit: str
    definition: Mapping[str, Any]
    name: str = "toy"
    direction: str = "forward"
    choice: Any = field(default_factory=lambda: types.SimpleNamespace(notable=False))


@dataclass
class ToyPlan:
    settings: tuple[Any, ...]


@dataclass
class ToyRun:
    """A training of so many steps, each of so many seconds, that learns nothing."""

    plan: ToyPlan
    folder: Path
    steps: int
    seconds: float
    stopped: list[bool] = field(default_factory=list)
    saving: bool = False

    def stop(self) -> None:
        self.stopped.append(True)

    def events(self) -> Iterator[Any]:
        from rnncli import events as r
        from rnncli.records import Tally

        half = Tally(logprob=-150.0, tokens=50, lines=10, words=20, chars=90, bytes=95)
        reason = "steps"
        time.sleep(float(os.environ.get("TOY_PREPARING", "0")))
        self.saving = True
        for step in range(1, self.steps + 1):
            time.sleep(self.seconds)
            yield r.StepDone(
                step=step, loss=4.0 / step, nats_per_char=2.0 / step, learning_rate=0.1, grad_norm=0.5,
                tokens_per_second=1234.5, progress=step / self.steps, seconds=float(step), seconds_left=65.0,
            )  # fmt: skip
            if step % 2 == 0:
                yield r.Evaluated(
                    step=step, valid=half, train_loss=1.0, partial=True, best=True, seconds=1.0, weights=dict
                )
            if self.stopped:
                reason = "interrupted"
                break
        yield r.Saved(step=step, folder=str(self.folder), best=True, seconds=1.0)
        yield r.Notice(message="a notice with \x1b[31m control characters")
        yield r.Done(
            model=str(self.folder), steps=step, seconds=12.5, tokens_per_second=1234.5, valid=half,
            train=half, params=1_900_000, uniform_nats_per_char=4.2, ngram_nats_per_char=1.9,
            reason=reason,
        )  # fmt: skip


def load(model: str | None = None, **options: Any) -> ToyModel:
    """A hybrid tokenizer over a few lines and a random network; ``lines`` is a model of lines."""
    from rnncli.inference.sampler import Sampler
    from rnncli.inference.scorer import Scorer
    from tests.toy import ToyEngine, toy_tokenizer

    tokenizer = toy_tokenizer()
    engine = ToyEngine(tokenizer.vocab_size)
    unit: Any = "lines" if model == "lines" else "stream"
    return ToyModel(
        Sampler(engine, tokenizer, unit), Scorer(engine, tokenizer), unit, {"engine": "toy", "lossless": True}
    )


def open_run(request: Any) -> ToyRun:
    """A run that shows what it was asked for in its plan."""
    from rnncli import library
    from rnncli.events import Setting

    folder = library.new_folder(request.corpora, name=request.name, out=request.out, overwrite=request.overwrite)
    settings = [Setting(name=k, value=str(v), why="you said so") for k, v in request.given.items()]
    settings.append(Setting(name="corpora", value=" ".join(request.corpora), why="because " * 30))
    seconds = float(os.environ.get("TOY_SECONDS", "0"))
    return ToyRun(ToyPlan(tuple(settings)), folder, int(request.given.get("steps", 4)), seconds)


def resume_run(
    name: str, given: Mapping[str, Any], *, device: str, threads: int | None, started: float | None = None
) -> ToyRun:
    """A run of that name."""
    return ToyRun(ToyPlan(()), Path("models") / name, int(given.get("steps", 4)), 0.0)


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """As in rnncli.api."""

    corpora: tuple[str, ...]
    given: Mapping[str, Any]
    name: str | None
    out: str | None
    overwrite: bool
    device: str
    threads: int | None
    from_model: str | None
    started: float | None = None


def install() -> None:
    """Put the toys in the place of rnncli.api."""
    api: Any = types.ModuleType("rnncli.api")
    api.load, api.open_run, api.resume_run, api.TrainRequest = load, open_run, resume_run, TrainRequest
    sys.modules["rnncli.api"] = api


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    install()
    from rnncli.cli.app import run

    sys.exit(run(sys.argv[1:]))
