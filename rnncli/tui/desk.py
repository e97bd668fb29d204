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
from rnncli.tui.performer import Performer
from rnncli.tui.reports import Loaded, To

if TYPE_CHECKING:
    from rnncli.tui.conversation import Conversation
    from rnncli.tui.draft import Draft
    from rnncli.tui.revisions import Revisions

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
        self.loaded: Loaded | None = None
        """What was told of the model."""
        self._asked: dict[str, Callable[[Conversation], None]] = {}
        self.put_off = False
        """Whether something that was asked for may have been dropped for something else to be done."""
        self.start = start
        self._round = self.performer.round
        self.speakers: tuple[str, str] | None = None

    def on_unmount(self) -> None:
        self.performer.stop()
        if self.model_name:
            self.performer.submit(self.talk.keep, always=True)
            self._keep_pad()
        self.performer.close()

    def _keep_pad(self) -> None:
        """Have the pad written to the disk, if there is one."""

    # -- the model's thread

    @cached_property
    def talk(self) -> Conversation:
        """The conversation; first asked for in the model's thread, since it imports what a model needs."""
        from rnncli.tui.conversation import Conversation

        return Conversation(self._reporter("chat"), self._stopping, self.start.how, keeps=self.start.keep)

    @cached_property
    def revisions(self) -> Revisions:
        """The pad's text, as the screen has it."""
        from rnncli.tui.revisions import Revisions

        return Revisions()

    @cached_property
    def draft(self) -> Draft:
        """The pad's text as a story; first asked for in the model's thread, when there is a pad."""
        from rnncli.tui.draft import Draft

        draft = Draft(self._reporter("pad"), self._stopping, lambda: self.revisions.hand)
        draft.keeps = self.start.keep
        if self.talk.model is not None:
            draft.take_model(self.talk.model)
        if self.start.resume and self.start.chat is None:
            draft.resume()
        return draft

    def _stopping(self) -> bool:
        return self.performer.stopping(self._round)

    def _reporter(self, kind: str) -> Callable[[object], None]:
        """How a screen is reported to."""
        return lambda report: self.performer.report(To(kind, report))

    def _run(self, round_: int, job: Callable[[], None]) -> None:
        """In the model's thread: a job, and by which round it is told to stop."""
        self._round = round_
        job()

    def ask(self, what: str, job: Callable[[Conversation], None]) -> None:
        """Have something looked up when the model is idle; of several askings for the same the last one counts."""
        self._asked[what] = job
        self.answer()

    def answer(self) -> None:
        """Have the model's thread look up what was asked for, if it is idle."""
        if not self.model_name or self.performer.busy:
            return
        for job in self._asked.values():
            self.performer.submit(partial(self._run, self.performer.round, partial(job, self.talk)))
        self._asked.clear()

    def write(self, job: Callable[[Conversation, Config], None], *, always: bool = False) -> None:
        """Stop what the model does, and have it do this; ``always``: even if it is stopped before its turn."""
        self.performer.stop()
        self._asked.clear()
        self.put_off = True
        run = partial(self._run, self.performer.round, lambda: job(self.talk, lambda: self.config))
        self.performer.submit(run, always=always)

    def open_model(self, name: str | None, then: Callable[[Conversation], None] = lambda talk: None) -> None:
        """Go on with another model, and then do something with it."""

        def job(talk: Conversation, config: Config) -> None:
            talk.open(name)
            if "draft" in vars(self) and talk.model is not None:
                self.draft.take_model(talk.model)
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
        self.put_off = True
        return True

    def save_text(self, path: Path, text: str) -> None:
        """Write a text to a file of the person's."""
        from rnncli.tui import keeping

        try:
            self.notify(one_line(keeping.export_text(path, text)), markup=False)
        except (RnncliError, OSError) as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        message = error.message if isinstance(error, RnncliError) else f"{type(error).__name__}: {error}"
        hint = getattr(error, "hint", None)
        self.notify(one_line(message + (f" {hint}" if hint else "")), severity="error", timeout=12, markup=False)
