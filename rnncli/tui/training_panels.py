"""What stands on the screen of a training: its progress, its curves, its figures, its plan, its log, its samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from rnncli.events import Setting
from rnncli.formats.braille import curve
from rnncli.formats.progress import clock, value_text
from rnncli.text.glyphs import one_line, visible
from rnncli.tui.checkpoints import SEED, Drawn
from rnncli.tui.history import History, Line
from rnncli.tui.plot import BEST_MARK, MARK, Plot, draw, smoothed
from rnncli.tui.series import Series

FULL, HALF, REST = "━", "╸", "─"
LABEL = 14
TABLE = (36, 7)
"""Columns and rows from which figures are a table."""
EMPTY = "The curves begin with the first step."
COLUMNS_FROM = 60
"""Columns from which the plan is a table."""
NOTES = {"best": BEST_MARK, "evaluated": MARK, "saved": "·", "notice": "!", "said": " "}


class Headline(Widget):
    """Which training, how far it is, how long it takes still."""

    DEFAULT_CSS = """
    Headline { height: 1; padding: 0 1; background: $panel; color: $foreground; text-wrap: nowrap; }
    Headline .headline--done { color: $text-primary; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"headline--done", "headline--name"}

    def __init__(self, history: History) -> None:
        super().__init__(id="headline")
        self.history = history
        self.words = ""
        """How things stand."""

    def render(self) -> RenderResult:
        history, step, width = self.history, self.history.step, self.size.width
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        name = one_line(history.folder.rstrip("/").rpartition("/")[2])
        end = "" if step is None or history.done is not None else f"{round(100 * step.progress):d} %"
        if step is not None and history.done is None and history.phase == "training":
            end += f"  {clock(step.seconds_left)} left"
        room = width - len(end) - 2
        for part, style in ((name, "bold"), (self.words, "")):
            if part and Text(part).cell_len + 2 <= room:
                line.append(f"{part}  ", style)
                room -= Text(part).cell_len + 2
        if step is not None and room >= 8:
            share = 1.0 if history.done is not None and history.done.reason == "budget" else step.progress
            done = min(room, max(0.0, share) * room)
            half = HALF if done % 1 >= 0.5 else ""
            line.append(FULL * int(done) + half, self.get_component_rich_style("headline--done", partial=True))
            line.append(REST * (room - int(done) - len(half)), Style(dim=True))
            line.append("  ")
        line.append(end, "bold")
        return line


class LossPlot(Widget):
    """The curves of both texts on one axis."""

    NAMES = ("train", "valid", "best", "axis", "grid")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"plot--{name}" for name in NAMES}
    DEFAULT_CSS = """
    LossPlot { height: 1fr; text-wrap: nowrap; }
    LossPlot .plot--train { color: $text-primary; }
    LossPlot .plot--valid { color: $text-warning; text-style: bold; }
    LossPlot .plot--best { color: $text-success; text-style: bold; }
    LossPlot .plot--axis { text-style: dim; }
    LossPlot .plot--grid { color: $panel-lighten-2; }
    """

    def __init__(self, history: History) -> None:
        super().__init__(id="plot")
        self.history = history
        self.axis = "steps"

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"plot--{name}", partial=True)

    def render(self) -> RenderResult:
        with self.history.lock:
            plot, legend = self._plot(), self._legend()
            self.border_title = f"loss, {self.history.unit}, over {self.axis}"
        lines = draw(plot, self.size.width, self.size.height - 1)
        if not lines:
            return Text("" if plot.train else EMPTY, style="dim")
        text = legend
        text.end = ""
        for line in lines:
            text.append("\n")
            for piece, name in line:
                text.append(piece, self._style(name))
        return text

    def _plot(self) -> Plot:
        history, time = self.history, self.axis == "time"

        def at(step: float, seconds: float) -> float:
            return seconds if time else step

        valid = [(at(mark.step, mark.seconds), mark.value) for mark in history.valid]
        best = history.best
        point = None if best is None else (at(best.step, best.seconds), best.value)
        return Plot(smoothed(history.losses[self.axis].points), valid, point, time)

    def _legend(self) -> Text:
        history = self.history
        text = Text()
        last = f"{history.valid[-1].value:.3f}" if history.valid else ""
        best = f"{history.best.value:.3f}" if history.best is not None else ""
        parts = [("train", "⠤⠤ training", "" if history.smooth is None else f"{history.smooth:.3f}")]
        parts += [("valid", f"⠤{MARK} validation", last)] if last else []
        parts += [("best", f"{BEST_MARK} best", best)] if best else []
        for name, what, value in parts:
            room = self.size.width - text.cell_len
            if room >= len(what) + 2:
                text.append(f"{what} ", self._style(name))
                text.append(f"{value}  " if room >= len(what) + 1 + len(value) else "", "bold")
        text.truncate(self.size.width)
        return text


class Row(NamedTuple):
    """A figure: in a table with its note and its curve, where there is little room in few words."""

    label: str
    value: str
    note: str = ""
    curve: Series | None = None
    short: str = ""


