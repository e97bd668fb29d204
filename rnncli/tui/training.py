"""``rnncli train --tui``: a training to look at, while it runs in a process of its own."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static

from rnncli import library
from rnncli.errors import RnncliError
from rnncli.text.glyphs import one_line
from rnncli.tui import keymap
from rnncli.tui.checkpoints import Checkpoints
from rnncli.tui.footer import Footer
from rnncli.tui.history import figure_of
from rnncli.tui.trainer_process import TrainerProcess
from rnncli.tui.training_panels import Figures, Headline, LossPlot, Panel, SamplePanel, log_text, plan_text

HERTZ = 10
SHARE, CREDIT_S = 0.02, 1.0
"""Of a processor that drawing may take, and how long it may draw more often first: the trainer needs the processor."""
PHASES = {
    "starting": "starting",
    "preparing": "preparing the text",
    "training": "training",
    "measuring": "measuring on the whole validation text",
}


class TrainingScreen(Screen[None]):
    """Curves and a sample at the left, figures, plan and log at the right; where there is little room, less."""

    HELP = """
## Training

**q** stops the training and saves it; **q** again leaves at once. After the end **q** leaves, and the summary stays in
the terminal.

**s**, **p**, **l**: the sample, the plan with its reasons, or the log alone; again, or **Esc**: all. **x**: curves over
steps or over time. **Left** and **right**: earlier samples, all with one seed. Arrows and **Page up** scroll.

