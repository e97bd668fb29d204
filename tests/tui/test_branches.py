"""Forks of a story, by hand."""

from __future__ import annotations

from pathlib import Path

from rnncli.api import load
from rnncli.inference.story import Story
from rnncli.inference.tree import ROOT
from rnncli.tui.branches import branches_of


def test_stretches_hang_together_as_they_were_written(tiny_model: Path) -> None:
    model = load(tiny_model)
    story = Story(model.sampler.engine, model.tokenizer, model.unit)
    assert branches_of(story, ROOT) is None
    common = story.type(ROOT, "the old")
    one = story.type(common, "\nman\n")
    other = story.type(common, "\nwoman\n")
    root = branches_of(story, other)
    assert root is not None
    [stem] = root.branches
    assert stem.here
    stems, texts = [stem], ""
    while len(stems[-1].branches) == 1:
        stems += stems[-1].branches
    texts = "".join(branch.text for branch in stems)
    first, second = stems[-1].branches
    assert texts + first.text == "the old\nman\n"
    assert texts + second.text == "the old\nwoman\n"
    assert (first.leaf, second.leaf) == (one, other)
    assert (first.here, second.here) == (False, True)
    assert sum(branch.tokens for branch in stems) + first.tokens + second.tokens == len(story) - 1
