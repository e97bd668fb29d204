"""The live line of a training, on a terminal. The one module that draws with Rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from rnncli.cli.display import show_plan, show_rare, stopping_text
from rnncli.events import Evaluated, Saved, StepDone, TrainEvent
from rnncli.formats.braille import curve
from rnncli.formats.progress import clock, valid_text

if TYPE_CHECKING:
    from rnncli.api import Plan

CURVE_CELLS = 20
LONGEST = 4096
"""Losses kept for the curve; where it is full every second one goes."""


@contextmanager
def open_live() -> Iterator[Live]:
    """A live line on stderr, which a thread redraws four times a second."""
    console = Console(stderr=True, highlight=False)
    live = Live()
    with RichLive(get_renderable=live.line, console=console, transient=True, redirect_stdout=False):
        yield live


class Live:
    """What the line says now, and lines above it for what happens rarely."""

    def __init__(self) -> None:
        self.step: StepDone | None = None
        self.best = ""
        self.losses: list[float] = []
        self.every = 1
        self.halted = ""

    def plan(self, plan: Plan) -> None:
        show_plan(plan)

    def event(self, event: TrainEvent) -> None:
        if isinstance(event, StepDone):
            self.step = event
            if event.step % self.every == 0:
                self.losses.append(event.loss)
            if len(self.losses) > LONGEST:
                self.losses, self.every = self.losses[::2], 2 * self.every
        elif isinstance(event, Evaluated):
            if event.best:
                self.best = f"validation {valid_text(event)}"
        elif not isinstance(event, Saved):
            self.step = None
            show_rare(event)

    def stopping(self, *, saving: bool) -> None:
        self.halted = stopping_text(saving=saving)

    def line(self) -> Text:
        """The line, short enough never to wrap."""
        if self.halted:
            return Text(self.halted, no_wrap=True, overflow="ellipsis")
        if self.step is None:
            return Text("")
        step = self.step
        line = Text(no_wrap=True, overflow="ellipsis")
        # What matters most comes first: a narrow terminal cuts the end off.
        line.append(f"{round(100 * step.progress):3d}% {clock(step.seconds_left)} left ", "bold")
        # In the validation figure's unit where there is one, or the two could not be compared.
        loss = step.loss if step.nats_per_char is None else step.nats_per_char
        line.append(f" loss {loss:.3f}")
        if self.best:
            line.append(f"  {self.best}", "green")
        if step.skipped:
            line.append(f"  {step.skipped} skipped", "red")
        line.append(" ")
        line.append(curve(self.losses, CURVE_CELLS), "cyan")
        line.append(f"  {step.tokens_per_second:,.0f} tok/s  grad {step.grad_norm:.2g}")
        return line
