"""The app: one model's thread, one set of settings, the screens over both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.screen import Screen

from rnncli.config import SampleConfig
from rnncli.text.glyphs import one_line
from rnncli.tui.chat import ChatScreen
from rnncli.tui.desk import Desk
from rnncli.tui.performer import HERTZ, Failed
from rnncli.tui.picker import ModelPicker, SaveAs, models_there_are
from rnncli.tui.prompt import Prompt
from rnncli.tui.reports import Copied, Grown, Loaded, TakenBack, Told

if TYPE_CHECKING:
    from rnncli.tui.scores import ScoresScreen

Config = Callable[[], SampleConfig]


class ChatApp(Desk):
    """``rnncli chat``."""

    TITLE = "rnncli chat"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "stop_or_copy", "stop", show=False, priority=True, id="app.stop"),
        Binding("f2", "show('chat')", "chat", id="app.chat"),
        Binding("f4", "show('scores')", "scores", id="app.scores"),
        Binding("ctrl+o", "models", "models", id="app.models"),
        Binding("ctrl+s", "save", "save", id="app.save"),
        Binding("f1", "help", "help", id="app.help"),
        Binding("ctrl+q", "quit", "quit", priority=True, id="app.quit"),
    ]
    ENABLE_COMMAND_PALETTE = True

    async def on_mount(self) -> None:
        self.chat = ChatScreen()
        self.install_screen(self.chat, "chat")
        await self.push_screen("chat")  # a small model may be there before the panels that tell of it
        self.set_interval(1 / HERTZ, self._drain)
        # The screen first: what opens a model imports numpy and more, and would keep the interpreter from drawing.
        self.call_after_refresh(self.open_model, self.start.model, self._begin)

    @cached_property
    def scores(self) -> ScoresScreen:
        """The other screen, made when it is first asked for: it needs what a model does."""
        from rnncli.tui.scores import ScoresScreen

        screen = ScoresScreen()
        self.install_screen(screen, "scores")
        return screen

    def _drain(self) -> None:
        reports = self.performer.drain()
        self.answer()
        for grown, group in groupby(reports, key=lambda report: isinstance(report, Grown)):
            if grown:
                self.chat.grow([report for report in group if isinstance(report, Grown)])
            else:
                for report in group:
                    self._take(report)

    def _take(self, report: Any) -> None:
        match report:
            case Failed(error):
                self._failed(error)
            case Told(text):
                self.notify(one_line(text), markup=False)
            case Copied(text):
                self.scores.begin(text)
                self.action_show("scores")
            case TakenBack(text):
                prompt = self.chat.query_one(Prompt)
                prompt.text = text
                prompt.move_cursor(prompt.document.end)
                prompt.focus()
            case _:
                if isinstance(report, Loaded):
                    self._loaded(report)
                self.chat.take(report)
                if "scores" in vars(self):
                    self.scores.take(report)

    def _loaded(self, report: Loaded) -> None:
        self.model_name = one_line(report.name)
        self.unit, self.speakers = None, report.speakers
        if self.start.model is None and report.name == "starter":
            self.notify("This is the starter. Your own: rnncli train YOUR.txt", timeout=8)
        if report.silent:
            self.notify(report.silent, timeout=12, markup=False)
        if report.training:
            self.notify(f"{self.model_name} is still being trained: this is its best so far.", timeout=8)

    # -- what shows

    def theme_color(self, name: str) -> Color:
        """A colour of the theme."""
        return Color.parse(self.theme_variables[name])

    def who(self) -> str:
        """Who speaks with whom, where the model writes plays."""
        return "" if self.speakers is None else one_line(f"you are {self.speakers[0]}, it is {self.speakers[1]}")

    def name_speakers(self, me: str, it: str) -> None:
        """Who speaks with whom from the next line on."""
        self.speakers = self.talk.speakers = (me, it)

    # -- what you do

    def action_stop_or_copy(self) -> None:
        if self.stop_writing():
            return
        selected = self.screen.get_selected_text() or getattr(self.focused, "selected_text", "")
        if selected:
            self.copy_to_clipboard(selected)
            self.notify("copied")
        else:
            self.notify("Ctrl-Q quits", timeout=2)

    def action_show(self, name: str) -> None:
        """Go to one of the screens."""
        self.switch_screen(self.scores if name == "scores" else name)

    def action_score_text(self) -> None:
        """Look at the scores of what was written in the chat."""
        self.ask("copy", lambda talk: self.performer.report(Copied(talk.text)))

    def action_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def action_models(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self.open_model(name)

        self.push_screen(ModelPicker(models_there_are()), chosen)

    def action_save(self) -> None:
        def chosen(name: str | None) -> None:
            if name:
                path = Path(name).expanduser()
                self.write(lambda talk, config: self.performer.report(Told(talk.export(path))))

        if self.model_name:
            self.push_screen(SaveAs(f"{self.model_name}-chat.md"), chosen)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        yield SystemCommand("Save", "Write the chat as .md, .txt or .json", self.action_save)
        yield SystemCommand("Models", "Go on with another model", self.action_models)
        yield SystemCommand("Chat", "Write in turns", lambda: self.action_show("chat"))
        yield SystemCommand("Scores", "How unexpected a text of yours is", lambda: self.action_show("scores"))
        if isinstance(screen, ChatScreen) or screen is vars(self).get("scores"):
            yield from screen.commands()
