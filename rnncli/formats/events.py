"""Training events as JSON, one object a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rnncli.events import Done, Evaluated, Notice, Saved, Setting, StepDone, TrainEvent
from rnncli.formats.json import dumps
from rnncli.records import Tally


def plan(settings: Sequence[Setting], **extra: Any) -> str:
    """The ``plan`` event: every setting with its value and why."""
    return dumps({"event": "plan", "settings": [asdict(setting) for setting in settings], **extra})


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


def _quality(tally: Tally) -> dict[str, float | None]:
    return {
        "nats_per_char": tally.nats_per_char,
        "bits_per_byte": tally.bits_per_byte,
        "perplexity": tally.perplexity,
    }
