"""What a training told so far, as the screen shows it: bounded, however long it runs. No Textual here.

Events are put in by the thread that reads them, so that a screen that is slow to draw holds nothing up and nothing
piles up before it.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any, Literal, NamedTuple

from rnncli.events import Done, Evaluated, Notice, Saved, Setting, StepDone, TrainEvent
from rnncli.guarded import LONGEST_LOG, read_file
from rnncli.records import Figures, Quality
from rnncli.tui.series import Series

Phase = Literal["starting", "preparing", "training", "measuring"]
LOG_LINES = 300
RECENT = 200
"""Steps of which the share whose gradient was clipped is told."""
SMOOTH = 0.95
"""Of the speed and of the training figure: how much of the old value stays at each step."""
GAP = 120
"""Steps at most between the log's last one and the first of a run that goes on from it: the log has every 50th."""


class Line(NamedTuple):
    """A line of the log."""

    seconds: float
    kind: Literal["best", "evaluated", "saved", "notice", "said"]
    text: str


class Marked(NamedTuple):
    """An evaluation."""

    step: int
    seconds: float
    value: float


class History:
    """All that is shown. ``version`` changes with every event. Read and written under ``lock``."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.version = 0
        self.plan: tuple[Setting, ...] = ()
        self.step: StepDone | None = None
        self.done: Done | None = None
        self.losses: dict[str, Series] = {"steps": Series(), "time": Series()}
        """The training figure, over steps and over seconds."""
        self.valid: list[Marked] = []
        self.best: Marked | None = None
        self.rates, self.norms, self.speeds = Series(256), Series(256), Series(256)
        self.log: deque[Line] = deque(maxlen=LOG_LINES)
        self.smooth: float | None = None
        self.speed: float | None = None
        self.checkpoints = 0
        """How often the model folder got better weights."""
        self.notices, self.notice = 0, ""
        """How many there were, and the last one."""
        self.per_char = True
        """Whether figures are nats per character; else nats per token."""
        self._clipped: deque[bool] = deque(maxlen=RECENT)
        self._clip_norm = 0.0
        self._offset = self._last_seconds = 0.0
        self._evaluated_at_end = False

    # -- what was told

    def add(self, told: TrainEvent | tuple[Setting, ...]) -> None:
        """Take in an event or a plan."""
        with self.lock:
            self.version += 1
            match told:
                case tuple():
                    self.plan = told
                    norm = self.setting("clip_norm")
                    self._clip_norm = float(norm) if isinstance(norm, int | float) else 0.0
                case StepDone():
                    self._add_step(told)
                case Evaluated():
                    self._add_evaluation(told)
                case Saved():
                    self._add_saved(told)
                case Notice():
                    self.notices, self.notice = self.notices + 1, told.message
                    self.say(told.message, kind="notice")
                case Done():
                    self.done = told

    def say(self, text: str, kind: Literal["notice", "said"] = "said") -> None:
        """Add a line to the log."""
        with self.lock:
            self.version += 1
            self.log.append(Line(self.seconds, kind, text))

    def _add_step(self, step: StepDone) -> None:
        if self.step is None and step.step > 1:
            self._read_log(step)
        elif self.step is not None and step.step <= self.step.step:
            self._begin_anew()
        self.per_char = step.nats_per_char is not None
        self._advance(step.seconds)
        self.step, self._evaluated_at_end = step, False
        loss = step.loss if step.nats_per_char is None else step.nats_per_char
        self.losses["steps"].add(step.step, loss)
        self.losses["time"].add(self.seconds, loss)
        self.rates.add(step.step, step.learning_rate)
        self.norms.add(step.step, step.grad_norm)
        self.speeds.add(step.step, step.tokens_per_second)
        self.smooth = _smoothed(self.smooth, loss)
        self.speed = _smoothed(self.speed, step.tokens_per_second)
        if math.isfinite(step.grad_norm):
            self._clipped.append(step.grad_norm > self._clip_norm)

    def _add_evaluation(self, event: Evaluated) -> None:
        value = figure_of(event.valid)
        self._evaluated_at_end = self.step is not None and self.step.progress >= 1
        if value is None:
            self.say(f"step {event.step:,}: the validation figure is not finite", kind="notice")
            return
        mark = Marked(event.step, self.seconds, value)
        self.valid = _thinned([*self.valid, mark], self.best)
        if event.best:
            self.best, self.checkpoints = mark, self.checkpoints + 1
        kind: Literal["best", "evaluated"] = "best" if event.best else "evaluated"
        self.log.append(Line(self.seconds, kind, f"step {event.step:,}  {value:.4f}"))

    def _add_saved(self, event: Saved) -> None:
        self._advance(event.seconds)
        if self.log and self.log[-1].kind in ("best", "evaluated"):
            last = self.log.pop()
            self.log.append(last._replace(text=f"{last.text}  saved"))
        else:
            self.log.append(Line(self.seconds, "saved", f"step {event.step:,}  saved"))

    def _advance(self, seconds: float) -> None:
        """A process counts from its own start: what came before it is added."""
        if seconds < self._last_seconds:
            self._offset += self._last_seconds
        self._last_seconds = seconds

    def _begin_anew(self) -> None:
        """Another network: its steps are counted from one, and its figures are none of the first's."""
        for series in (*self.losses.values(), self.rates, self.norms, self.speeds):
            series.clear()
        self.valid, self.best, self.smooth = [], None, None

    # -- what an earlier process told

    def _read_log(self, first: StepDone) -> None:
        """The earlier part of the curves, of a run that goes on: log.jsonl has it, cut at the step it goes on from."""
        try:
            lines = read_file(Path(self.folder) / "training" / "log.jsonl", LONGEST_LOG).splitlines()
            earlier = [entry for line in lines if isinstance(entry := json.loads(line), dict)]
        except (OSError, ValueError, RecursionError):
            return
        steps = [e["step"] for e in earlier if e.get("event") == "StepDone"]
        if not (steps and 0 < first.step - steps[-1] <= GAP):
            return  # of another network
        ratio = first.nats_per_char / first.loss if first.nats_per_char is not None and first.loss else 1.0
        self.per_char = first.nats_per_char is not None
        for entry in earlier:
            self._add_earlier(entry, ratio)

    def _add_earlier(self, entry: dict[str, Any], ratio: float) -> None:
        step = entry.get("step")
        if entry.get("event") == "StepDone" and isinstance(entry.get("seconds"), int | float):
            self._advance(entry["seconds"])
            self.losses["steps"].add(entry["step"], entry["loss"] * ratio)
            self.losses["time"].add(self.seconds, entry["loss"] * ratio)
            self.rates.add(entry["step"], entry["learning_rate"])
        elif entry.get("event") == "Evaluated" and isinstance(step, int):
            known = {name: entry["valid"].get(name) for name in Figures.__dataclass_fields__}
            value = figure_of(Figures(**known))
            if value is not None:
                mark = Marked(step, self.seconds, value)
                self.valid.append(mark)
                self.best = mark if entry.get("best") else self.best

    # -- what is shown

    def setting(self, name: str) -> str | int | float | None:
        """A setting's value, if the plan has it."""
        return next((setting.value for setting in self.plan if setting.name == name), None)

    @property
    def folder(self) -> str:
        """Where the model goes; empty before the plan is there."""
        return str(self.setting("model") or "")

    @property
    def seconds(self) -> float:
        """Of all processes that worked on this run."""
        return self._offset + self._last_seconds

    @property
    def phase(self) -> Phase:
        if self.step is None:
            return "preparing" if self.plan else "starting"
        return "measuring" if self._evaluated_at_end else "training"

    @property
    def clipped(self) -> float | None:
        """Share of the last steps whose gradient was longer than it may be; None where nothing is clipped."""
        if not self._clip_norm or not self._clipped:
            return None
        return sum(self._clipped) / len(self._clipped)

    @property
    def unit(self) -> str:
        return "nats per character" if self.per_char else "nats per token"


def figure_of(quality: Quality) -> float | None:
    """Nats per character; where characters mean nothing, nats per token."""
    value = quality.nats_per_char
    if value is None and quality.token_perplexity:
        value = math.log(quality.token_perplexity)
    return value if value is not None and math.isfinite(value) else None


def _smoothed(old: float | None, new: float) -> float | None:
    if not math.isfinite(new):
        return old
    return new if old is None else SMOOTH * old + (1 - SMOOTH) * new


def _thinned(marks: Sequence[Marked], best: Marked | None, most: int = 512) -> list[Marked]:
    """Every second of too many evaluations, the best and the last always."""
    if len(marks) <= most:
        return list(marks)
    return [mark for i, mark in enumerate(marks) if i % 2 or mark == best]
