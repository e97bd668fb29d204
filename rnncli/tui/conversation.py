"""A text that a person and a model write in turns. No Textual here.

Everything below runs in the performer's thread, one job at a time, and tells the screen through reports.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rnncli.api import load
from rnncli.config import SampleConfig
from rnncli.inference.story import Story
from rnncli.inference.tree import DRAWN, ROOT, TYPED
from rnncli.text.escapes import text_of
from rnncli.tui import keeping
from rnncli.tui.manuscript import Manuscript
from rnncli.tui.reports import Ended, Grown, Loaded
from rnncli.tui.speakers import Play, find_play

if TYPE_CHECKING:
    from pathlib import Path

PROBE = 400
"""Tokens that a model writes unseen, to see whether it writes plays."""

MOST_SILENCES = 8
"""Speeches without a word, in the place of one, before what comes after such a one is the answer."""


class Conversation(Manuscript):
    """The chat's text."""

    def __init__(
        self,
        report: Callable[[object], None],
        stopping: Callable[[], bool],
        how: Mapping[str, Any] | None = None,
        *,
        keeps: bool = False,
    ) -> None:
        super().__init__(report, stopping)
        self.how = how or {}
        self.keeps = keeps
        """Whether the chat is written to the disk as it grows."""
        self.file: Path | None = None
        self.play: Play | None = None
        self.speakers: tuple[str, str] | None = None
        """Who the person is, and who answers."""
        self._text = ""
        """The text under a model that does not write."""
        self._said: dict[int, str] = {}
        """What the person typed, by the node that it ended at."""

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
            story = Story(keeping.writer(model), model.tokenizer, model.unit)
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
        if self.broken_off():
            self.show(going_on=True)
        try:
            self._draw(config, sample)
        finally:
            if self.broken_off():
                self.show()
        self.keep()

    def _draw(self, config: Callable[[], SampleConfig], sample: int) -> None:
        begun, tokens, reason, spoken, start = time.monotonic(), 0, "length", False, self.node
        silences = 0
        while True:
            now = self._bounded(config())
            if tokens >= now.max_tokens:
                break
            if self.stopping():
                reason = "stopped"
                break
            self.node = self.story.draw(self.node, now, sample=sample)
            tokens += 1
            self.report(Grown(self.token(self.node)))
            spoken = spoken or not self.story.data(self.node).isspace()
            if not spoken and silences < MOST_SILENCES and self._says_nothing(start):
                self.node, silences, sample = start, silences + 1, sample + 1
                self.show()
                continue
            found = self.story.stopped(self.node, now)
            # Empty lines before an answer, as between paragraphs, are not the answer.
            if found is not None and spoken:
                reason = found
                break
        self.report(Ended(reason, tokens, time.monotonic() - begun))

    def _says_nothing(self, start: int) -> bool:
        """Whether who was to answer has ended the speech without a word: what comes next is somebody else's."""
        if self.play is None or self.story.tree.by[start] != TYPED:
            return False
        return self.story.path_data(self.node).endswith(self.play.between.encode())

    def _bounded(self, config: SampleConfig) -> SampleConfig:
        """Settings under which a reply ends where a speech does, unless the person said what ends it."""
        if config.until != "auto":
            return config
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
