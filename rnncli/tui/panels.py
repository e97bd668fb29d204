"""What fills the side panel: the next token, a look inside, the branches, the settings, behind tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane, Tree

from rnncli.config import SampleConfig
from rnncli.tui.inside import InsidePanel
from rnncli.tui.next_panel import NextPanel, named
from rnncli.tui.reports import Branch
from rnncli.tui.settings import SettingsPanel


class BranchPanel(Vertical):
    """Everything that was written, as a tree of its forks. Choosing a stretch posts ``Chosen``."""

    DEFAULT_CSS = """
    BranchPanel Tree { padding: 0; background: $background; }
    """
    LONGEST = 40

    class Chosen(Message):
        """Show the text that ends with this node."""

        def __init__(self, node: int) -> None:
            super().__init__()
            self.node = node

    def compose(self) -> ComposeResult:
        tree: Tree[int] = Tree("all that was written", id="tree")
        tree.guide_depth = 2
        tree.show_root = False
        yield tree

    def show(self, root: Branch | None) -> None:
        """Show a tree anew."""
        tree = self.query_one("#tree", Tree)
        tree.clear()
        if root is None:
            return
        todo = [(tree.root, one) for one in root.branches]
        while todo:
            above, branch = todo.pop(0)
            label = self._label(branch)
            if branch.branches:
                node = above.add(label, data=branch.leaf, expand=True)
                todo += [(node, one) for one in branch.branches]
            else:
                above.add_leaf(label, data=branch.leaf)
        tree.root.expand()

    def _label(self, branch: Branch) -> Text:
        text = named(branch.text).replace("␣", " ").strip()
        short = text if len(text) <= self.LONGEST else text[: self.LONGEST - 1] + "…"
        return Text.assemble((short or "…", "bold" if branch.here else ""), (f"  {branch.tokens:,}", "dim"))

    def on_tree_node_selected(self, event: Tree.NodeSelected[int]) -> None:
        event.stop()
        if event.node.data is not None:
            self.post_message(self.Chosen(event.node.data))


class Panels(Vertical):
    """All of them. A panel is made when its tab is first opened: together they are most of the app's widgets."""

    DEFAULT_CSS = "Panels TabPane { padding: 0; }"
    TITLES: ClassVar[dict[str, str]] = {
        "next": "Next",
        "inside": "Inside",
        "branches": "Branches",
        "settings": "Settings",
    }

    def __init__(self, first: str, config: Callable[[], SampleConfig], made: Callable[[str, Widget], None]) -> None:
        """``made`` is called with the name of each panel and the panel, when it is there."""
        super().__init__()
        self.first, self.config, self.made = first, config, made
        self._there = {first}

    def compose(self) -> ComposeResult:
        with TabbedContent(id="tabs", initial=f"tab-{self.first}"):
            for name, title in self.TITLES.items():
                with TabPane(title, id=f"tab-{name}"):
                    if name == self.first:
                        yield self._panel(name)

    def on_mount(self) -> None:
        self.made(self.first, self.query_one(f"#{self.first}"))

    async def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        name = (event.pane.id or "").removeprefix("tab-")
        if name not in self._there:
            self._there.add(name)
            panel = self._panel(name)
            await event.pane.mount(panel)
            self.made(name, panel)

    def _panel(self, name: str) -> Widget:
        match name:
            case "inside":
                return InsidePanel(id=name)
            case "branches":
                return BranchPanel(id=name)
            case "settings":
                return SettingsPanel(self.config(), id=name)
        return NextPanel(id=name)
