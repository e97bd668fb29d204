"""log.jsonl: what a run did, one event a line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import IO, Any

from rnncli.errors import ModelError
from rnncli.events import Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.guarded import LONGEST_LOG, read_file
from rnncli.records import Quality

LOG = "log.jsonl"


def figures(tally: Quality) -> dict[str, float | None]:
    """A quality as logs and config.json keep it."""
    values = {
        "nats_per_char": tally.nats_per_char,
        "bits_per_byte": tally.bits_per_byte,
        "perplexity": tally.perplexity,
        "token_perplexity": tally.token_perplexity,
    }
    # JSON has no infinity, which a perplexity of hopeless weights can be.
    return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}


def write_log(log: IO[str], event: TrainEvent) -> None:
    """One line of log.jsonl. Steps are thinned out: a run may have a million."""
    if isinstance(event, StepDone) and event.step > 100 and event.step % 50:
        return
    values: dict[str, Any] = {"event": type(event).__name__, "step": getattr(event, "step", None)}
    if isinstance(event, StepDone):
        values |= {"loss": event.loss, "learning_rate": event.learning_rate, "seconds": event.seconds}
    elif isinstance(event, Evaluated):
        values |= {"valid": figures(event.valid), "partial": event.partial, "best": event.best}
    elif isinstance(event, Notice):
        values["message"] = event.message
    log.write(json.dumps(values) + "\n")
    if isinstance(event, Evaluated | Saved):
        log.flush()


def cut_log(path: Path, step: int) -> None:
    """Drop what was logged after ``step``, half a line at the end included: it will be done again.

    A log that is none, or larger than one gets, is a ModelError.
    """
    if not path.exists():
        return
    try:
        text = read_file(path, LONGEST_LOG).decode(errors="replace")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint="Delete it: it only tells.") from error
    path.write_text("".join(f"{line}\n" for line in text.splitlines() if _is_before(line, step)), encoding="utf-8")


def _is_before(line: str, step: int) -> bool:
    try:
        return bool((json.loads(line).get("step") or 0) <= step)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False
