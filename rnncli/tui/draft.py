"""The pad's text as a story: what a person edits is read anew from a safe place, what the model drew stays as it was.

Everything here runs in the performer's thread. The screen owns the text and tells of it in steps; a job that finds the
text to be in other hands by now (``hand``) gives up. No Textual here.

A token ends at a byte of the text and at a character of it; where a character has several tokens, it is the last's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rnncli.config import SampleConfig
from rnncli.errors import StoryError
from rnncli.inference.story import Story
from rnncli.inference.tree import HEALED, ROOT, TYPED
from rnncli.text.escapes import bytes_of, text_of
from rnncli.tui import keeping
from rnncli.tui.manuscript import LN2, Manuscript
from rnncli.tui.pad_reports import Mark, Picked, Settled, Spot
from rnncli.tui.pruning import paths_to, pruned
from rnncli.tui.reports import Told
from rnncli.tui.revisions import Step, Version
from rnncli.tui.seams import NEWLINE, byte_size, common, parts

if TYPE_CHECKING:
    from pathlib import Path

    from rnncli.api import Model

PIECE = 2000
"""Characters typed into the story between two looks at whether the text has changed."""
HEALED_WITHIN = 320
"""Bytes before a place in which the word is looked for that may end there."""


class Draft(Manuscript):
    """``hand`` says how often the text became another: see Revisions."""

    def __init__(self, report: Callable[[object], None], stopping: Callable[[], bool], hand: Callable[[], int]) -> None:
        super().__init__(report, stopping)
        self.hand = hand
        self.text = ""
        self.data = b""
        self.nodes: list[int] = []
        self.ends: list[int] = []
        self.chars: list[int] = []
        self._kept_marks = 0
        """How many of the tokens that the screen knows are as they were."""
        self.settled = 0
        """The number of the last step that was taken."""
        self.keeps = True
        """Whether the pad is written to the disk by itself."""
        self.file: Path | None = None
        self._versions: dict[Version, int] = {}
        self._shown: set[int] = set()

    def take_model(self, model: Model) -> None:
        """Begin a story with a model, if it writes; the screen tells the text again."""
        self.model, self._story = model, None
        if model.direction != "backward":
            self._story = Story(keeping.writer(model), model.tokenizer, model.unit)
        for version in self._versions:
            version.spot = None  # undo goes back far: it would keep each model that there was
        self._versions, self.file = {}, None
        self._cut(0)
        self.text, self.chars = "", []

    # -- the text

    def settle(self, hand: int, steps: Sequence[Step]) -> bool:
        """Take the steps that were not taken yet; False where the text has changed, or nothing is to be written."""
        self._kept_marks, text = len(self.nodes), None
        if not self.writes:  # the screen alone has the text
            if steps:
                self.settled = max(self.settled, steps[-1].number)
                self.report(Settled(self.settled, 0, ()))
            return False
        for step in steps:
            if step.number > self.settled:
                text = step.text
                if not self._take(hand, step):
                    break
                self.settled = step.number
                step.version.spot = Spot(self.story, self.node, None if self._exact else tuple(self.ends))
                self._versions[step.version] = self.node
        if text is not None:
            self._count(text)
            self.report(Settled(self.settled, self._kept_marks, self._marks(self._kept_marks)))
        return not self.gives_up(hand)

    def gives_up(self, hand: int) -> bool:
        """Whether a job that was begun then should end."""
        return self.stopping() or self.hand() != hand

    def _take(self, hand: int, step: Step) -> bool:
        """One step: whether it was taken whole."""
        known = step.version.spot if step.back else None
        if known is not None and known.story is self.story:
            self._go_to(known, step.text)
            return True
        if step.drawn is not None and step.drawn[1].story is self.story:
            place, spot = step.drawn
            self._go_to(spot, step.text[:place])
        data = bytes_of(step.text)
        self._cut(self._kept(data))
        rest, at = text_of(data[len(self.data) :]), 0
        for piece in self.story.tokenizer.cut(rest, PIECE) if rest else ():
            if self.gives_up(hand):
                return False
            self._type(rest[at : at + len(piece)])  # <unk> does not tell bytes apart, and neither does its piece
            at += len(piece)
        return True

    @property
    def _exact(self) -> bool:
        """Whether the story's bytes are those of the text: <unk> stands for many words, small letters for capitals."""
        return self.story.tokenizer.lossless

    def _kept(self, data: bytes) -> int:
        """How many tokens stay as they are in another text: all before the first difference, then a safe place."""
        same = common(self.data, data)
        keep = bisect_right(self.ends, same)
        while keep and not self._holds(keep, data):
            keep -= 1
        return keep

    def _holds(self, keep: int, data: bytes) -> bool:
        """Whether what follows so many tokens can be read by itself: what was typed must not be part of a word."""
        if self.story.tree.by[self.nodes[keep - 1]] != TYPED and self.story.tokenizer.joined:
            return True
        end = self.ends[keep - 1]
        return parts(self.data, end) and parts(data, end)

    def _cut(self, keep: int) -> None:
        """Keep so many tokens."""
        self._kept_marks = min(self._kept_marks, keep)
        del self.nodes[keep:], self.ends[keep:]
        self.data = self.data[: self.ends[-1]] if keep else b""
        self.node = self.nodes[-1] if keep else ROOT

    def _type(self, piece: str) -> None:
        """Add to the end what a person typed."""
        story, before, data = self.story, self.node, bytes_of(piece)
        end = story.type(before, piece)
        nodes, start = story.tree.path(end, before) if end != before else [], len(self.data)
        if self._exact:
            ends = self._ends(nodes, start)
        else:
            places = story.tokenizer.analyse(piece).ends.tolist()
            ends = [start + len(bytes_of(piece[:place])) for place in places]
        self._add(nodes, ends, self.data + data)

    def _go_to(self, spot: Spot, text: str) -> None:
        """Have the text end with a node that it is known to be the path of."""
        tree, fresh, node = self.story.tree, [], spot.node
        while node != ROOT and not (tree.depths[node] <= len(self.nodes) and self.nodes[tree.depths[node] - 1] == node):
            fresh.append(node)
            node = tree.parents[node]
        keep, data = tree.depths[node], bytes_of(text)
        self._cut(keep)
        if spot.ends is not None:
            self.ends[:] = spot.ends[:keep]
            ends = list(spot.ends[keep:])
        else:
            ends = self._ends(fresh[::-1], len(self.data))
        self._add(fresh[::-1], ends, data)
        if not self._exact:  # of words that stand for others, the places are but near
            self.ends[:] = [min(end, len(data)) for end in self.ends]

    def _ends(self, nodes: Sequence[int], start: int) -> list[int]:
        ends = []
        for node in nodes:
            start += len(self.story.data(node))
            ends.append(start)
        return ends

    def _add(self, nodes: Sequence[int], ends: Sequence[int], data: bytes) -> None:
        """Add tokens; ``data``: the whole text with them."""
        self.data = data
        self.nodes += nodes
        self.ends += ends
        self.node = self.nodes[-1] if self.nodes else ROOT

    def _count(self, text: str) -> None:
        """Bring up to date after which character each token ends: what bytes are one is as the screen has them."""
        same = common(self.text, text)
        known = min(self._kept_marks, len(self.chars), bisect_right(self.ends, len(bytes_of(text[:same]))))
        self.text, self._kept_marks = text, known
        del self.chars[known:]
        char = self.chars[-1] if known else 0
        at = len(bytes_of(text[:char]))
        for end in self.ends[known:]:
            while char < len(text) and (after := at + byte_size(text[char])) <= end:
                char, at = char + 1, after
            self.chars.append(char)

    def _marks(self, kept: int) -> list[Mark]:
        tree = self.story.tree
        return [
            Mark(end, -tree.logprobs[node] / LN2, tree.by[node] == TYPED)
            for node, end in zip(self.nodes[kept:], self.chars[kept:], strict=True)
        ]

    # -- writing on

    def place(self, before: str) -> tuple[int, str]:
        """Where the model goes on after a text that this one begins with: a node, and what a person typed after it."""
        data, tree = bytes_of(before), self.story.tree
        keep = self._kept(data)
        while keep and tree.by[self.nodes[keep - 1]] == TYPED:
            end = self.ends[keep - 1]
            if data[end - 1] == NEWLINE or (end < len(data) - HEALED_WITHIN and self._holds(keep, data)):
                break
            keep -= 1
        begin = self.ends[keep - 1] if keep else 0
        return (self.nodes[keep - 1] if keep else ROOT), text_of(data[begin:])

    def begin(self, node: int, rest: str, config: SampleConfig, sample: int) -> tuple[int, bytes]:
        """The first token that the model writes after a place, with healing, and the bytes that it adds to the text."""
        story = self.story
        end = story.continue_at(node, rest, config, sample=sample)
        if self._exact:
            return end, b"".join(map(story.data, story.tree.path(end, node)))[len(bytes_of(rest)) :]
        first, tree = end, story.tree
        while tree.by[first] == HEALED and first not in tree.healings:
            first = tree.parents[first]
        data = b"".join(map(story.data, tree.path(end, tree.parents[first])))
        if first in tree.healings:
            # Words are told apart by the blanks between them, which are no part of any.
            data = data if story.tokenizer.joined else data.removeprefix(b" ")
            return end, data[len(tree.healings[first].taken) :]
        blank = not story.tokenizer.joined and rest[-1:].isspace()
        return end, data.removeprefix(b" ") if blank else data

    # -- looking

    def look_at(self, place: int, config: SampleConfig) -> None:
        """Report what stood to come where a character of the text stands, or after its end."""
        at = bisect_right(self.chars, place)
        self.look(place, self.nodes[at] if at < len(self.nodes) else None, config)

    def pick(self, hand: int, place: int, token_id: int) -> None:
        """Report another token, chosen by hand, for the one at a place of the text, or after its end."""
        at = bisect_right(self.chars, place)
        start, end = self.ends[at - 1] if at else 0, self.ends[at] if at < len(self.ends) else len(self.data)
        begin, after = self.chars[at - 1] if at else 0, self.chars[at] if at < len(self.chars) else len(self.text)
        if (start, end) != (len(bytes_of(self.text[:begin])), len(bytes_of(self.text[:after]))):
            self.report(Told("this token is part of a character, and cannot be another by itself"))
            return
        node = self.story.choose(self.nodes[at - 1] if at else ROOT, token_id)
        self.report(Picked(hand, begin, after - begin, text_of(self.story.data(node)), Spot(self.story, node)))

    def whole(self, hand: int | None, node: int) -> None:
        """Report the text that ends with a node, in the place of the one that is there."""
        text = text_of(self.story.path_data(node))
        self.report(Picked(hand, 0, len(self.text), text, Spot(self.story, node)))

    def shape(self) -> None:
        """Report the branches that were the text at some time: what was offered and not taken is none."""
        self._shown = paths_to(self.story, self._versions.values()) if self.writes else set()
        super().shape()

    def keep(self) -> None:
        """Write the pad to its file, if that is done and there is something in it."""
        if not self.keeps or self.model is None or not self._versions:
            return
        if self.file is None:
            self.file = keeping.new_file(self.model, "pad")
        keeping.save(self.file, self.model, pruned(self.story, self._versions.values(), self.node)[0])

    def resume(self) -> None:
        """Report the text of the pad that was kept last with the model, if there is one."""
        if self.model is None or not self.writes:
            return
        try:
            found = keeping.latest(self.model, "pad")
        except StoryError:
            return
        self._story, self.file = keeping.load(found, self.model), found
        self._cut(0)
        last = len(self.story) - 1
        self._versions[Version()] = last
        self.whole(None, last)

    def export(self, path: Path) -> str:
        assert self.model is not None
        keeping.export(path, self.model, *pruned(self.story, self._versions.values(), self.node))
        return f"saved as {path}"

    def children(self, node: int) -> list[int]:
        return [child for child in self.story.tree.children(node) if child in self._shown]
