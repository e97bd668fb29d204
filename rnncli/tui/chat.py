"""The chat: your line, its line; every token of both can be questioned."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from rnncli.text.glyphs import one_line
from rnncli.tui import tint
from rnncli.tui.inside import InsidePanel
from rnncli.tui.next_panel import NextPanel
from rnncli.tui.prompt import Prompt
from rnncli.tui.reports import Ended, Grown, Loaded, Looked, Moved, Offered, Shape, Token, UnitShown, UnitValues
from rnncli.tui.settings import SettingsPanel
from rnncli.tui.side import BranchPanel, SidePanel
from rnncli.tui.token_view import Shown, TokenView

if TYPE_CHECKING:
    from rnncli.tui.app import ChatApp

REASONS = {"length": "stopped at its length", "stop": "stopped at a stop text", "stopped": "stopped by you"}


class ChatScreen(Screen[None]):
    """A text that you and a model write in turns."""

    HELP = """
## Chat

Type a line and press **Enter**: the model answers. **Esc** or **Ctrl-C** stops it. An empty line lets it go on.

Press **Tab** (or **up** in an empty line) to walk through the text: arrows move by tokens, **n** to the next surprise.
The panel shows what the model expected there; choose another token with **Enter** and the text branches.
**Backspace** on a token ends the text there. Nothing is lost: all branches are under *Branches*.

