"""A screen over a story: its text at the left, the panels at the right that question it; the chat and the pad are two.

The panels are about one token of the text, the one ``pointed`` at, or about what stands to come after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static, TextArea

from rnncli.config import with_seed
from rnncli.tui import tint
from rnncli.tui.reports import Loaded, Looked, Offered, Shape, UnitShown, UnitValues
from rnncli.tui.side import SidePanel

if TYPE_CHECKING:
    from rnncli.inference.story import Story
    from rnncli.tui.app import ChatApp
    from rnncli.tui.inside import InsidePanel, Unit
    from rnncli.tui.manuscript import Manuscript
    from rnncli.tui.settings import SettingsPanel
    from rnncli.tui.units import Units

SCREEN_KEYS = [
    Binding("f2", "app.show('chat')", "chat", id="app.chat"),
    Binding("f3", "app.show('pad')", "pad", id="app.pad"),
    Binding("f4", "app.show('scores')", "scores", id="app.scores"),
]
"""First in the footer of each."""
REASONS = {"length": "stopped at its length", "stop": "stopped at a stop text", "stopped": "stopped by you"}


class StoryScreen(Screen[None]):
    """What the screens have in common."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *SCREEN_KEYS,
        Binding("ctrl+t", "tint", "tint", id="story.tint"),
        Binding("ctrl+f", "score_text", "scores of this", show=False, id="story.scores"),
        # A TextArea would select a line and all lines with these two.
        Binding("f6", "side", "panel", priority=True, id="story.side"),
        Binding("f7", "tab('next')", "next token", show=False, priority=True, id="story.next"),
        Binding("f8", "tab('inside')", "look inside", show=False, id="story.inside"),
        Binding("f9", "tab('branches')", "branches", show=False, id="story.branches"),
        Binding("f5", "tab('settings')", "settings", id="story.settings"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Screen has it
    KIND = ""
    """What the text is called, in the name of a file."""
    ENDING = "md"

    app: ChatApp

    def __init__(self) -> None:
        super().__init__()
        self.units: list[float] | None = None
        """A hidden unit after each token, where the text is tinted by one."""
        self.reach = 1.0
        self.shape_of: Story | None = None
        """The story whose branches show."""
        self.tinted = True
        self._unit: Unit | None = None
        self._units: Units | None = None

    # -- what a screen has of its own

    @property
    def manuscript(self) -> Manuscript:
        """The text in the model's thread, to be asked for there."""
        raise NotImplementedError

    @property
    def pointed(self) -> int | None:
        """The token that the panels are about; None: what stands to come after the text."""
        raise NotImplementedError

    @property
    def place(self) -> int | None:
        """What a look at what stood to come is asked for by: a token in the chat, a character on the pad."""
        raise NotImplementedError

    def take(self, report: object) -> None:
        """Show one report of the model's thread; tokens that came together come through ``grow``."""
        match report:
            case Looked(place, outlook):
                if place == self.place:
                    self.side.tell("next", "outlook", lambda panel: panel.show(outlook))
            case Shape(root, story):
                self.shape_of = story
                self.side.tell("branches", "tree", lambda panel: panel.show(root))
            case Offered(offers):
                self.side.tell("inside", "offers", lambda panel: panel.show_offers(offers))
            case UnitValues(values, reach):
                self.units, self.reach = list(values), reach
                self.retint()
            case UnitShown(look):
                self.side.tell("inside", "look", lambda panel: panel.show_unit(look))

    def grow(self, reports: Sequence[Any]) -> None:
        """Show tokens that came since the last time."""
        raise NotImplementedError

    def ask_about_next(self) -> None:
        """Ask for what stood to come where the panels point."""
        raise NotImplementedError

    def retint(self) -> None:
        """Tint the text anew."""
        self.query_one("#legend", Static).update(self.legend())

    def save(self, path: Path) -> None:
        """Write the text to a file of the person's; the name's end says how."""
        raise NotImplementedError

    def action_score_text(self) -> None:
        """Look at the scores of the text."""
        raise NotImplementedError

    def commands(self) -> Iterable[SystemCommand]:
        """What stands in the command palette."""
        yield SystemCommand("Scores of this text", "Look at this text's scores", self.action_score_text)
        for tab in SidePanel.TABS:
            yield SystemCommand(f"Panel: {tab}", f"Show {tab}", partial(self.action_tab, tab))

    # -- the panels

    @property
    def side(self) -> SidePanel:
        """The panels; what the model's thread tells is taken when they are filled."""
        return self.query_one(SidePanel)

    def follow_up(self) -> None:
        """Have the panel that shows, if one does, brought up to date when the model is idle."""
        side = self.side
        tab = side.tab if side.display else ""
        if tab == "next":
            self.ask_about_next()
        elif tab == "branches":
            self.app.ask("branches", lambda _: self.manuscript.shape())
        elif tab == "inside":
            self.look_inside()

    def look_inside(self) -> None:
        """Bring the panel of hidden units up to date."""
        unit, place = self._unit, self.pointed

        def job(_: object) -> None:
            units = self._read_units()
            if units is not None:
                units.offer()
            if units is not None and unit is not None:
                units.look(unit, place)

        self.app.ask("inside", job)

    def tint_by(self, unit: Unit | None) -> None:
        """Tint the text by a hidden unit, or no longer."""
        self._unit, self.units = unit, None
        if unit is None:
            self.retint()
            return
        chosen, place = unit, self.pointed

        def job(_: object) -> None:
            units = self._read_units()
            if units is not None:
                units.tint(chosen)
                units.look(chosen, place)

        self.app.ask("tint", job)

    def show_model(self, report: Loaded) -> None:
        """Tell the panels of another model."""
        self.forget_units()
        self.side.tell("inside", "sizes", lambda panel: panel.set_sizes(report.layers, report.units))
        # What is about a story that is gone cannot be chosen, and is not kept.
        self.side.tell("next", "outlook", lambda panel: panel.show(None))
        self.side.tell("branches", "tree", lambda panel: panel.show(None))
        self.shape_of = None

    def forget_units(self) -> None:
        """Another model has others."""
        self._unit = self.units = None

    def _read_units(self) -> Units | None:
        """Called in the model's thread; None under a model that does not write."""
        from rnncli.tui.units import Units

        if not self.manuscript.writes:
            return None
        if self._units is None or self._units.model is not self.manuscript.model:
            self._units = Units(self.manuscript)
        return self._units

    def level(self, index: int, bits: float) -> int | None:
        """The step of the tint of a token, from its surprisal or its unit."""
        if self.units is not None:
            return tint.unit_step(self.units[index], self.reach) if 0 <= index < len(self.units) else None
        return tint.surprisal_step(bits) if self.tinted else None

    def legend(self) -> Content:
        """What the tint says."""
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

    # -- what you do

    def action_tint(self) -> None:
        self.units, self.tinted = None, not self.tinted or self.units is not None
        self.retint()

    def action_side(self) -> None:
        self.toggle_class("-side")
        self.toggle_class("-no-side")
        self.call_after_refresh(self._rearranged)

    def action_tab(self, name: str) -> None:
        self.remove_class("-no-side")
        self.add_class("-side")
        self.side.open_tab(name)
        self.call_after_refresh(self._rearranged)

    def on_resize(self) -> None:
        """The panel may show now, or no longer."""
        self.call_after_refresh(self._rearranged)

    def _rearranged(self) -> None:
        """Bring the panel up to date, which it was not kept while it did not show, and have keys go to what shows.

        In a narrow terminal the panel covers the text; Textual leaves the keys with what is covered.
        """
        shown = self.focus_chain
        if shown and self.focused not in shown:
            texts = [widget for widget in shown if isinstance(widget, TextArea)]
            self.set_focus((texts or shown[1:] or shown)[0])
        self.follow_up()

    def on_inside_panel_chosen(self, event: InsidePanel.Chosen) -> None:
        self.tint_by(event.unit)

    def on_settings_panel_changed(self, event: SettingsPanel.Changed) -> None:
        self.app.config = with_seed(event.config)  # nothing in the field: any seed, but one that is told with the text

    def on_tabbed_content_tab_activated(self) -> None:
        self.follow_up()

    def on_screen_resume(self) -> None:
        """The settings are those of all screens; another one may have changed them."""
        self.side.tell("settings", "config", lambda panel: panel.show(self.app.config))
