"""Whether a story is what its model writes: every token on a path made again from its record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from rnncli.inference.rewinding import Rewinding
from rnncli.inference.story import Story
from rnncli.inference.tree import CHOSEN, DRAWN, HEALED, ROOT, TYPED

TYPED_ROUNDING = 1e-4
"""Nats by which a typed token's log-probability may differ: in how many calls a text was read changes its rounding."""


class Difference(NamedTuple):
    """A token that is not what the record says. For 'logprob' both are log-probabilities, for 'token' ids."""

    node: int
    what: Literal["token", "logprob"]
    told: float
    found: float


def reproduce(story: Story, node: int) -> list[Difference]:
    """Where a path differs from what the model makes of its records, or nothing.

    Every token drawn is drawn again, and its id and log-probability must be the same to the bit; a log-probability
    of one chosen by hand, too; those of typed ones but for rounding. Nothing that the story keeps is relied on.
    """
    path = story.tree.path(node, ROOT)
    return [difference for again in _again(story, path) for difference in _compare(story, *again)]


def _again(story: Story, path: list[int]) -> Iterator[tuple[int, int | None, float]]:
    """Each node of a path with the id and the log-probability that it should have; no id where there should be none."""
    tree, states = story.tree, Rewinding(story.engine, story.tree)
    at = 0
    while at < len(path):
        node, by = path[at], tree.by[path[at]]
        before = tree.parents[node]
        size = 1
        if by == CHOSEN:
            yield node, tree.ids[node], story.logprob_after(states.prediction(before), tree.ids[node])
        elif by == DRAWN:
            config = tree.configs[tree.settings[node]]
            yield node, *story.drawn_after(before, states.prediction(before), config, tree.samples[node])
        elif by == HEALED:
            healing, config = tree.healings[node], tree.configs[tree.settings[node]]
            drawn = story.healed_after(before, states, healing.taken, healing.original, config, tree.samples[node])
            found = drawn if len(drawn) == healing.size else [(None, 0.0)] * healing.size
            # A path may leave a piece inside it.
            size = sum(one == node + i for i, one in enumerate(path[at : at + healing.size]))
            for one, (token_id, logprob) in zip(path[at : at + size], found, strict=False):
                yield one, token_id, logprob
        else:
            size = _typed_together(story, path[at:])
            piece = path[at : at + size]
            ids = [tree.ids[one] for one in piece]
            yield from zip(piece, ids, states.typed_logprobs(before, ids), strict=True)
        at += size


def _typed_together(story: Story, path: list[int]) -> int:
    """How many nodes from the first, a typed one, are read by one call."""
    tree = story.tree
    base = tree.bases[path[0]]
    return next((i for i, one in enumerate(path) if tree.by[one] != TYPED or tree.bases[one] != base), len(path))


def _compare(story: Story, node: int, token_id: int | None, logprob: float) -> Iterator[Difference]:
    tree = story.tree
    if tree.ids[node] != token_id:
        yield Difference(node, "token", tree.ids[node], -1 if token_id is None else token_id)
        return
    told, allowed = tree.logprobs[node], TYPED_ROUNDING if tree.by[node] == TYPED else 0.0
    # Two infinities are the same, and their difference is no number.
    if told != logprob and not abs(told - logprob) <= allowed:
        yield Difference(node, "logprob", told, logprob)
