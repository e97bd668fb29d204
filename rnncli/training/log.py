"""log.jsonl: what a run did, one event a line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from rnncli.errors import ModelError
from rnncli.events import Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.guarded import LONGEST_LOG, read_file
from rnncli.records import Quality
from rnncli.text.files import naming, write_bytes

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


class Log:
    """log.jsonl, open to be written on. Its lines reach the disk with each evaluation and each save."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[str] = []

    def write(self, event: TrainEvent) -> None:
        """One line. Steps are thinned out: a run may have a million."""
        if isinstance(event, StepDone) and event.step > 100 and event.step % 50:
            return
        self._lines.append(json.dumps(_line(event)) + "\n")
        if isinstance(event, Evaluated | Saved):
            self.flush()

    def flush(self) -> None:
        """Write what is waiting; a WriteError where it cannot be."""
        if not self._lines:
            return
        with naming(self.path), open(self.path, "a", encoding="utf-8") as file:
            file.write("".join(self._lines))
        self._lines.clear()


def _line(event: TrainEvent) -> dict[str, Any]:
    values: dict[str, Any] = {"event": type(event).__name__, "step": getattr(event, "step", None)}
    if isinstance(event, StepDone):
        values |= {"loss": event.loss, "learning_rate": event.learning_rate, "seconds": event.seconds}
    elif isinstance(event, Evaluated):
        values |= {"valid": figures(event.valid), "partial": event.partial, "best": event.best}
    elif isinstance(event, Notice):
        values["message"] = event.message
    return values


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
    write_bytes(path, "".join(f"{line}\n" for line in text.splitlines() if _is_before(line, step)).encode())


def _is_before(line: str, step: int) -> bool:
    try:
        return bool((json.loads(line).get("step") or 0) <= step)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False
