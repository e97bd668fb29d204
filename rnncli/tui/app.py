"""The app: one model's thread, one set of settings, the screens over both."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.dom import DOMNode
from textual.screen import Screen

from rnncli.errors import RnncliError
from rnncli.text.glyphs import one_line
from rnncli.tui import clipboard, keymap
from rnncli.tui.chat import ChatScreen
from rnncli.tui.desk import Desk
from rnncli.tui.pad_reports import Wrote
from rnncli.tui.performer import HERTZ, Failed
from rnncli.tui.picker import ModelPicker, SaveAs, models_there_are
from rnncli.tui.reports import Copied, Grown, Loaded, To, Told

if TYPE_CHECKING:
    from rnncli.tui.pad import PadScreen
    from rnncli.tui.scores import ScoresScreen

FLOWING = 5
"""Looks in a row that found more of a text: it streams."""
TYPING_S, HELD_S = 0.06, 0.5
"""So long after a key a streaming text is not drawn further, but never longer than this in a row."""


class ChatApp(Desk):
    """``rnncli chat``."""

    TITLE = "rnncli chat"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "stop_or_copy", "stop", show=False, priority=True, id="app.stop"),
        Binding("ctrl+o", "models", "models", id="app.models"),
        Binding("ctrl+s", "save", "save", id="app.save"),
        Binding("f1", "help", "help", id="app.help"),
        Binding("ctrl+q", "quit", "quit", priority=True, id="app.quit"),
    ]
    ENABLE_COMMAND_PALETTE = True

    furnished = False
    """Whether all of the first screen is there."""
    _typed = _drained = 0.0
    """When a key came, and when reports were last taken, on the monotonic clock."""
    _flows = 0
    """Times in a row that there was more of a text."""

    async def on_mount(self) -> None:
        self._clashes: set[str] = set()
        try:
            self.set_keymap(keymap.read())
        except RnncliError as error:
            self._failed(error)
        self.chat = ChatScreen()
        self.install_screen(self.chat, "chat")
        await self.push_screen("chat")  # a small model may be there before the panels that tell of it
        self.set_interval(1 / HERTZ, self._drain)
        # The screen first: panels and what opens a model import much, and would keep the interpreter from drawing.
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        await self.chat.side.fill(lambda: self.config)
        self.furnished = True
        self._check_keys()
        self.open_model(self.start.model, self._begin)

    def _check_keys(self) -> None:
        if self._keymap:
            try:
                keymap.check(self._keymap)
            except RnncliError as error:
                self._failed(error)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """Two of the person's keys are the same; Textual tells so at each key."""
        clashes = {one.id or one.action for one in clashed_bindings} - self._clashes
        self._clashes |= clashes
        if clashes:
            names = ", ".join(sorted(clashes))
            self.notify(f"{keymap.path()} takes the key of {names}", severity="warning", timeout=12, markup=False)

    @cached_property
    def pad(self) -> PadScreen:
        """The second screen, made when it is first asked for, as the third: they need what a model does."""
        from rnncli.tui.pad import PadScreen

        screen = PadScreen(self.revisions)
        self.install_screen(screen, "pad")
        if self.loaded is not None:
            screen.take(self.loaded)
        return screen

    @cached_property
    def scores(self) -> ScoresScreen:
        """The third screen."""
        from rnncli.tui.scores import ScoresScreen

        screen = ScoresScreen()
        self.install_screen(screen, "scores")
        return screen

    def _ours(self, screen: Screen[Any]) -> ChatScreen | PadScreen | ScoresScreen | None:
        """A screen, if it is one of the three and no dialog."""
        for name in ("chat", "pad", "scores"):
            if vars(self).get(name) is screen:
                return vars(self)[name]  # type: ignore[no-any-return]
        return None

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._typed = time.monotonic()
        await super().on_event(event)

    def _drain(self) -> None:
        if not self.is_running:  # the screens are being taken down
            return
        now = time.monotonic()
        if self._flows >= FLOWING and now - self._typed < TYPING_S and now - self._drained < HELD_S:
            return  # a person who types goes before a text that streams: while it is drawn, a key waits
        self._drained = now
        reports = self.performer.drain()
        self._flows = self._flows + 1 if reports else 0
        self.answer()
        for (kind, together), group in groupby(reports, key=_sort_of):
            if together:
                (self.pad if kind == "pad" else self.chat).grow([to.report for to in group])
            else:
                for report in group:
                    self._take(report)
        if self.put_off and not (self.performer.busy or self.performer.waiting):
            self.put_off = False
            if "pad" in vars(self) and self.revisions.steps:
                self.pad.follow()  # what the chat has done in between, the pad's story has not

    def _take(self, report: Any) -> None:
        match report:
            case Failed(error):
                self._failed(error)
            case To(_, Told(text)):
                self.notify(one_line(text), markup=False)
            case To(_, Copied(text)):
                self.show_scores(text)
            case To(_, Loaded() as loaded):
                self._loaded(loaded)
                self.chat.take(loaded)
                for name in ("pad", "scores"):
                    if name in vars(self):
                        vars(self)[name].take(loaded)
            case To(kind, what):
                (self.pad if kind == "pad" else self.chat).take(what)
            case _:
                self.scores.take(report)

    def _loaded(self, report: Loaded) -> None:
        self.loaded, self.model_name, self.speakers = report, one_line(report.name), report.speakers
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
        else:
            self.notify("Ctrl-Q quits", timeout=2)

    def copy_to_clipboard(self, text: str) -> None:
        """To this machine's clipboard, else to the terminal's. A byte that is no character cannot be copied."""
        self._clipboard = whole = text.encode("utf-8", "replace").decode()

        def copy() -> None:
            if clipboard.copy_here(whole):
                self.call_from_thread(self.notify, "copied")
            else:
                self.call_from_thread(super(ChatApp, self).copy_to_clipboard, whole)
                self.call_from_thread(self.notify, "copied, if the terminal lets it be; Ctrl-S writes a file")

        self.run_worker(copy, thread=True)  # a clipboard's owner may be slow to answer

    def action_show(self, name: str) -> None:
        """Go to one of the screens."""
        if self._ours(self.screen) is not None:
            self.switch_screen(getattr(self, name))

    def show_scores(self, text: str) -> None:
        """Look at the scores of a text."""
        self.scores.begin(text)
        self.action_show("scores")

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
        screen = self._ours(self.screen)

        def chosen(name: str | None) -> None:
            if name and screen is not None:
                screen.save(Path(name).expanduser())

        if self.model_name and screen is not None:
            self.push_screen(SaveAs(f"{self.model_name}-{screen.KIND}.{screen.ENDING}"), chosen)

    def write_keys(self) -> None:
        """Write the file in which keys are set, if there is none, and say where it is."""
        try:
            file = keymap.write_all()
        except OSError as error:
            self._failed(error)
        else:
            self.notify(f"Keys are set in {file}; they hold from the next start.", timeout=12, markup=False)

    def _keep_pad(self) -> None:
        if "pad" in vars(self):
            self.write(lambda talk, config: self.pad.keep(self.draft), always=True)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        yield SystemCommand("Save", "Write the text to a file", self.action_save)
        yield SystemCommand("Models", "Go on with another model", self.action_models)
        yield SystemCommand("Remap keys", "Choose other keys, in a file", self.write_keys)
        yield SystemCommand("Chat", "Write in turns", lambda: self.action_show("chat"))
        yield SystemCommand("Pad", "Write freely; the model goes on where you say", lambda: self.action_show("pad"))
        yield SystemCommand("Scores", "How unexpected a text of yours is", lambda: self.action_show("scores"))
        ours = self._ours(screen)
        if ours is not None:
            yield from ours.commands()


def _sort_of(report: Any) -> tuple[str, bool]:
    """For whom a report is, and whether it is one of many that come together."""
    return (report.kind, isinstance(report.report, Grown | Wrote)) if isinstance(report, To) else ("", False)
