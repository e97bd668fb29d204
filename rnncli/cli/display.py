"""How a training shows itself: events for a program, a live line for a person, some lines for a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from rnncli.cli.plan import plan_table
from rnncli.cli.summary import resume_hint, summary
from rnncli.cli.terminal import (
    flush,
    has_color,
    is_terminal,
    one_line,
    paint,
    say,
    tell,
    tell_in_a_signal,
    write,
)
from rnncli.events import Done, Evaluated, Notice, StepDone, TrainEvent
from rnncli.formats.progress import clock, evaluation_text

if TYPE_CHECKING:
    from rnncli.api import Plan

QUIET_SECONDS = 10.0
"""Between two lines about steps, where stderr is no terminal."""
STOPPING = "stopping: this step is finished and saved first; Ctrl-C again leaves at once"
STOPPING_EARLY = "stopping: nothing is saved yet; Ctrl-C again leaves at once"


class Display(Protocol):
    """Something that a training can be shown on."""

    def plan(self, plan: Plan) -> None:
        """Show what is going to happen."""

    def event(self, event: TrainEvent) -> None:
        """Show what happened."""

    def stopping(self, *, saving: bool) -> None:
        """Answer a Ctrl-C at once. Runs in a signal handler. ``saving``: there is something to save."""


@contextmanager
def open_display(*, as_json: bool, quiet: bool) -> Iterator[Display]:
    """The display that fits the options and the streams; it is taken down at the end."""
    if as_json:
        with _stdout_for_data():
            yield Json(quiet)
    elif quiet:
        yield Silent()
    elif is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
        from rnncli.cli.live import open_live

        with open_live() as live:
            yield live
    else:
        yield Log()


@contextmanager
def _stdout_for_data() -> Iterator[None]:
    """Meanwhile what native libraries print goes to stderr, and is no line among the events.

    FBGEMM, within torch, says "Error: in fn add" on stdout where it finds no memory for code that it makes.
    """
    data = _second_stdout()
    if data is None:
        yield
        return
    ours = sys.stdout
    sys.stdout = open(data, "w", encoding=ours.encoding, errors=ours.errors, closefd=False)  # noqa: SIM115
    try:
        yield
    finally:
        with suppress(OSError):  # each line was handed on: what is left is of one that could not be
            sys.stdout.close()
        sys.stdout = ours
        os.dup2(data, 1)
        os.close(data)


def _second_stdout() -> int | None:
    """A descriptor of stdout, which itself is stderr now; None where it is none of the process's, or one is closed."""
    try:
        if sys.stdout.fileno() != 1:
            return None
        sys.stdout.flush()
        data = os.dup(1)
    except OSError:
        return None
    try:
        os.dup2(2, 1)
    except OSError:
        os.close(data)
        return None
    return data


def stopping_text(*, saving: bool) -> str:
    """The answer to a first Ctrl-C."""
    return f"rnncli: {STOPPING if saving else STOPPING_EARLY}"


class Silent:
    """Nothing at all."""

    def plan(self, plan: Plan) -> None:
        pass

    def event(self, event: TrainEvent) -> None:
        pass

    def stopping(self, *, saving: bool) -> None:
        pass


class Json:
    """One object a line on stdout."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def plan(self, plan: Plan) -> None:
        from rnncli.formats import events

        self._write(events.plan(plan.settings))

    def event(self, event: TrainEvent) -> None:
        from rnncli.formats import events

        self._write(events.event(event))
        if isinstance(event, Done) and event.reason == "interrupted":
            say(resume_hint(event.model), quiet=self.quiet)

    def stopping(self, *, saving: bool) -> None:
        if not self.quiet:
            tell_in_a_signal(stopping_text(saving=saving) + "\n")

    def _write(self, line: str) -> None:
        write(line + "\n")
        flush()


class Log:
    """Plain lines on stderr: the plan, a step every ten seconds, each evaluation, the end."""

    def __init__(self) -> None:
        self._next = 0.0

    def plan(self, plan: Plan) -> None:
        show_plan(plan)

    def event(self, event: TrainEvent) -> None:
        if isinstance(event, StepDone):
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + QUIET_SECONDS
                say(step_text(event))
        else:
            show_rare(event)

    def stopping(self, *, saving: bool) -> None:
        tell_in_a_signal(stopping_text(saving=saving) + "\n")


def show_plan(plan: Plan) -> None:
    """The plan's table on stderr."""
    tell(plan_table(plan.settings, color=has_color("stderr")) + "\n")


def show_rare(event: TrainEvent) -> None:
    """A line on stderr for each event that is not a step; the summary for the last one."""
    if isinstance(event, Evaluated):
        say(evaluation_text(event))
    elif isinstance(event, Notice):
        say(event.message)
    elif isinstance(event, Done):
        tell(summary(event, color=has_color("stderr")))


def step_text(step: StepDone) -> str:
    """A step in one line."""
    parts = [f"step {step.step}", f"loss {step.loss:.3f}"]
    if step.nats_per_char is not None:
        parts[-1] += f" ({step.nats_per_char:.3f} nats/char)"
    parts += [f"{step.tokens_per_second:,.0f} tokens/s", f"gradient {step.grad_norm:.2g}"]
    parts.append(f"{clock(step.seconds_left)} left")
    if step.skipped:
        parts.append(f"{step.skipped} skipped")
    return "  ".join(parts)


def bold(text: str) -> str:
    """The text in bold where stderr has colour."""
    return paint(one_line(text), 1, on=has_color("stderr"))
