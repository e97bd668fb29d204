"""An app with a model's thread: what is written, looked up and opened in it. The screens are app.py's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.app import App

from rnncli.config import SampleConfig, with_seed
from rnncli.errors import RnncliError
from rnncli.text.glyphs import one_line
from rnncli.tui.inside import Unit
from rnncli.tui.performer import Performer
from rnncli.tui.reports import TakenBack

if TYPE_CHECKING:
    from rnncli.tui.conversation import Conversation
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


class Desk(App[None]):
    """One model's thread, one set of settings."""

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
        self.speakers: tuple[str, str] | None = None

    def on_unmount(self) -> None:
        self.performer.stop()
        if self.model_name:
            self.performer.submit(self.talk.keep, always=True)
        self.performer.close()

    # -- the model's thread

    @cached_property
    def talk(self) -> Conversation:
        """The conversation; first asked for in the model's thread, since it imports what a model needs."""
        from rnncli.tui.conversation import Conversation

        how, keep = self.start.how, self.start.keep
        return Conversation(self.performer.report, lambda: self.performer.stopping(self._round), how, keeps=keep)

    def _look_inside(self) -> Units:
        from rnncli.tui.units import Units

        if self._units is None:
            self._units = Units(self.talk)
        return self._units

    def ask(self, what: str, job: Callable[[Conversation], None]) -> None:
        """Have something looked up when the model is idle; of several askings for the same the last one counts."""
        self._asked[what] = job
        self.answer()

    def answer(self) -> None:
        """Have the model's thread look up what was asked for, if it is idle."""
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
        self.write(lambda talk, config: self.performer.report(TakenBack(talk.take_back())))

    def look_inside(self, place: int | None) -> None:
        """Bring the panel of hidden units up to date."""
        unit = self.unit

        def job(talk: Conversation) -> None:
            units = self._look_inside()
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
            units = self._look_inside()
            units.tint(chosen)
            units.look(chosen, place)

        self.ask("tint", job)

    def _failed(self, error: BaseException) -> None:
        message = error.message if isinstance(error, RnncliError) else f"{type(error).__name__}: {error}"
        hint = getattr(error, "hint", None)
        self.notify(one_line(message + (f" {hint}" if hint else "")), severity="error", timeout=12, markup=False)