Figures are those of `rnncli train`: natural logarithms. The training figure is of text that is being learnt, with
dropout; the validation figure of text that is not.
"""
    AUTO_FOCUS = "#sample"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide"), (130, "-vast")]  # noqa: RUF012 - as Screen has it
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (8, "-short"), (16, "-tall")]  # noqa: RUF012

    def __init__(self, trainer: TrainerProcess) -> None:
        super().__init__()
        self.history = trainer.history

    def compose(self) -> ComposeResult:
        yield Headline(self.history)
        yield Static("", id="message", markup=False)
        with Container(id="body"):
            yield LossPlot(self.history)
            yield Figures(self.history)
            yield Panel("plan", "plan")
            yield SamplePanel("sample", "sample: comes with the first evaluation")
            yield Panel("log", "log")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#figures").border_title = "now"
        self.query_one("#log", Panel).anchor()


class TrainingApp(App[None]):
    """Shows a trainer until it has ended and the person leaves."""

    TITLE = "rnncli train"
    CSS_PATH = "training.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q,ctrl+c", "stop", "stop and save", priority=True, key_display="q", id="train.stop"),
        Binding("q,ctrl+q,ctrl+c", "leave", "leave", priority=True, key_display="q", id="train.leave"),
        Binding("s", "alone('sample')", "sample", id="train.sample"),
        Binding("p", "alone('plan')", "plan", id="train.plan"),
        Binding("l", "alone('log')", "log", id="train.log"),
        Binding("x", "axis", "axis", id="train.axis"),
        Binding("left", "sample(-1)", "earlier sample", show=False, id="train.earlier"),
        Binding("right", "sample(1)", "later sample", show=False, id="train.later"),
        Binding("escape", "alone('')", "all", show=False, id="train.all"),
        Binding("f1", "help", "help", id="train.help"),
    ]

    def __init__(self, trainer: TrainerProcess, checkpoints: Checkpoints | None = None) -> None:
        super().__init__()
        self.trainer, self.history = trainer, trainer.history
        self.checkpoints = checkpoints or Checkpoints()
        self.leaving = False
        """Whether to leave as soon as the trainer has ended."""
        self._seen = 0
        self._credit, self._looked, self._used = CREDIT_S, time.monotonic(), time.thread_time()
        self._ended = False
        self._shown_sample: int | None = None
        """Which of the samples; None: the last."""
        self._drawn = self._asked = self._told = 0

    async def on_mount(self) -> None:
        try:
            self.set_keymap(keymap.read())
        except RnncliError as error:
            self.notify(one_line(error.message), severity="error", markup=False)
        await self.push_screen(TrainingScreen(self.trainer))
        self.set_interval(1 / HERTZ, self._look)

    def on_unmount(self) -> None:
        self.checkpoints.close()

    # -- what is new

    def _look(self) -> None:
        if not self.is_running:  # the screen is being taken down
            return
        if not self._ended and self.trainer.ended:
            self._ended = True
            self._seen = -1
            self.checkpoints.hurry()
            self.refresh_bindings()
            # A mistake in the command line is told as without this screen.
            if self.leaving or not (self.history.plan or self.trainer.end == "done"):
                self.exit()
                return
        if self._seen != self.history.version and (self._seen < 0 or self._may_draw()):
            self._seen = self.history.version
            self._show()
        if self.checkpoints.samples and len(self.checkpoints.samples) != self._drawn:
            self._show_sample()

    def _may_draw(self) -> bool:
        """Whether this thread has used no more than its share of a processor."""
        now, used = time.monotonic(), time.thread_time()
        self._credit = min(CREDIT_S, self._credit + SHARE * (now - self._looked) - (used - self._used))
        self._looked, self._used = now, used
        return self._credit > 0

    def _show(self) -> None:
        screen, history = self.screen, self.history
        with history.lock:
            plan, log, best, count = history.plan, list(history.log), history.best, history.checkpoints
        if count != self._asked and best is not None:
            self._asked = count
            self.checkpoints.want(history.folder, best.step)
        muted = Style(dim=True)
        headline = screen.query_one(Headline)
        headline.words = self._words()
        for widget in (headline, screen.query_one(LossPlot), screen.query_one(Figures)):
            widget.refresh()
        panel = screen.query_one("#plan", Panel)
        panel.show(plan_text(plan, muted, panel.scrollable_content_region.width))
        screen.query_one("#log", Panel).show(log_text(log, muted))
        self._show_message()
        if screen.has_class("-narrow") and history.notices > self._told:  # the log does not show there
            self.notify(one_line(history.notice), markup=False)
        self._told = history.notices

    def _words(self) -> str:
        if self._ended:
            return {"done": "done", "interrupted": "stopped", "failed": "failed", "killed": "killed"}[self.trainer.end]
        return "stopping" if self.trainer.interrupts else PHASES[self.history.phase]

    def _show_message(self) -> None:
        text = self.ending() if self._ended else self._stopping() if self.trainer.interrupts else ""
        message = self.screen.query_one("#message", Static)
        message.update(text)
        message.set_class(bool(text), "-shown")
        message.set_class(self._ended and self.trainer.end in ("failed", "killed"), "-bad")

    def _stopping(self) -> str:
        saving = self.history.step is not None
        what = "Stopping and saving." if saving else "Stopping; nothing is saved yet."
        return f"{what} q again leaves at once."

    def ending(self) -> str:
        """How it ended, and what to do now."""
        trainer, history = self.trainer, self.history
        if trainer.end == "killed":
            return f"The trainer was killed ({trainer.signal_name}). {self.resume_hint()} · q leaves."
        if trainer.end == "failed":
            return f"The training failed: {one_line(trainer.error)} · q leaves."
        if trainer.end == "interrupted":
            return "Stopped and saved. q leaves."
        value = None if history.done is None else figure_of(history.done.valid)
        if value is None:
            return "Ended. q leaves."
        return f"Ended: {value:.4f} {history.unit} on the whole validation text. q leaves."

    def resume_hint(self) -> str:
        """How to go on with what was saved, if anything was."""
        folder = self.history.folder
        return f"Go on with: rnncli train --resume {one_line(library.reference(folder))}" if folder else ""

    def _show_sample(self) -> None:
        samples = self.checkpoints.samples
        self._drawn = len(samples)
        if samples:
            number = len(samples) - 1 if self._shown_sample is None else min(self._shown_sample, len(samples) - 1)
            self.screen.query_one(SamplePanel).show_sample(samples[number], number + 1, len(samples))

    # -- keys and signals

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The same keys stop a training and leave one that has ended."""
        return {"stop": not self._ended, "leave": self._ended}.get(action, True)

    def action_leave(self) -> None:
        self.exit()

    def action_stop(self) -> None:
        """Stop and save; again: leave at once."""
        self.stop()
        if self.trainer.interrupts > 1:
            self.exit()

    def stop(self, *unused: Any) -> None:
        """Have the trainer stop, and leave when it has. Fit for a signal handler."""
        self.leaving = True
        self.trainer.interrupt()
        self._seen = -1

    def action_alone(self, name: str) -> None:
        """One panel alone, or all again."""
        screen = self.screen
        again = screen.has_class(f"-alone-{name}")
        for other in ("sample", "plan", "log"):
            screen.set_class(other == name and not again, f"-alone-{other}")
        alone = bool(name) and not again
        screen.set_class(alone, "-alone")
        if alone:
            screen.query_one(f"#{name}").focus()

    def action_axis(self) -> None:
        plot = self.screen.query_one(LossPlot)
        plot.axis = "time" if plot.axis == "steps" else "steps"
        plot.refresh()

    def action_sample(self, by: int) -> None:
        last = len(self.checkpoints.samples) - 1
        now = last if self._shown_sample is None else self._shown_sample
        self._shown_sample = None if now + by >= last else max(0, now + by)
        self._show_sample()

    def action_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()
