"""A model, the story written with it, and where in it we are: what the chat's text and the pad's have in common.

Everything here runs in the performer's thread, one job at a time, and tells a screen through reports. No Textual here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rnncli.config import SampleConfig
from rnncli.inference.story import Story
from rnncli.inference.tree import ROOT, TYPED
from rnncli.tui import keeping
from rnncli.tui.branches import branches_of
from rnncli.tui.next_panel import MOST, Candidate, Outlook
from rnncli.tui.reports import Looked, Moved, Shape, Token

if TYPE_CHECKING:
    from pathlib import Path

    from rnncli.api import Model
    from rnncli.inference.look import Look

LN2 = 0.6931471805599453


class Manuscript:
    """``report`` is called with each report; ``stopping`` asked between two tokens."""

    def __init__(self, report: Callable[[object], None], stopping: Callable[[], bool]) -> None:
        self.report, self.stopping = report, stopping
        self.model: Model | None = None
        self.node = ROOT
        """The last of the text."""
        self._story: Story | None = None

    @property
    def writes(self) -> bool:
        """Whether there is a story: a model that reads backward has none."""
        return self._story is not None

    @property
    def story(self) -> Story:
        if self._story is None and self.model is not None:
            _ = self.model.sampler  # says why it does not write
        assert self._story is not None
        return self._story

    def tells(self, story: Story | None) -> bool:
        """Whether this is the story still: a person may have pointed at what is gone with its model."""
        return story is self._story

    def export(self, path: Path) -> str:
        """Write the text to a file of the person's; what was done is returned."""
        assert self.model is not None
        keeping.export(path, self.model, self.story, self.node)
        return f"saved as {path}"

    def show(self, *, going_on: bool = False) -> None:
        """Report the whole text; ``going_on``: more comes, and a character open at the end is not broken off."""
        self.report(Moved(self.tokens(going_on=going_on), self._story))

    def tokens(self, *, going_on: bool = False) -> list[Token]:
        """The text, a token each."""
        if self._story is None:
            return []
        tree = self.story.tree
        nodes = tree.path(self.node, ROOT) if self.node != ROOT else []
        texts = self.story.texts(self.node)
        if going_on and nodes:
            texts[-1] = self.story.text(self.node)
        return [
            Token(node, text, -tree.logprobs[node] / LN2, tree.by[node] == TYPED)
            for node, text in zip(nodes, texts, strict=True)
        ]

    def broken_off(self) -> bool:
        """Whether the text ends inside a character."""
        return self.node != ROOT and self.story.texts(self.node)[-1] != self.story.text(self.node)

    def token(self, node: int) -> Token:
        """One token of it."""
        tree = self.story.tree
        return Token(node, self.story.text(node), -tree.logprobs[node] / LN2, tree.by[node] == TYPED)

    # -- looking

    def look(self, place: int | None, node: int | None, config: SampleConfig) -> None:
        """Report what stood to come before a node, or, with None, what stands to come after the text."""
        if self._story is None:
            return
        story = self.story
        if node is None:
            found = story.distribution(self.node, config)
            self.report(Looked(place, self._outlook(found, None, None)))
            return
        known = story.node(node)
        assert known.parent is not None
        found = story.distribution(known.parent, known.config or config)
        self.report(Looked(place, self._outlook(found, known.id, known.logprob)))

    def _outlook(self, found: Look, chosen: int | None, logprob: float | None) -> Outlook:
        tokenizer = self.story.tokenizer
        ids = found.likeliest(MOST).tolist()
        if chosen is not None and chosen not in ids:
            ids[-1] = chosen
        candidates = [
            Candidate(
                i,
                tokenizer.decode_bytes([i]).decode("utf-8", "replace"),
                float(found.model_V[i]),
                float(found.drawn_V[i]),
            )
            for i in ids
        ]
        return Outlook(
            candidates=candidates,
            entropy=found.entropy_bits,
            entropy_after=found.drawn_entropy_bits,
            cuts=[(f"{cut.field.replace('_', '-')} {cut.value:g}", cut.left) for cut in found.cuts],
            vocab_size=len(found.model_V),
            chosen=chosen,
            rank=None if chosen is None else found.rank(chosen),
            logprob=logprob,
            story=self.story,
        )

    def shape(self) -> None:
        """Report all branches, forks only."""
        shown = None if self._story is None else branches_of(self.story, self.node, self.children)
        self.report(Shape(shown, self._story))

    def children(self, node: int) -> list[int]:
        """What was written on from a node, as far as it is shown among the branches."""
        return list(self.story.tree.children(node))
