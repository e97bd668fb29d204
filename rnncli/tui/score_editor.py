"""An editor whose text is tinted by how unexpected it is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region
from textual.strip import Strip
from textual.widgets.text_area import Edit, EditResult, Location

from rnncli.tui import tint
from rnncli.tui.editor import HoldingEditor
from rnncli.tui.figures import LineLook, Run, shift
from rnncli.tui.stand_ins import held, meant, shown

LONG = 1000
"""Characters of a line beyond which only the part of it that is drawn is tinted."""
GUESSES = 64
"""Edited lines whose tint is made up of what they had before."""


class ScoreEditor(HoldingEditor):
    """Holds a text, tinted by ``known``: what is known of its lines, by their text."""

    DEFAULT_CSS = """
    ScoreEditor { border: none; padding: 0 1; background: $background; scrollbar-size-vertical: 1; }
    ScoreEditor:focus { border: none; }
    ScoreEditor .scores--surprise { color: $warning; }
    ScoreEditor .scores--first { color: $primary; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"scores--surprise", "scores--first"}
    # TextArea has keys of its own here that would hide the screen's.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f6", "screen.side", "panel", id="scores.editor_side"),
        Binding("f7", "screen.list", "words", id="scores.editor_list"),
    ]

    def __init__(self, text: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(
            held(text),
            id=id,
            soft_wrap=True,
            highlight_cursor_line=False,
            placeholder="type or paste a text: each of its tokens is tinted by its surprise",
        )
        self.match_cursor_bracket = False
        self.known: dict[str, LineLook] = {}
        self.tinted = True
        self.compared = False
        self._guesses: dict[str, Sequence[Run]] = {}
        self._part: tuple[Location, Location] = ((0, 0), (0, 0))
        """The first and the last character on the screen."""
        self._drawn: dict[int, Text] = {}
        """Long lines of one drawing: each of their rows is cut out of the whole."""
        self._styles: dict[int, Style] = {}

    # -- the text

    @property
    def lines(self) -> list[str]:
        """The lines as they are scored; a last one that is empty is none, as in a file."""
        lines = [meant(line) for line in self.document.lines]
        return lines[:-1] if lines and not lines[-1] else lines

    def line(self, row: int) -> str:
        """One of them."""
        return meant(self.document.get_line(row))

    def load_text(self, text: str) -> None:
        self._guesses.clear()
        super().load_text(text)

    def edit(self, edit: Edit) -> EditResult:
        row = edit.top[0]
        before = self.line(row) if edit.bottom[0] == row and "\n" not in held(edit.text) else None
        result = super().edit(edit)
        if before is not None:
            self._guess(before, self.line(row))
        return result

    def _guess(self, old: str, new: str) -> None:
        """Until a line is scored anew, its tint is that of what it kept."""
        runs = self._runs(old)
        if runs and new not in self.known:
            self._guesses[new] = shift(runs, old, new)
            if len(self._guesses) > GUESSES:
                del self._guesses[next(iter(self._guesses))]

    def _runs(self, text: str) -> Sequence[Run]:
        look = self.known.get(text)
        return self._guesses.get(text, ()) if look is None else look.runs

    # -- how it shows

    def show(self, *, anew: bool = False) -> None:
        """Draw with what is known now; ``anew``: by something else."""
        if anew:
            self._guesses.clear()
            self._styles.clear()
        self.notify_style_update()

    def notify_style_update(self) -> None:
        self._styles.clear()
        self._drawn.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._drawn.clear()
        top, wrapped = self.scroll_offset.y, self.wrapped_document
        ends = (0, top), (self.size.width, top + self.size.height)
        self._part = tuple(wrapped.offset_to_location(Offset(*end)) for end in ends)  # type: ignore[assignment]
        return super().render_lines(crop)

    def get_line(self, line_index: int) -> Text:
        line = self._drawn.get(line_index)
        if line is None:
            line = self._tinted(line_index)
            if len(line) > LONG:
                self._drawn[line_index] = line
        return line.copy()

    def _tinted(self, row: int) -> Text:
        text = self.document.get_line(row)
        line = Text(shown(text), end="", no_wrap=True)
        if self.tinted:
            runs = self._runs(meant(text))
            begin, end = self._seen(row) if len(text) > LONG else (0, len(text))
            at = max(0, bisect_right(runs, begin, key=lambda run: run.start) - 1)
            while at < len(runs) and runs[at].start < end:
                run = runs[at]
                line.stylize(self._style(run.level), run.start, run.end)
                at += 1
        return line

    def _seen(self, row: int) -> tuple[int, int]:
        """The characters of a row that are on the screen."""
        (top, first), (bottom, last) = self._part
        return first if row == top else 0, last + 1 if row == bottom else len(self.document.get_line(row))

    def _style(self, level: int) -> Style:
        style = self._styles.get(level)
        if style is None:
            style = self._styles[level] = self.style_of(level)
        return style

    def style_of(self, level: int) -> Style:
        """How a level shows: in one hue, or where two are compared in two."""
        steps = tint.DIFFERENCE_STEPS if self.compared else tint.STEPS
        name = "scores--first" if self.compared and level > 0 else "scores--surprise"
        hue = self.get_component_styles(name).color
        paper = tint.ramp(self.background_colors[1], hue, steps)[min(abs(level), steps - 1)]
        # What colour alone would say is also said without it.
        mark = Style(underline=abs(level) == steps - 1, italic=self.compared and level < 0)
        return Style(color=tint.ink(paper).rich_color, bgcolor=paper.rich_color) + mark