**Ctrl-F** takes the text to **F4**, where the scores of any text are.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "again", "another answer", id="chat.again"),
        Binding("ctrl+g", "go_on", "go on", id="chat.go_on"),
        Binding("ctrl+l", "take_back", "edit last line", id="chat.take_back"),
        Binding("ctrl+n", "anew", "new", id="chat.new"),
        Binding("ctrl+t", "tint", "tint", id="chat.tint"),
        Binding("ctrl+f", "app.score_text", "scores of this", show=False, id="chat.scores"),
        Binding("f6", "side", "panel", id="chat.side"),
        Binding("f7", "tab('next')", "next token", show=False, id="chat.next"),
        Binding("f8", "tab('inside')", "look inside", show=False, id="chat.inside"),
        Binding("f9", "tab('branches')", "branches", show=False, id="chat.branches"),
        Binding("f5", "tab('settings')", "settings", id="chat.settings"),
        Binding("backspace", "rewind", "end the text here", show=False, id="chat.rewind"),
        Binding("escape", "leave", "stop, or back to the prompt", show=False, id="chat.leave"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Screen has it

    app: ChatApp

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[Token] = []
        self.units: list[float] | None = None
        """A hidden unit after each token, where the text is tinted by one."""
        self.reach = 1.0
        self.tinted = True

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="text-column"):
                yield TokenView(id="text")
                yield Static(self._legend(), id="legend")
                yield Prompt(id="prompt", placeholder="opening the model…", tab_behavior="focus", compact=True)
            yield SidePanel(self.app.config, id="side")
        yield Static("", id="status")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Prompt).focus()

    @property
    def view(self) -> TokenView:
        return self.query_one(TokenView)

    # -- what the model's thread reports

    def take(self, report: object) -> None:
        """Show one report; tokens that came together come through ``grow``."""
        match report:
            case Loaded():
                self._loaded(report)
            case Moved(tokens):
                self.tokens = list(tokens)
                self.units = None
                self.view.show([self._shown(i) for i in range(len(self.tokens))])
                self.view.scroll_end(animate=False)
                self._status()
                self.follow_up()
            case Ended(reason, tokens, seconds):
                speed = f"{tokens / seconds:,.0f} tokens/s" if seconds > 0 else ""
                self._status(" · ".join(part for part in (REASONS.get(reason, ""), speed) if part))
                self.follow_up()
            case Looked(place, outlook):
                if place == self.view.cursor:
                    self.query_one(NextPanel).show(outlook)
            case Shape(root):
                self.query_one(BranchPanel).show(root)
            case Offered(offers):
                self.query_one(InsidePanel).show_offers(offers)
            case UnitValues(values, reach):
                self.units, self.reach = list(values), reach
                self._retint()
            case UnitShown(look):
                self.query_one(InsidePanel).show_unit(look)

    def grow(self, reports: list[Grown]) -> None:
        """Show tokens that came since the last time."""
        begin = len(self.tokens)
        self.tokens += [report.token for report in reports]
        self.view.extend(self._shown(i) for i in range(begin, len(self.tokens)))
        self._status()

    def _loaded(self, report: Loaded) -> None:
        prompt = self.query_one(Prompt)
        prompt.placeholder = "type a line; Enter sends it" if report.play is None else "speak; Enter sends it"
        prompt.placeholder = one_line(report.silent) or prompt.placeholder
        self.query_one(InsidePanel).set_sizes(report.layers, report.units)
        self.query_one(SettingsPanel).show_speakers(report.speakers)
        self._status()

    def follow_up(self) -> None:
        """Have the panel that shows brought up to date, when the model is idle."""
        tab = self.query_one(SidePanel).tab
        if tab == "next":
            self.ask_about(self.view.cursor)
        elif tab == "branches":
            self.app.ask("branches", lambda talk: talk.shape())
        elif tab == "inside":
            self.app.look_inside(self.view.cursor)

    def ask_about(self, place: int | None) -> None:
        """Ask for what stood to come at a place of the text."""
        node = None if place is None else self.tokens[place].node
        config = self.app.config
        self.app.ask("next", lambda talk: talk.look(place, node, config))

    # -- how it shows

    def _shown(self, index: int) -> Shown:
        token = self.tokens[index]
        level: int | None = None
        if self.units is not None:
            level = tint.unit_step(self.units[index], self.reach) if index < len(self.units) else None
        elif self.tinted:
            level = tint.surprisal_step(token.bits)
        return Shown(token.text, level, token.typed)

    def _retint(self) -> None:
        self.view.show([self._shown(i) for i in range(len(self.tokens))])
        self.query_one("#legend", Static).update(self._legend())

    def _legend(self) -> Content:
        if self.units is not None:
            return Content("the unit: below 0 in one colour, above 0 in the other; stronger is further from 0")
        if not self.tinted:
            return Content("")
        background, hue = (self.app.theme_color(name) for name in ("background", "warning"))
        papers = tint.ramp(background, hue, tint.STEPS)
        parts: list[str | tuple[str, str]] = ["bits "]
        for paper, low in zip(papers, (0, *tint.LIMITS), strict=True):
            parts.append((f" {low:g} ", f"{tint.ink(paper).hex} on {paper.hex}"))
        return Content.assemble(*parts)

    def _status(self, more: str = "") -> None:
        chars = sum(len(token.text) for token in self.tokens)
        bits = sum(token.bits for token in self.tokens)
        per_char = f"{bits / chars:.2f} bits a character" if chars else "nothing written yet"
        parts = [self.app.model_name, f"{len(self.tokens):,} tokens", per_char, self.app.who(), more]
        self.query_one("#status", Static).update(Content(" · ".join(part for part in parts if part)))

    # -- what you do

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        self.view.point(None)
        self.app.write(lambda talk, config: talk.say(event.text, config))

    def action_again(self) -> None:
        self.view.point(None)
        self.app.write(lambda talk, config: talk.again(config))

    def action_go_on(self) -> None:
        self.view.point(None)
        self.app.write(lambda talk, config: talk.write(config))

    def action_anew(self) -> None:
        self.app.write(lambda talk, config: talk.anew())

    def action_take_back(self) -> None:
        self.app.take_back()

    def action_tint(self) -> None:
        self.units, self.tinted = None, not self.tinted or self.units is not None
        self._retint()

    def action_side(self) -> None:
        self.toggle_class("-side")
        self.toggle_class("-no-side")

    def action_tab(self, name: str) -> None:
        self.remove_class("-no-side")
        self.add_class("-side")
        self.query_one(SidePanel).open_tab(name)
        self.follow_up()

    def action_rewind(self) -> None:
        place = self.view.cursor
        if self.view.has_focus and place is not None:
            node = self.tokens[place].node
            self.view.point(None)
            self.app.write(lambda talk, config: talk.go_to(node))

    def action_leave(self) -> None:
        if self.app.stop_writing():
            return
        self.remove_class("-side")
        self.view.point(None)
        self.query_one(Prompt).focus()

    def on_token_view_pointed(self, event: TokenView.Pointed) -> None:
        self.follow_up()

    def on_token_view_asked(self, event: TokenView.Asked) -> None:
        self.action_tab("next")
        self.query_one(NextPanel).query_one("#candidates").focus()

    def on_next_panel_chosen(self, event: NextPanel.Chosen) -> None:
        place = self.view.cursor
        before = (self.tokens[place - 1].node if place else 0) if place is not None else self._last()
        self.view.point(None)
        self.app.write(lambda talk, config: talk.branch(before, event.token_id, config))

    def _last(self) -> int:
        return self.tokens[-1].node if self.tokens else 0

    def on_branch_panel_chosen(self, event: BranchPanel.Chosen) -> None:
        self.view.point(None)
        self.app.write(lambda talk, config: talk.go_to(event.node))

    def on_inside_panel_chosen(self, event: InsidePanel.Chosen) -> None:
        self.units = None
        if event.unit is None:
            self._retint()
        self.app.tint_by(event.unit, self.view.cursor)

    def on_settings_panel_changed(self, event: SettingsPanel.Changed) -> None:
        self.app.config = event.config

    def on_settings_panel_named(self, event: SettingsPanel.Named) -> None:
        self.app.name_speakers(event.me, event.it)
        self._status()

    def on_tabbed_content_tab_activated(self) -> None:
        self.follow_up()

    def commands(self) -> Iterable[SystemCommand]:
        """For the palette."""
        yield SystemCommand("Scores of this text", "Look at this text's scores", self.app.action_score_text)
        yield SystemCommand("Another answer", "Write the last answer again", self.action_again)
        yield SystemCommand("New", "An empty text; the branches stay", self.action_anew)
        for tab in SidePanel.TABS:
            yield SystemCommand(f"Panel: {tab}", f"Show {tab}", partial(self.action_tab, tab))