class Figures(Widget):
    """The figures of now."""

    DEFAULT_CSS = """
    Figures { text-wrap: nowrap; text-overflow: ellipsis; }
    Figures .figures--label { text-style: dim; }
    Figures .figures--curve { color: $text-primary; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"figures--label", "figures--curve"}

    def __init__(self, history: History) -> None:
        super().__init__(id="figures")
        self.history = history

    def render(self) -> RenderResult:
        with self.history.lock:
            rows = list(figure_rows(self.history))
            width, height = self.size
            return self._table(rows, width) if width >= TABLE[0] and height >= TABLE[1] else self._flow(rows, width)

    def _table(self, rows: Sequence[Row], width: int) -> Text:
        label = self.get_component_rich_style("figures--label", partial=True)
        drawn = self.get_component_rich_style("figures--curve", partial=True)
        values = max((len(row.value) for row in rows), default=0)
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for number, row in enumerate(rows):
            text.append("\n" if number else "")
            text.append(f"{row.label:{LABEL}}", label)
            text.append(f"{row.value:>{values}} ", "bold")
            if row.note:
                text.append(row.note, label)
            if row.curve is not None:
                room = max(0, width - LABEL - 1 - values - (len(row.note) + 1 if row.note else 0))
                text.append((" " if row.note else "") + curve([y for _, y in row.curve.points], min(24, room)), drawn)
        return text

    def _flow(self, rows: Sequence[Row], width: int) -> Text:
        text, used = Text(no_wrap=True, overflow="ellipsis", end=""), 0
        for row in rows:
            words = row.short
            if not words:
                continue
            if used and used + 3 + len(words) > width:
                text.append("\n")
                used = 0
            if used:
                text.append(" · ", Style(dim=True))
                used += 3
            text.append(words)
            used += len(words)
        return text


def figure_rows(history: History) -> Iterable[Row]:
    """What there is to tell now, what matters most first."""
    step, best = history.step, history.best
    if history.valid:
        last = history.valid[-1]
        yield Row("validation", f"{last.value:.4f}", f"step {last.step:,}", short=f"valid {last.value:.4f}")
    if best is not None:
        yield Row(
            "best", f"{best.value:.4f}", f"step {best.step:,}, {clock(best.seconds)}", short=f"best {best.value:.4f}"
        )
    if history.smooth is not None:
        yield Row("training", f"{history.smooth:.3f}", "smoothed", short=f"train {history.smooth:.3f}")
    if step is None:
        return
    rate, norm = f"{step.learning_rate:.3g}", f"{step.grad_norm:.2g}"
    yield Row("learning rate", rate, curve=history.rates, short=f"rate {rate}")
    yield Row("gradient norm", norm, curve=history.norms, short=f"gradient {norm}")
    if history.clipped is not None:
        share = f"{100 * history.clipped:.0f} %"
        yield Row("clipped", share, "of late", short=f"{share} clipped")
    speed = f"{history.speed or 0:,.0f}"
    yield Row("tokens/s", speed, curve=history.speeds, short=f"{speed} tokens/s")
    yield Row("step", f"{step.step:,}", short=f"step {step.step:,}")
    if step.skipped:
        yield Row("skipped", f"{step.skipped:,}", "not finite", short=f"{step.skipped:,} skipped")
    yield Row("time", clock(history.seconds), short=clock(history.seconds))


class Panel(VerticalScroll):
    """A text that can be scrolled."""

    def __init__(self, id: str, title: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="panel")
        self.border_title = title

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, text: RenderableType) -> None:
        """Show another text."""
        self.query_one(Static).update(text)


class SamplePanel(Panel):
    """What the checkpoints write."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.sample(-1)", "sample before", show=False),
        Binding("right", "app.sample(1)", "next sample", show=False),
    ]

    def show_sample(self, sample: Drawn, number: int, of: int) -> None:
        """Show one of the samples that there are."""
        which = f", {number} of {of} (← →)" if of > 1 else ""
        self.border_title = f"sample at step {sample.step:,}, seed {SEED}{which}"
        self.show(Text(visible(sample.text)))


def plan_text(settings: Sequence[Setting], style: Style, width: int) -> RenderableType:
    """Each setting with its reason, in columns where there is room for them."""
    rows = [(one_line(s.name.replace("_", " ")), one_line(value_text(s.value)), one_line(s.why)) for s in settings]
    if width < COLUMNS_FROM:
        text = Text(end="")
        for number, (name, value, why) in enumerate(rows):
            text.append("\n" if number else "")
            text.append(f"{name} ", style).append(value, "bold").append(f"  {why}", style)
        return text
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style=style)
    table.add_column(max_width=width // 3, style="bold")
    table.add_column()
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def log_text(lines: Iterable[Line], style: Style) -> Text:
    """A line each, with the time."""
    text = Text(end="")
    for number, line in enumerate(lines):
        text.append("\n" if number else "")
        text.append(f"{clock(line.seconds):>5} ", style)
        text.append(f"{NOTES[line.kind]} {one_line(line.text)}", "bold" if line.kind in ("best", "notice") else "")
    return text
