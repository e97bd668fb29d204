"""A story without what nobody kept: what the model offered while a person was thinking. No Textual here."""

from __future__ import annotations

from collections.abc import Iterable

from rnncli.inference.story import Story
from rnncli.inference.tree import HEALED, NOBODY, ROOT, Tree


def paths_to(story: Story, leaves: Iterable[int]) -> set[int]:
    """All nodes on the way to some, the root left out; a piece that was healed is whole."""
    tree, found = story.tree, set[int]()
    for leaf in leaves:
        node = leaf
        while node != ROOT and node not in found:
            found.add(node)
            node = tree.parents[node]
    for first, healing in tree.healings.items():
        if first in found:
            found.update(range(first, first + healing.size))
    return found


def pruned(story: Story, leaves: Iterable[int], last: int) -> tuple[Story, int]:
    """A copy with the paths to some nodes alone, and what ``last``, one of them, is there: its newest, if none follows.

    Whoever opens a story goes on with its newest node.
    """
    kept = paths_to(story, [*leaves, last])
    tail = _tail(story, kept, last)
    copy = Story(story.engine, story.tokenizer, story.unit, Tree(story.tokenizer.newline_id))
    numbers = {ROOT: ROOT}
    for node in [*sorted(kept - tail), *sorted(tail)]:
        numbers[node] = _copied(story.tree, copy.tree, node, numbers[story.tree.parents[node]])
    return copy, numbers[last]


def _tail(story: Story, kept: set[int], last: int) -> set[int]:
    """The end of a path from which nothing else goes on."""
    tree, found, node = story.tree, list[int](), last
    while node != ROOT and not any(child in kept and child != (found or [NOBODY])[-1] for child in tree.children(node)):
        found.append(node)
        node = tree.parents[node]
    # A healed piece stays together.
    while found and tree.by[found[-1]] == HEALED and found[-1] not in tree.healings:
        found.pop()
    return set(found)


def _copied(tree: Tree, copy: Tree, node: int, parent: int) -> int:
    token_id, by, logprob = tree.ids[node], tree.by[node], tree.logprobs[node]
    sample = tree.samples[node]
    setting = NOBODY if tree.settings[node] == NOBODY else copy.intern(tree.configs[tree.settings[node]])
    if node in tree.healings:
        return copy.begin_healing(parent, token_id, logprob, setting, sample, tree.healings[node])
    if by == HEALED:
        return copy.go_on_healing(parent, token_id, logprob)
    return copy.add(parent, token_id, by, logprob, setting, sample)
