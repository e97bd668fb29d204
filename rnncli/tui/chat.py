"""The chat: your line, its line; every token of both can be questioned."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from rnncli.text.glyphs import one_line
from rnncli.tui.footer import Footer
from rnncli.tui.prompt import Prompt
from rnncli.tui.reports import Copied, Ended, Grown, Loaded, Moved, TakenBack, Token, Told
from rnncli.tui.side import SidePanel
from rnncli.tui.story_screen import REASONS, StoryScreen
from rnncli.tui.token_view import Shown, TokenView

if TYPE_CHECKING:
    from rnncli.inference.story import Story
    from rnncli.tui.conversation import Conversation
    from rnncli.tui.next_panel import NextPanel
    from rnncli.tui.panels import BranchPanel
    from rnncli.tui.settings import SettingsPanel


STATUS_S = 0.2
"""Between two looks at the figures while text comes: a change at the foot of the screen has all of it drawn."""


class ChatScreen(StoryScreen):
    """A text that you and a model write in turns."""

    HELP = """
## Chat

Type a line and press **Enter**: the model answers. **Esc** or **Ctrl-C** stops it. An empty line lets it go on.

Press **Tab** (or **up** in an empty line) to walk through the text: arrows move by tokens, **n** to the next surprise.
The panel shows what the model expected there; choose another token with **Enter** and the text branches.
**Backspace** on a token ends the text there. Nothing is lost: all branches are under *Branches*.

**Ctrl-F** takes the text to **F4**, where the scores of any text are; **F3** is a pad to write freely on.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "again", "another answer", id="chat.again"),
        Binding("ctrl+g", "go_on", "go on", id="chat.go_on"),
        Binding("ctrl+l", "take_back", "edit last line", id="chat.take_back"),
        Binding("ctrl+n", "anew", "new", id="chat.new"),
        Binding("backspace", "rewind", "end the text here", show=False, id="chat.rewind"),
        Binding("escape", "leave", "stop, or back to the prompt", show=False, id="chat.leave"),
    ]
    KIND = "chat"

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[Token] = []
        self._chars, self._bits = 0, 0.0
        self._told = 0.0
        self.story: Story | None = None
        """The one that they are of."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="text-column"):
                yield TokenView(id="text")
                yield Static(self.legend(), id="legend")
                yield Prompt(id="prompt", placeholder="opening the model…", tab_behavior="focus", compact=True)
            yield SidePanel(id="side")
        yield Static("", id="status")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Prompt).focus()

    @property
    def manuscript(self) -> Conversation:
        return self.app.talk

    @property
    def view(self) -> TokenView:
        return self.query_one(TokenView)

    # -- what the model's thread reports

    def take(self, report: object) -> None:
        match report:
            case Loaded():
                self._loaded(report)
            case Moved(tokens, story):
                self.tokens, self._chars, self._bits, self.story = [], 0, 0.0, story
                self._add(tokens)
                self.units = None
                self._show()
                self.view.scroll_end(animate=False)
                self._status()
                self.follow_up()
            case Ended(reason, tokens, seconds):
                speed = f"{tokens / seconds:,.0f} tokens/s" if seconds > 0 else ""
                self._status(" · ".join(part for part in (REASONS.get(reason, ""), speed) if part))
                self.follow_up()
            case TakenBack(text):
                prompt = self.query_one(Prompt)
                prompt.text = text
                prompt.move_cursor(prompt.document.end)
                prompt.focus()
            case _:
                super().take(report)

    def grow(self, reports: Sequence[Grown]) -> None:
        begin = len(self.tokens)
        self._add(report.token for report in reports)
        self.view.extend(self._shown(i) for i in range(begin, len(self.tokens)))
        if time.monotonic() - self._told > STATUS_S:
            self._status()

    def _add(self, tokens: Iterable[Token]) -> None:
        begin = len(self.tokens)
        self.tokens += tokens
        self._chars += sum(len(token.text) for token in self.tokens[begin:])
        self._bits += sum(token.bits for token in self.tokens[begin:])

    def _loaded(self, report: Loaded) -> None:
        self.show_model(report)
        prompt = self.query_one(Prompt)
        prompt.placeholder = "type a line; Enter sends it" if report.play is None else "speak; Enter sends it"
        prompt.placeholder = one_line(report.silent) or prompt.placeholder
        self.side.tell("settings", "speakers", lambda panel: panel.show_speakers(report.speakers))
        self._status()

    @property
    def pointed(self) -> int | None:
        return self.view.cursor

    place = pointed

    def ask_about_next(self) -> None:
        place = self.place
        node = None if place is None else self.tokens[place].node
        config, story = self.app.config, self.story
        self.app.ask("next", lambda talk: talk.look(place, node, config) if talk.tells(story) else None)

    def save(self, path: Path) -> None:
        self.app.write(lambda talk, config: talk.report(Told(talk.export(path))))

    def commands(self) -> Iterable[SystemCommand]:
        yield from super().commands()
        yield SystemCommand("Another answer", "Write the last answer again", self.action_again)
        yield SystemCommand("New", "An empty text; the branches stay", self.action_anew)

    # -- how it shows

    def _shown(self, index: int) -> Shown:
        token = self.tokens[index]
        return Shown(token.text, self.level(index, token.bits), token.typed)

    def _show(self) -> None:
        self.view.show([self._shown(i) for i in range(len(self.tokens))])

    def retint(self) -> None:
        self._show()
        super().retint()

    def _status(self, more: str = "") -> None:
        self._told = time.monotonic()
        per_char = f"{self._bits / self._chars:.2f} bits a character" if self._chars else "nothing written yet"
        parts = [self.app.model_name, f"{len(self.tokens):,} tokens", per_char, self.app.who(), more]
        self.query_one("#status", Static).update(Content(" · ".join(part for part in parts if part)), layout=False)

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
        self.app.write(lambda talk, config: talk.report(TakenBack(talk.take_back())))

    def action_score_text(self) -> None:
        self.app.ask("copy", lambda talk: talk.report(Copied(talk.text)))

    def action_rewind(self) -> None:
        place = self.view.cursor
        if self.view.has_focus and place is not None:
            node = self.tokens[place].node
            self._go_to(node, self.story)

    def _go_to(self, node: int, story: Story | None) -> None:
        self.view.point(None)
        self.app.write(lambda talk, config: talk.go_to(node) if talk.tells(story) else None)

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
        self.side.tell("next", "focus", lambda panel: panel.query_one("#candidates").focus())

    def on_next_panel_chosen(self, event: NextPanel.Chosen) -> None:
        place = self.view.cursor
        before = (self.tokens[place - 1].node if place else 0) if place is not None else self._last()
        self.view.point(None)
        if event.story is self.story:
            self.app.write(
                lambda talk, config: talk.branch(before, event.token_id, config) if talk.tells(event.story) else None
            )

    def _last(self) -> int:
        return self.tokens[-1].node if self.tokens else 0

    def on_branch_panel_chosen(self, event: BranchPanel.Chosen) -> None:
        self._go_to(event.node, self.shape_of)

    def on_settings_panel_named(self, event: SettingsPanel.Named) -> None:
        self.app.name_speakers(event.me, event.it)
        self._status()
