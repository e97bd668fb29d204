"""The pad: free writing. The model goes on at the cursor, and what it might write shows while you think."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from rnncli.config import SampleConfig
from rnncli.tui import pad_writing
from rnncli.tui.draft import Draft
from rnncli.tui.footer import Footer
from rnncli.tui.pad_area import PadArea
from rnncli.tui.pad_reports import Ghost, Mark, Picked, Settled, Stopped, Wrote
from rnncli.tui.reports import Loaded
from rnncli.tui.revisions import Revisions
from rnncli.tui.side import SidePanel
from rnncli.tui.story_screen import REASONS, StoryScreen

if TYPE_CHECKING:
    from rnncli.inference.story import Story
    from rnncli.tui.next_panel import NextPanel
    from rnncli.tui.panels import BranchPanel

PAUSE_S = 0.4
"""After so long without a key the story follows the text, and a ghost shows."""


class PadScreen(StoryScreen):
    """A text that you and a model write, anywhere in it."""

    HELP = """
## Pad

Write. **Ctrl-G** (or **Ctrl-Space**) has the model go on at the cursor; **Esc** or **Ctrl-C** stops it.
**Ctrl-R** has it write something else there.

When you pause at the end of a line, what the model would write shows dimmed: **Tab** takes it, **Ctrl-Right** takes a
word of it, any other key goes on without it. **Ctrl-L** switches that off and on.

