"""The panel beside a text: empty until the screen is drawn, for its contents take long to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical

if TYPE_CHECKING:
    from textual.widgets import TabbedContent

    from rnncli.config import SampleConfig
    from rnncli.tui.inside import InsidePanel
    from rnncli.tui.next_panel import NextPanel
    from rnncli.tui.panels import BranchPanel
    from rnncli.tui.settings import SettingsPanel


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

    async def fill(self, config: SampleConfig) -> None:
        """Put the panels in."""
        from rnncli.tui.panels import Panels

        await self.mount(Panels(config, self._first))
        self.filled = True
        self.open_tab(self._first)  # another one may have been asked for while they were put in
        self.settings.show(config)

    @property
    def next(self) -> NextPanel:
        return self.query_one("#next")  # type: ignore[return-value]

    @property
    def inside(self) -> InsidePanel:
        return self.query_one("#inside")  # type: ignore[return-value]

    @property
    def branches(self) -> BranchPanel:
        return self.query_one("#branch-panel")  # type: ignore[return-value]

    @property
    def settings(self) -> SettingsPanel:
        return self.query_one("#settings")  # type: ignore[return-value]

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
