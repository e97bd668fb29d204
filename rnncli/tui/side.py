"""The panel beside a text: empty until the screen is drawn, for its contents take long to import."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical

if TYPE_CHECKING:
    from textual.widget import Widget
    from textual.widgets import TabbedContent

    from rnncli.config import SampleConfig


class SidePanel(Vertical):
    """The panels behind tabs, once ``fill`` was called; which one shows can be asked and told before."""

    DEFAULT_CSS = "SidePanel { width: 46; border-left: vkey $panel; }"
    TABS: ClassVar[tuple[str, ...]] = ("next", "inside", "branches", "settings")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+right", "turn(1)", "next tab", show=False, id="side.next"),
        Binding("ctrl+left", "turn(-1)", "tab before", show=False, id="side.before"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.filled = False
        self._first = "next"
        self._panels: dict[str, Widget] = {}
        self._told: dict[tuple[str, str], Callable[[Any], object]] = {}

    async def fill(self, config: Callable[[], SampleConfig]) -> None:
        """Put the panels in."""
        from rnncli.tui.panels import Panels

        await self.mount(Panels(self._first, config, self._made))
        self.filled = True
        self.open_tab(self._first)  # another one may have been asked for while they were put in

    def tell(self, name: str, what: str, how: Callable[[Any], object]) -> None:
        """Have a panel show something; one that has never been opened is told the last of each kind when it is."""
        panel = self._panels.get(name)
        if panel is None:
            self._told[name, what] = how
        else:
            how(panel)

    def _made(self, name: str, panel: Widget) -> None:
        self._panels[name] = panel
        for key in [key for key in self._told if key[0] == name]:
            self._told.pop(key)(panel)

    @property
    def _tabs(self) -> TabbedContent:
        return self.query_one("#tabs")  # type: ignore[return-value]

    def open_tab(self, name: str) -> None:
        """Show a panel."""
        self._first = name
        if self.filled:
            self._tabs.active = f"tab-{name}"

    @property
    def tab(self) -> str:
        """The panel that shows."""
        return self._tabs.active.removeprefix("tab-") if self.filled else self._first

    def action_turn(self, by: int) -> None:
        self.open_tab(self.TABS[(self.TABS.index(self.tab) + by) % len(self.TABS)])
