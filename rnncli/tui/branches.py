"""The forks of a story: all that was written, stretch by stretch. No Textual here."""

from __future__ import annotations

from rnncli.inference.story import Story
from rnncli.inference.tree import ROOT
from rnncli.tui.reports import Branch

MOST_READ = 40
"""Tokens of a stretch whose text is shown."""


def branches_of(story: Story, node: int) -> Branch | None:
    """All stretches below the root, ``node`` being where we are; None where nothing was written."""
    tree = story.tree
    here = set(tree.path(node))
    # The last first: a stretch begins with a higher number than the one that it hangs on.
    below: dict[int, list[Branch]] = {}
    for start in sorted(_starts(story), reverse=True):
        nodes = _stretch(story, start)
        leaf = nodes[-1]
        inner = sorted(below.pop(leaf, []), key=lambda branch: branch.start)
        text = b"".join(map(story.data, nodes[:MOST_READ])).decode("utf-8", "replace")
        branch = Branch(start, leaf, text, len(nodes), start in here, inner)
        below.setdefault(tree.parents[start], []).append(branch)
    first = sorted(below.get(ROOT, []), key=lambda branch: branch.start)
    return Branch(ROOT, ROOT, "", 0, True, first) if first else None


def _starts(story: Story) -> list[int]:
    """Nodes with which a stretch begins: children of the root and of forks."""
    starts = []
    for node in range(len(story)):
        children = story.children(node)
        if node == ROOT or len(children) > 1:
            starts += children
    return starts


def _stretch(story: Story, start: int) -> list[int]:
    """The nodes from one to the next fork or leaf."""
    nodes = [start]
    while len(children := story.children(nodes[-1])) == 1:
        nodes += children
    return nodes
