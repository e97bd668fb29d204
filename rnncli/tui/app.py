"""The app: one model's thread, one set of settings, the screens over both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.screen import Screen

from rnncli.config import SampleConfig
from rnncli.errors import RnncliError
from rnncli.inference.decoding import with_seed
from rnncli.text.glyphs import one_line
from rnncli.tui.chat import ChatScreen, Prompt
from rnncli.tui.conversation import Conversation
from rnncli.tui.inside import Unit
from rnncli.tui.performer import HERTZ, Failed, Performer
from rnncli.tui.picker import ModelPicker, SaveAs, models_there_are
from rnncli.tui.reports import Grown, Loaded
from rnncli.tui.scores import ScoresScreen
from rnncli.tui.units import Units

Config = Callable[[], SampleConfig]


class Start(NamedTuple):
    """What the app begins with."""

    model: str | None = None
    opening: str = ""
    """Text piped in."""
    resume: bool = False
    chat: Path | None = None
    """The chat to go on with; without one the latest with this model."""
    keep: bool = True
    """Whether chats are written to the disk by themselves."""
    how: Mapping[str, Any] = MappingProxyType({})
    """Device, engine and threads as ``api.load`` has them."""


class ChatApp(App[None]):
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

    def __init__(self, config: SampleConfig, start: Start) -> None:
        super().__init__()
        self.config = with_seed(dataclasses.replace(config, count=1, beam=0))
        self.model_name = ""
        self.performer = Performer()
        self.unit: Unit | None = None
        self._units: Units | None = None
        self._asked: dict[str, Callable[[Conversation], None]] = {}
        self.start = start
        self._round = self.performer.round
        self.talk = Conversation(self.performer.report, lambda: self.performer.stopping(self._round), start.how)
        self.talk.keeps = start.keep

    async def on_mount(self) -> None:
        self.chat, self.scores = ChatScreen(), ScoresScreen()
        self.install_screen(self.chat, "chat")
        self.install_screen(self.scores, "scores")
        await self.push_screen("chat")  # a small model may be there before the panels that tell of it
        self.set_interval(1 / HERTZ, self._drain)
        self.open_model(self.start.model, self._begin)

    def on_unmount(self) -> None:
        self.performer.stop()
        self.performer.submit(self.talk.keep, always=True)
        self.performer.close()

    # -- the model's thread

    def ask(self, what: str, job: Callable[[Conversation], None]) -> None:
        """Have something looked up when the model is idle; of several askings for the same the last one counts."""
        self._asked[what] = job
        self._answer()

    def _answer(self) -> None:
        if not self.model_name or self.performer.busy:
            return
        for job in self._asked.values():
            self.performer.submit(partial(job, self.talk))
        self._asked.clear()

    def write(self, job: Callable[[Conversation, Config], None], *, always: bool = False) -> None:
        """Stop what the model does, and have it do this; ``always``: even if it is stopped before its turn."""
        self.performer.stop()
        self._asked.clear()
        round_ = self.performer.round

        def run() -> None:
            self._round = round_
            job(self.talk, lambda: self.config)

        self.performer.submit(run, always=always)

    def open_model(self, name: str | None, then: Callable[[Conversation], None] = lambda talk: None) -> None:
        """Go on with another model, and then do something with it."""

        def job(talk: Conversation, config: Config) -> None:
            talk.open(name)
            self._units = None
            then(talk)

        self.write(job, always=True)

    def _begin(self, talk: Conversation) -> None:
        """What the first model begins with: an earlier chat, text piped in."""
        if self.start.resume:
            talk.resume(self.start.chat)
        if self.start.opening:
            talk.begin(self.start.opening)

    def stop_writing(self) -> bool:
        """Stop the model; False where it was idle."""
        if not self.performer.busy:
            return False
        self.performer.stop()
        return True

    def take_back(self) -> None:
        """Put the last line back into the prompt."""
        self.write(lambda talk, config: self.performer.report(_TakenBack(talk.take_back())))

    def look_inside(self, place: int | None) -> None:
        """Bring the panel of hidden units up to date."""
        unit = self.unit

        def job(talk: Conversation) -> None:
            units = self._units = self._units or Units(talk)
            units.offer()
            if unit is not None:
                units.look(unit, place)

        self.ask("inside", job)

    def tint_by(self, unit: Unit | None, place: int | None) -> None:
        """Tint the text by a hidden unit, or no longer."""
        self.unit = unit
        if unit is None:
            return
        chosen = unit

        def job(talk: Conversation) -> None:
            units = self._units = self._units or Units(talk)
            units.tint(chosen)
            units.look(chosen, place)

        self.ask("tint", job)

    def _drain(self) -> None:
        reports = self.performer.drain()
        self._answer()
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
            case _Told(text):
                self.notify(one_line(text), markup=False)
            case _Copied(text):
                self.scores.begin(text)
                self.action_show("scores")
            case _TakenBack(text):
                prompt = self.chat.query_one(Prompt)
                prompt.text = text
                prompt.move_cursor(prompt.document.end)
                prompt.focus()
            case _:
                if isinstance(report, Loaded):
                    self._loaded(report)
                self.chat.take(report)
                self.scores.take(report)

    def _loaded(self, report: Loaded) -> None:
        self.model_name = one_line(report.name)
        self.unit = None
        if self.start.model is None and report.name == "starter":
            self.notify("This is the starter. Your own: rnncli train YOUR.txt", timeout=8)
        if report.silent:
            self.notify(report.silent, timeout=12, markup=False)
        if report.training:
            self.notify(f"{self.model_name} is still being trained: this is its best so far.", timeout=8)

    def _failed(self, error: BaseException) -> None:
        message = error.message if isinstance(error, RnncliError) else f"{type(error).__name__}: {error}"
        hint = getattr(error, "hint", None)
        self.notify(one_line(message + (f" {hint}" if hint else "")), severity="error", timeout=12, markup=False)

    # -- what shows

    def theme_color(self, name: str) -> Color:
        """A colour of the theme."""
        return Color.parse(self.theme_variables[name])

    def who(self) -> str:
        """Who speaks with whom, where the model writes plays."""
        speakers = self.talk.speakers
        return "" if speakers is None else one_line(f"you are {speakers[0]}, it is {speakers[1]}")

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
        self.switch_screen(name)

    def action_score_text(self) -> None:
        """Look at the scores of what was written in the chat."""
        self.ask("copy", lambda talk: self.performer.report(_Copied(talk.text)))

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
                self.write(lambda talk, config: self.performer.report(_Told(talk.export(path))))

        if self.model_name:
            self.push_screen(SaveAs(f"{self.model_name}-chat.md"), chosen)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        yield SystemCommand("Save", "Write the chat as .md, .txt or .json", self.action_save)
        yield SystemCommand("Models", "Go on with another model", self.action_models)
        yield SystemCommand("Chat", "Write in turns", lambda: self.action_show("chat"))
        yield SystemCommand("Scores", "How unexpected a text of yours is", lambda: self.action_show("scores"))
        if isinstance(screen, ScoresScreen):
            yield from screen.commands()
        if isinstance(screen, ChatScreen):
            yield SystemCommand("Scores of this text", "Look at this text's scores", self.action_score_text)
            yield SystemCommand("Another answer", "Write the last answer again", screen.action_again)
            yield SystemCommand("New", "An empty text; the branches stay", screen.action_anew)
            for tab in ("next", "inside", "branches", "settings"):
                yield SystemCommand(f"Panel: {tab}", f"Show {tab}", lambda tab=tab: screen.action_tab(tab))


class _Told(NamedTuple):
    """Something to say to the person."""

    text: str


class _Copied(NamedTuple):
    """The chat's text, to be looked at."""

    text: str


class _TakenBack(NamedTuple):
    """The person's last line, to be edited."""

    text: str
