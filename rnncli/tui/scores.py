"""A person's own text, tinted by how unexpected each of its tokens is, as it is typed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static, TextArea

from rnncli.text.glyphs import one_line
from rnncli.tui import tint
from rnncli.tui.conversation import Conversation
from rnncli.tui.figures import LineLook, Whole, clipped
from rnncli.tui.footer import Footer
from rnncli.tui.picker import ModelPicker, models_there_are
from rnncli.tui.reports import Loaded
from rnncli.tui.score_editor import ScoreEditor
from rnncli.tui.score_panel import AskTemperatures, ScorePanel, WordList, token_lines
from rnncli.tui.scoring import Asked, Begun, Found, LineScores, Setup, prune
from rnncli.tui.story_screen import SCREEN_KEYS

if TYPE_CHECKING:
    from rnncli.tui.app import ChatApp

PAUSE = 0.15
"""Seconds after a key in which another one may come before the text is scored."""
ALONE, TEMPERATURES = "=alone", "=temperatures"
"""In the picker beside the models."""


class ScoresScreen(Screen[None]):
    """An editor, and beside it figures and words."""

    HELP = """
## Scores

Type or paste a text: each token is tinted by its surprisal in bits. Each line is scored alone, as
`rnncli score` does.

**Ctrl-G** goes to the least expected word, **Ctrl-N** to the next one. **F7** is the list: **Enter** or **1** to **9**.
**Ctrl-R** compares with another model, **F5** two temperatures of this one. **F6** shows or hides the panel,
**Ctrl-T** the tint. **Ctrl-S** saves the text.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        *SCREEN_KEYS,
        Binding("ctrl+g", "worst", "surprise", id="scores.worst"),
        Binding("ctrl+n", "next", "next", id="scores.next"),
        Binding("ctrl+r", "compare", "compare", id="scores.compare"),
        Binding("f5", "temperatures", "temperatures", show=False, id="scores.temperatures"),
        Binding("ctrl+t", "tint", "tint", show=False, id="scores.tint"),
        Binding("f6", "side", "panel", id="scores.side"),
        Binding("f7", "list", "words", id="scores.list"),
        Binding("escape", "leave", "stop, or back to the text", show=False, id="scores.leave"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Screen has it
    KIND, ENDING = "text", "txt"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (10, "-tall")]  # noqa: RUF012

    app: ChatApp

    def __init__(self) -> None:
        super().__init__()
        self.setup = Setup()
        self.names: list[str] = [""]
        self.whole: Whole | None = None
        self.number = 0
        """Of the text as it is now: what is reported of an earlier one is not shown."""
        self._text = ""
        self._note, self._stopped, self._at = "", False, -1
        self._timer: Timer | None = None
        self._scores: LineScores | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="text-column"):
                yield ScoreEditor(self._text, id="editor")
            yield ScorePanel(id="score-panel")
        yield Static("", id="legend")
        yield Static("", id="status", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.editor.focus()
        self._begun(Begun(self.setup, self.names, by_words=False))

    def on_screen_resume(self) -> None:
        self._ask()

    @property
    def editor(self) -> ScoreEditor:
        return self.query_one(ScoreEditor)

    @property
    def panel(self) -> ScorePanel:
        return self.query_one(ScorePanel)

    def begin(self, text: str) -> None:
        """Have this text looked at instead."""
        self._text = text
        if self.is_running:
            self.editor.load_text(text)

    # -- scoring

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self.number += 1  # a job under way sees it, and leaves off
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._ask)

    @property
    def pausing(self) -> bool:
        """Whether a change waits for the pause after it."""
        return self._timer is not None

    def _ask(self) -> None:
        """Have the text scored when the model is idle; lines that are known are not scored again."""
        self.number, self._timer = self.number + 1, None
        editor = self.editor
        top, _ = editor.wrapped_document.offset_to_location(editor.scroll_offset)
        asked = Asked(self.number, editor.lines, top, self.setup)
        self._stopped = False
        self.app.ask("scores", lambda talk: self._run(asked, talk))

    def _run(self, asked: Asked, talk: Conversation) -> None:
        """In the model's thread."""
        if talk.model is None:
            return
        performer = self.app.performer
        scores = self._scores = self._scores or LineScores(performer.report)
        round_ = performer.round
        scores.run(asked, talk.model, talk.how, lambda: self.number != asked.number or performer.stopping(round_))

    def take(self, report: object) -> None:
        """Show one report of the model's thread."""
        if not self.is_running:
            return
        match report:
            case Loaded():
                self._ask()
            case Begun():
                self._begun(report)
            case Found(number, looks, whole):
                editor = self.editor
                editor.known.update(looks)
                prune(editor.known, editor.lines)
                editor.show()
                if number == self.number:
                    self.whole = whole
                    self.panel.show_places(whole.places)
                    self._at = min(self._at, len(whole.places) - 1)
                self._show_figures()

    def _begun(self, begun: Begun) -> None:
        self.setup, self.names, self._note = begun.setup, [one_line(name) for name in begun.names], begun.note
        self.whole, self._at = None, -1
        editor = self.editor
        editor.known, editor.compared = {}, len(self.names) > 1
        editor.show(anew=True)
        self.panel.show_names(self.names)
        self.query_one("#legend", Static).update(self._legend(begun.by_words))
        self._show_figures()

    # -- how it shows

    def _look(self) -> LineLook | None:
        """What is known of the cursor's line."""
        editor = self.editor
        return editor.known.get(editor.line(editor.cursor_location[0]))

    def _show_figures(self) -> None:
        row, column = self.editor.cursor_location
        look = self._look()
        last_and_empty = row == self.editor.document.line_count - 1 and not self.editor.document.get_line(row)
        if last_and_empty:
            look = None  # no line to the model
        self.panel.show_figures(self.whole, row, look)
        self.panel.show_token(look, column)
        parts = [
            "stopped; the next key goes on" if self._stopped else "",
            self._note or " against ".join(self.names),
            "" if self.whole is None else self.whole.in_words(),
            " ".join(token_lines(look, column, self.names)[0].split()),
        ]
        shown = " · ".join(part for part in parts if part)
        self.query_one("#status", Static).update(Content(one_line(shown)))

    def _legend(self, by_words: bool) -> Content:
        editor = self.editor
        if not editor.tinted:
            return Content("")
        if len(self.names) == 1:
            levels = list(zip((0, *tint.LIMITS), range(tint.STEPS), strict=True))
            parts: list[str | tuple[str, str]] = ["bits "]
        else:
            lows = (0, *tint.DIFFERENCE_LIMITS)
            levels = [(lows[abs(level)], level) for level in range(1 - tint.DIFFERENCE_STEPS, tint.DIFFERENCE_STEPS)]
            parts = [f"{clipped(self.names[1])} expects more "]
        for low, level in levels:
            style = editor.style_of(level)
            assert style.color is not None
            assert style.bgcolor is not None
            parts.append((f" {low:g}" + " " * (len(self.names) == 1), f"{style.color.name} on {style.bgcolor.name}"))
        if len(self.names) > 1:
            parts.append(f" {clipped(self.names[0])} does, in bits" + (" a word" if by_words else ""))
        return Content.assemble(*parts)

    # -- what you do

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        self._show_figures()

    def on_word_list_chosen(self, event: WordList.Chosen) -> None:
        self._go(event.number)

    def action_worst(self) -> None:
        self._go(0)

    def action_next(self) -> None:
        self._go(self._at + 1)

    def _go(self, number: int) -> None:
        """Put the cursor on a word of the list; after the last comes the first."""
        places = self.panel.places
        if not places:
            return
        self._at = number % len(places)
        row, word = places[self._at]
        editor = self.editor
        if row >= editor.document.line_count or not editor.line(row)[word.start :].startswith(word.text):
            self.notify("the text has changed; its words are counted anew", timeout=2)
            return
        self.remove_class("-side")
        editor.focus()
        editor.move_cursor((row, word.start), center=True)
        self.panel.query_one(WordList).highlighted = self._at

    def action_side(self) -> None:
        self.toggle_class("-side")
        self.toggle_class("-no-side")

    def action_list(self) -> None:
        self.remove_class("-no-side")
        self.add_class("-side")
        self.panel.query_one(WordList).focus()

    def action_tint(self) -> None:
        self.editor.tinted = not self.editor.tinted
        self.editor.show()
        self.query_one("#legend", Static).update(self._legend(by_words=False))

    def action_leave(self) -> None:
        self.remove_class("-side")
        if self.editor.has_focus and self.app.stop_writing():
            self._stopped = True
            self._show_figures()
        self.editor.focus()

    def action_compare(self) -> None:
        rows = [(ALONE, "no comparison"), (TEMPERATURES, "two temperatures of this model"), *models_there_are()]

        def chosen(name: str | None) -> None:
            if name == TEMPERATURES:
                self.action_temperatures()
            elif name is not None:
                self.compare(Setup() if name == ALONE else Setup(other=name))

        self.app.push_screen(ModelPicker(rows), chosen)

    def action_temperatures(self) -> None:
        def chosen(temperatures: tuple[float, float] | None) -> None:
            if temperatures is not None:
                self.compare(Setup(temperatures=temperatures))

        self.app.push_screen(AskTemperatures(self.setup.temperatures or (1.0, 0.7)), chosen)

    def compare(self, setup: Setup) -> None:
        """Score with this from now on."""
        self.setup = setup
        self._ask()

    def save(self, path: Path) -> None:
        """Write the text to a file of the person's."""
        self.app.save_text(path, self.editor.meant)

    def commands(self) -> Iterable[SystemCommand]:
        """For the command palette."""
        yield SystemCommand("Least expected word", "Put the cursor there", self.action_worst)
        yield SystemCommand("Compare", "This text under another model", self.action_compare)
        yield SystemCommand("Temperatures", "This text under two temperatures", self.action_temperatures)
        yield SystemCommand("Tint", "Show the surprisal as colour, or not", self.action_tint)
