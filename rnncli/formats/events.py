"""Training events as JSON, one object a line, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from rnncli.events import Done, Evaluated, Notice, Saved, Setting, StepDone, TrainEvent
from rnncli.formats.json import dumps
from rnncli.records import Figures, Quality


def plan(settings: Sequence[Setting]) -> str:
    """The ``plan`` event: every setting with its value and why."""
    named = {setting.name: {"value": setting.value, "why": setting.why} for setting in settings}
    return dumps({"event": "plan", **named})


def event(event: TrainEvent) -> str:
    """One training event."""
    match event:
        case StepDone():
            return dumps({"event": "step", **asdict(event)})
        case Evaluated():
            return dumps(
                {
                    "event": "eval",
                    "step": event.step,
                    "valid": _quality(event.valid),
                    "train_loss": event.train_loss,
                    "partial": event.partial,
                    "best": event.best,
                }
            )
        case Saved():
            return dumps({"event": "saved", **asdict(event)})
        case Notice():
            return dumps({"event": "notice", **asdict(event)})
        case Done():
            return dumps(_done(event))


def _done(done: Done) -> dict[str, Any]:
    return {
        "event": "done",
        "model": done.model,
        "steps": done.steps,
        "seconds": done.seconds,
        "tokens_per_second": done.tokens_per_second,
        "valid": _quality(done.valid),
        "params": done.params,
        "train": None if done.train is None else _quality(done.train),
        "uniform_nats_per_char": done.uniform_nats_per_char,
        "ngram_nats_per_char": done.ngram_nats_per_char,
        "reason": done.reason,
        **done.extra,
    }


def _quality(quality: Quality) -> dict[str, float | None]:
    return {
        "nats_per_char": quality.nats_per_char,
        "bits_per_byte": quality.bits_per_byte,
        "perplexity": quality.perplexity,
        "token_perplexity": quality.token_perplexity,
    }


def read(line: str | bytes) -> TrainEvent | tuple[Setting, ...] | None:
    """What a line tells: an event, or a plan's settings; None where it is no event.

    Weights do not come with it. A figure that JSON could not say is infinite, or None where it may be.
    """
    try:
        value = json.loads(line)
        kind = value.pop("event")
        return _READERS[kind](value)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _read_plan(value: Mapping[str, Any]) -> tuple[Setting, ...]:
    return tuple(Setting(name=name, value=entry["value"], why=str(entry["why"])) for name, entry in value.items())


def _read_step(value: Mapping[str, Any]) -> StepDone:
    known = {f.name: value[f.name] for f in fields(StepDone)}
    infinite = {name: math.inf for name, found in known.items() if found is None and name != "nats_per_char"}
    return StepDone(**{**known, **infinite})


def _read_evaluated(value: Mapping[str, Any]) -> Evaluated:
    # When it was made is not told: an evaluation that is made again is the same event.
    return Evaluated(**{**value, "valid": Figures(**value["valid"]), "seconds": math.nan, "weights": dict})


def _read_done(value: dict[str, Any]) -> Done:
    known = {f.name: value.pop(f.name) for f in fields(Done) if f.name != "extra"}
    train = known["train"]
    known |= {"valid": Figures(**known["valid"]), "train": None if train is None else Figures(**train)}
    return Done(**known, extra=value)


_READERS: dict[str, Callable[[Any], TrainEvent | tuple[Setting, ...]]] = {
    "plan": _read_plan,
    "step": _read_step,
    "eval": _read_evaluated,
    "saved": lambda value: Saved(**value),
    "notice": lambda value: Notice(**value),
    "done": _read_done,
}