**Ctrl-Z** and **Ctrl-Y** undo and redo, what the model wrote at once and exactly. The panel is about the token at the
cursor; another token chosen there with **Enter** takes its place. **Ctrl-F** takes the text to **F4**, to its scores.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g,ctrl+@,ctrl+space", "go_on", "go on", id="pad.go_on"),
        Binding("ctrl+r", "again", "another", id="pad.again"),
        Binding("ctrl+l", "ghosts", "ghosts", id="pad.ghosts"),
        Binding("escape", "leave", "stop, or back to the text", show=False, id="pad.leave"),
    ]
    KIND = "pad"

    def __init__(self, revisions: Revisions) -> None:
        super().__init__()
        self.revisions = revisions
        self.ghosts = True
        self.writing: int | None = None
        """The hand for which the model is writing."""
        self._ready, self._more = False, ""
        self._early: list[object] = []
        """What was reported before the screen was first shown."""
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            with Vertical(id="text-column"):
                yield PadArea(self.revisions, self.level, id="pad")
                yield Static(self.legend(), id="legend")
            yield SidePanel(id="side")
        yield Static("", id="status")
        yield Footer()

    async def on_mount(self) -> None:
        self.area.focus()
        await self.side.fill(lambda: self.app.config)
        self._ready = True
        for report in self._early:
            self.take(report)

    @property
    def manuscript(self) -> Draft:
        return self.app.draft

    @property
    def area(self) -> PadArea:
        return self.query_one(PadArea)

    @property
    def place(self) -> int:
        return self.area.cursor

    @property
    def pointed(self) -> int | None:
        at = bisect_right(self.area.marks, self.place, key=lambda mark: mark.end)
        return at if at < len(self.area.marks) else None

    # -- what the model's thread reports

    def take(self, report: object) -> None:
        if not self._ready:
            self._early.append(report)
            return
        match report:
            case Loaded():
                self._take_model(report)
            case Settled():
                self._settled(report)
            case Stopped(hand, reason, tokens, seconds):
                if hand == self.writing:
                    self.writing = None
                    self.revisions.close()
                    self._ask("keep", lambda hand: self.manuscript.keep())
                    self._note(REASONS.get(reason, ""), f"{tokens / seconds:,.0f} tokens/s" if seconds > 0 else "")
                    self.follow()
            case Ghost(hand, place, tokens):
                if hand == self.revisions.hand and self.ghosts and self._may_show(place):
                    self.area.show_ghost(tokens)
            case Picked(hand, at, count, text, spot):
                if hand in (None, self.revisions.hand):
                    self.revisions.insert(at, text, spot, count=count)
                    self.revisions.close()
                    self.area.put(at, count, text, at + len(text))
                    self._edited()
            case _:
                super().take(report)

    def grow(self, reports: Sequence[Wrote]) -> None:
        """Those for a text that is another by now are dropped."""
        tokens = [report.token for report in reports if report.hand == self.writing == self.revisions.hand]
        change = self.revisions.last
        if not tokens or change is None:
            return
        at = change.at + len(change.new)
        self.area.begin_fresh(change.at)
        end = at
        for token in tokens:
            end += len(token.text)
            self.revisions.grow(token.text, token.spot if token.whole else None)
            self.area.fresh.append(Mark(end, token.bits, typed=False))
        self.area.put(at, 0, self.revisions.text[at:end])
        self._status()

    def _take_model(self, report: Loaded) -> None:
        self.show_model(report)
        self.area.forget_marks()
        self.revisions.again()
        self.follow()

    def _settled(self, report: Settled) -> None:
        self.revisions.taken(report.number)
        current = report.number == self.revisions.number
        self.area.set_marks(report.kept, report.marks, current=current)
        self.units = None
        if current:
            self._status()

    # -- the story follows the text

    def on_pad_area_edited(self) -> None:
        if self.writing != self.revisions.hand:
            self.writing = None
            self._edited()

    def _edited(self) -> None:
        self.units = None
        self._note()
        self._wait()

    def on_text_area_selection_changed(self) -> None:
        self._wait()

    def _wait(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE_S, self.follow)

    def follow(self) -> None:
        """Have the story follow, a ghost shown where one may be, and the panels brought up to date."""
        if self.writing is not None or not self.app.is_running:
            return
        place = self.area.cursor
        ghost = self.ghosts and not self.area.ghost and self._may_show(place)
        config = self.app.config
        if ghost:
            self._ask("ghost", lambda hand: pad_writing.guess(self.manuscript, hand, place, config))
        self._ask("settle", lambda hand: None)
        self.follow_up()

    def _may_show(self, place: int) -> bool:
        """Whether a ghost may stand there: at the end of a line, the cursor being there, something before it."""
        area = self.area
        at_end = area.selection.is_empty and area.cursor_at_end_of_line
        return at_end and 0 < place == area.cursor and area.has_focus and self.writing is None

    def _ask(self, what: str, job: Callable[[int], None], story: Story | None = None) -> None:
        """Have something done with the text as it is now when the model is idle, unless it is another by then.

        ``story``: of whose nodes or tokens it speaks, if it does.
        """
        hand, steps = self.revisions.hand, list(self.revisions.steps)

        def run(_: object) -> None:
            if self.manuscript.settle(hand, steps) and (story is None or self.manuscript.tells(story)):
                job(hand)

        self.app.ask(what, run)

    def ask_about_next(self) -> None:
        place, config = self.place, self.app.config
        self._ask("next", lambda hand: self.manuscript.look_at(place, config))

    # -- what shows

    def retint(self) -> None:
        self.area.retint()
        super().retint()

    def _note(self, *more: str) -> None:
        self._more = " · ".join(filter(None, more))
        self._status()

    def _status(self) -> None:
        marks, chars = self.area.marks, len(self.revisions.text)
        bits = sum(mark.bits for mark in marks)
        current = not self.revisions.steps
        per_char = f"{bits / marks[-1].end:.2f} bits a character" if marks and current else ""
        tokens = f"{len(marks):,} tokens" if current else f"{chars:,} characters"
        ghosts = "" if self.ghosts else "no ghosts"
        # A narrow terminal shows the first of these alone.
        parts = [self._more, ghosts, tokens, per_char, self.app.model_name]
        self.query_one("#status", Static).update(Content(" · ".join(part for part in parts if part)), layout=False)

    def commands(self) -> Iterable[SystemCommand]:
        yield from super().commands()
        yield SystemCommand("Go on", "Have the model write on at the cursor", self.action_go_on)
        yield SystemCommand("Another", "Have it write something else there", self.action_again)
        yield SystemCommand("Ghosts", "Show what might come, or no longer", self.action_ghosts)

    # -- what you do

    def action_go_on(self, sample: int = 0) -> None:
        if not self.app.model_name:
            return
        place = self.area.cursor
        self.area.show_ghost(())
        self.revisions.begin(place, sample)
        hand, steps = self.revisions.hand, list(self.revisions.steps)
        self.writing = hand
        self._note("writing…")

        def job(_: object, config: Callable[[], SampleConfig]) -> None:
            pad_writing.go_on(self.manuscript, hand, steps, place, config, sample)

        self.app.write(job, always=True)

    def action_again(self) -> None:
        change = self.revisions.last
        if change is None or not change.by_model:
            return
        self.area.action_undo()
        self.area.move_cursor(self.area.location_of(change.at))
        self.action_go_on(change.sample + 1)

    def action_ghosts(self) -> None:
        self.ghosts = not self.ghosts
        self.area.show_ghost(())
        self._note()
        self._wait()

    def action_leave(self) -> None:
        if self.writing is not None and self.app.stop_writing():
            return
        self.remove_class("-side")
        self.area.focus()

    def on_next_panel_chosen(self, event: NextPanel.Chosen) -> None:
        place = self.area.cursor
        self.area.focus()
        self._ask("pick", lambda hand: self.manuscript.pick(hand, place, event.token_id), event.story)

    def on_branch_panel_chosen(self, event: BranchPanel.Chosen) -> None:
        self._ask("whole", lambda hand: self.manuscript.whole(hand, event.node), self.shape_of)

    def keep(self, draft: Draft) -> None:
        """Called in the model's thread, at the end, when the screen has no app any more."""
        pad_writing.keep(draft, self.revisions.hand, self.revisions.steps)

    def save(self, path: Path) -> None:
        hand, steps, text = self.revisions.hand, list(self.revisions.steps), self.revisions.text
        self.app.write(lambda *_: pad_writing.save(self.manuscript, hand, steps, text, path))

    def action_score_text(self) -> None:
        self.app.show_scores(self.revisions.text)
