"""The forks of a story: all that was written, stretch by stretch. No Textual here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnncli.inference.story import Story
from rnncli.inference.tree import ROOT
from rnncli.tui.reports import Branch

MOST_READ = 40
"""Tokens of a stretch whose text is shown."""


Children = Callable[[int], Sequence[int]]


def branches_of(story: Story, node: int, children: Children | None = None) -> Branch | None:
    """All stretches below the root, ``node`` being where we are; None where nothing was written.

    ``children``: what was written on from a node, where not all of it is to be shown.
    """
    children = children or story.children
    tree = story.tree
    here = set(tree.path(node))
    # The last first: a stretch begins with a higher number than the one that it hangs on.
    below: dict[int, list[Branch]] = {}
    for start in sorted(_starts(len(story), children), reverse=True):
        nodes = _stretch(start, children)
        leaf = nodes[-1]
        inner = sorted(below.pop(leaf, []), key=lambda branch: branch.start)
        text = b"".join(map(story.data, nodes[:MOST_READ])).decode("utf-8", "replace")
        branch = Branch(start, leaf, text, len(nodes), start in here, inner)
        below.setdefault(tree.parents[start], []).append(branch)
    first = sorted(below.get(ROOT, []), key=lambda branch: branch.start)
    return Branch(ROOT, ROOT, "", 0, True, first) if first else None


def _starts(nodes: int, children: Children) -> list[int]:
    """Nodes with which a stretch begins: children of the root and of forks."""
    starts: list[int] = []
    for node in range(nodes):
        found = children(node)
        if node == ROOT or len(found) > 1:
            starts += found
    return starts


def _stretch(start: int, children: Children) -> list[int]:
    """The nodes from one to the next fork or leaf."""
    nodes = [start]
    while len(found := children(nodes[-1])) == 1:
        nodes += found
    return nodes
