"""The model writes into the pad: on from a place, or a guess at what might come there. Runs in the model's thread."""

from __future__ import annotations

import codecs
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rnncli.config import SampleConfig
from rnncli.tui import keeping
from rnncli.tui.draft import Draft
from rnncli.tui.ghost import whole_words
from rnncli.tui.manuscript import LN2
from rnncli.tui.pad_reports import Ghost, Spot, Stopped, Written, Wrote
from rnncli.tui.reports import Told
from rnncli.tui.revisions import Step

LONGEST_GHOST = 16
"""Tokens."""


class Writer:
    """Tokens after a place of the draft's text, one by one."""

    def __init__(self, draft: Draft, place: int, sample: int = 0) -> None:
        self.draft, self.sample = draft, sample
        self.node, self._rest = draft.place(draft.text[:place])
        self._begun = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def next(self, config: SampleConfig) -> Written:
        """Draw a token."""
        story = self.draft.story
        if self._begun:
            self.node = story.draw(self.node, config, sample=self.sample)
            data = story.data(self.node)
        else:
            self.node, data = self.draft.begin(self.node, self._rest, config, self.sample)
            self._begun = True
        text = self._decoder.decode(data)
        bits = -story.tree.logprobs[self.node] / LN2
        return Written(text, Spot(story, self.node), bits, whole=not self._decoder.getstate()[0])

    def rest(self) -> Written | None:
        """What is left of a character that the model has broken off."""
        text = self._decoder.decode(b"", final=True)
        return Written(text, Spot(self.draft.story, self.node), 0.0, whole=True) if text else None


def go_on(
    draft: Draft, hand: int, steps: Sequence[Step], place: int, config: Callable[[], SampleConfig], sample: int
) -> None:
    """Write on from a place until a stop text, the length, or the person ends it."""
    try:
        stopped = _write_on(draft, hand, steps, place, config, sample)
    except BaseException:
        draft.report(Stopped(hand, "", 0, 0.0))  # the screen waits for it, and would not follow the text
        raise
    draft.report(stopped)


def _write_on(
    draft: Draft, hand: int, steps: Sequence[Step], place: int, config: Callable[[], SampleConfig], sample: int
) -> Stopped:
    begun, tokens, reason = time.monotonic(), 0, "length"
    if not draft.settle(hand, steps):
        _ = draft.story  # says why a model does not write
        return Stopped(hand, "stopped", 0, 0.0)
    writer = Writer(draft, place, sample)
    while tokens < (now := open_ended(config())).max_tokens:
        if draft.gives_up(hand):
            reason = "stopped"
            break
        draft.report(Wrote(hand, writer.next(now)))
        tokens += 1
        found = draft.story.stopped(writer.node, now)
        if found is not None:
            reason = found
            break
    rest = writer.rest()
    if rest is not None:
        draft.report(Wrote(hand, rest))
    return Stopped(hand, reason, tokens, time.monotonic() - begun)


def keep(draft: Draft, hand: int, steps: Sequence[Step]) -> None:
    """Write the pad to its file, as the last thing that is done: nothing stops it."""
    draft.stopping = lambda: False
    if draft.model is not None and draft.settle(hand, steps):
        draft.keep()


def save(draft: Draft, hand: int, steps: Sequence[Step], text: str, path: Path) -> None:
    """Write the pad to a file of the person's: under a model that does not write, the text that the screen has."""
    if draft.model is not None and not draft.writes:
        draft.report(Told(keeping.export_text(path, text)))
    elif draft.settle(hand, steps):
        draft.report(Told(draft.export(path)))


def guess(draft: Draft, hand: int, place: int, config: SampleConfig) -> None:
    """Report what the model would write at a place, to the end of the line at most."""
    writer, tokens, config = Writer(draft, place), list[Written](), open_ended(config)
    while len(tokens) < LONGEST_GHOST:
        if draft.gives_up(hand):
            return
        token = writer.next(config)
        if "\n" in token.text:
            break
        tokens.append(token)
    else:
        tokens = whole_words(tokens)
    if tokens:
        draft.report(Ghost(hand, place, tokens))


def open_ended(config: SampleConfig) -> SampleConfig:
    """Settings under which the end of a line is no end."""
    return dataclasses.replace(config, until="text")
