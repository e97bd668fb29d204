"""What fills the side panel: the next token, a look inside, the branches, the settings, behind tabs."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
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
        tree: Tree[int] = Tree("all that was written", id="branches")
        tree.guide_depth = 2
        tree.show_root = False
        yield tree

    def show(self, root: Branch | None) -> None:
        """Show a tree anew."""
        tree = self.query_one("#branches", Tree)
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
    """All of them."""

    DEFAULT_CSS = "Panels TabPane { padding: 0; }"

    def __init__(self, config: SampleConfig, first: str) -> None:
        super().__init__()
        self.config, self.first = config, first

    def compose(self) -> ComposeResult:
        with TabbedContent(id="tabs", initial=f"tab-{self.first}"):
            with TabPane("Next", id="tab-next"):
                yield NextPanel(id="next")
            with TabPane("Inside", id="tab-inside"):
                yield InsidePanel(id="inside")
            with TabPane("Branches", id="tab-branches"):
                yield BranchPanel(id="branch-panel")
            with TabPane("Settings", id="tab-settings"):
                yield SettingsPanel(self.config, id="settings")
