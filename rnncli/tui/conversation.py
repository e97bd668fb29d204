"""A model, the story written with it, and where in it we are. No Textual here.

Everything below runs in the performer's thread, one job at a time, and tells the screen through reports.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rnncli.api import Model, load
from rnncli.config import SampleConfig
from rnncli.inference.story import Story
from rnncli.inference.tree import DRAWN, ROOT, TYPED
from rnncli.text.escapes import text_of
from rnncli.tui import keeping
from rnncli.tui.branches import branches_of
from rnncli.tui.next_panel import MOST, Candidate, Outlook
from rnncli.tui.reports import Ended, Grown, Loaded, Looked, Moved, Shape, Token
from rnncli.tui.speakers import Play, find_play

if TYPE_CHECKING:
    from pathlib import Path

    from rnncli.inference.look import Look

LN2 = 0.6931471805599453
PROBE = 400
"""Tokens that a model writes unseen, to see whether it writes plays."""


class Conversation:
    """``report`` is called with each report; ``stopping`` asked between two tokens."""

    def __init__(
        self,
        report: Callable[[object], None],
        stopping: Callable[[], bool],
        how: Mapping[str, Any] | None = None,
        *,
        keeps: bool = False,
    ) -> None:
        self.report, self.stopping = report, stopping
        self.how = how or {}
        self.keeps = keeps
        """Whether the chat is written to the disk as it grows."""
        self.file: Path | None = None
        self.model: Model | None = None
        self.play: Play | None = None
        self.speakers: tuple[str, str] | None = None
        """Who the person is, and who answers."""
        self.node = ROOT
        self._story: Story | None = None
        self._text = ""
        """The text under a model that does not write."""
        self._said: dict[int, str] = {}
        """What the person typed, by the node that it ended at."""

    @property
    def story(self) -> Story:
        if self._story is None and self.model is not None:
            _ = self.model.sampler  # says why it does not write
        assert self._story is not None
        return self._story

    @property
    def text(self) -> str:
        """The text so far, its bytes that are no UTF-8 as escapes."""
        return self._text if self._story is None else text_of(self._story.path_data(self.node))

    # -- models

    def open(self, name: str | None) -> None:
        """Take a model; the text that is there goes on under it, as if it had been typed."""
        text = self.text
        model = load(name, **self.how)
        story, node, play, silent = None, ROOT, None, ""
        if model.direction == "backward":
            silent = f"{model.name} reads lines from their ends: it scores (F4), and does not write"
        else:
            story = Story(model.sampler.engine, model.tokenizer, model.unit)
            node, play = story.type(ROOT, text), self._probe(story)
        self.model, self._story, self.node, self.play, self._text = model, story, node, play, text
        self.speakers = None if play is None else (play.names[0], play.names[1])
        self._said, self.file = {}, None
        network = model.config["parts"][0]["model"]
        sizes, training = (network["layers"], network["hidden_size"]), model.config.get("status") == "training"
        self.report(Loaded(model.name, model.folder, play, self.speakers, *sizes, training, silent))
        self.show()

    def _probe(self, story: Story) -> Play | None:
        """Whether the model writes plays, from what it writes on a story that is thrown away."""
        if story.unit == "lines":
            return None
        aside = Story(story.engine, story.tokenizer, story.unit)
        config, node = SampleConfig(temperature=0.7, seed=1), ROOT
        for _ in range(PROBE):
            node = aside.draw(node, config)
        return find_play(aside.path_data(node).decode("utf-8", "replace"))

    # -- writing

    def say(self, text: str, config: Callable[[], SampleConfig]) -> None:
        """The person's line, and the model's answer."""
        if text.strip():
            self.node = self.story.type(self.node, self._as_line(text))
            self._said[self.node] = text
            self.show()
        self.write(config)

    def _as_line(self, text: str) -> str:
        """A line as the corpus would have it, with what ends the one before it where that is missing."""
        so_far = self.story.path_data(self.node)
        if self.play is None or self.speakers is None:
            opening = "" if not so_far or so_far.endswith(b"\n") else "\n"
            return f"{opening}{text.rstrip()}\n"
        opening = ""
        if so_far:
            ends = len(so_far) - len(so_far.rstrip(b"\n"))
            opening = "\n" * max(0, len(self.play.between) - ends)
        me, it = self.speakers
        return opening + self.play.line(me, text, it)

    def write(self, config: Callable[[], SampleConfig], *, sample: int = 0) -> None:
        """Write on from here. ``config`` is asked anew for every token, so that a setting holds from the next one."""
        begun, tokens, reason = time.monotonic(), 0, "length"
        while True:
            now = self._bounded(config())
            if tokens >= now.max_tokens:
                break
            if self.stopping():
                reason = "stopped"
                break
            self.node = self.story.draw(self.node, now, sample=sample)
            tokens += 1
            self.report(Grown(self._token(self.node)))
            found = self.story.stopped(self.node, now)
            if found is not None:
                reason = found
                break
        self.report(Ended(reason, tokens, time.monotonic() - begun))
        self.keep()

    def _bounded(self, config: SampleConfig) -> SampleConfig:
        """Settings under which a reply ends where a speech does."""
        if self.play is not None:
            return dataclasses.replace(config, until="text", stop=(*config.stop, self.play.between))
        return dataclasses.replace(config, until="line")

    def again(self, config: Callable[[], SampleConfig]) -> None:
        """Another answer in the place of the last one, on a branch of its own."""
        start = self._reply_start()
        self.node = start
        self.show()
        tree = self.story.tree
        samples = [tree.samples[child] for child in tree.children(start) if tree.by[child] == DRAWN]
        self.write(config, sample=max(samples, default=-1) + 1)

    def _reply_start(self) -> int:
        """The node after which the model has written all that stands at the end."""
        tree, node = self.story.tree, self.node
        while node != ROOT and tree.by[node] != TYPED:
            node = tree.parents[node]
        return node

    def take_back(self) -> str:
        """Go back to before the person's last line; the line is returned."""
        tree, end = self.story.tree, self._reply_start()
        node = end
        while node != ROOT and tree.by[node] == TYPED and (node == end or node not in self._said):
            node = tree.parents[node]
        text = self._said.get(end)
        if text is None:
            nodes = tree.path(end, node)
            text = b"".join(map(self.story.data, nodes)).decode("utf-8", "replace").strip("\n")
        self.node = node
        self.show()
        return text

    def begin(self, text: str) -> None:
        """Add a text to what is there."""
        if self._story is None:
            self._text += text
            return
        self.node = self.story.type(self.node, text)
        self.show()

    def anew(self) -> None:
        """An empty text; all that was written stays among the branches."""
        self.node = ROOT
        self.show()

    # -- keeping

    def keep(self) -> None:
        """Write the chat to its file, if chats are kept and there is something in it."""
        if not self.keeps or self.model is None or self._story is None or len(self.story) == 1:
            return
        if self.file is None:
            self.file = keeping.new_file(self.model)
        keeping.save(self.file, self.model, self.story)

    def resume(self, path: Path | None) -> None:
        """Go on with a chat that was kept: this one, or the latest with the model."""
        assert self.model is not None
        found = path or keeping.latest(self.model)
        self._story = keeping.load(found, self.model)
        self.file, self._said = found, {}
        self.go_to(len(self.story) - 1)

    def export(self, path: Path) -> str:
        """Write the text to a file of the person's; what was done is returned."""
        assert self.model is not None
        keeping.export(path, self.model, self.story, self.node)
        return f"saved as {path}"

    # -- places

    def go_to(self, node: int) -> None:
        """Have the text end with this node."""
        self.node = node
        self.show()

    def branch(self, node: int, token_id: int, config: Callable[[], SampleConfig]) -> None:
        """Another token after a node, and on from there."""
        self.node = self.story.choose(node, token_id)
        self.show()
        if self.story.stopped(self.node, self._bounded(config())) is None:
            self.write(config)

    def show(self) -> None:
        """Report the whole text."""
        self.report(Moved(self.tokens()))

    def tokens(self) -> list[Token]:
        """The text, a token each."""
        if self._story is None:
            return []
        tree = self.story.tree
        nodes = tree.path(self.node, ROOT) if self.node != ROOT else []
        texts = self.story.texts(self.node)
        return [
            Token(node, text, -tree.logprobs[node] / LN2, tree.by[node] == TYPED)
            for node, text in zip(nodes, texts, strict=True)
        ]

    def _token(self, node: int) -> Token:
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
            self.report(Looked(None, self._outlook(found, None, None)))
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
        )

    def shape(self) -> None:
        """Report all branches, forks only."""
        self.report(Shape(None if self._story is None else branches_of(self.story, self.node)))
