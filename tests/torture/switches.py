"""One model after the other, in Python and in the app: none stays behind."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from rnncli.api import Model, load
from rnncli.inference.onnx_engine import OnnxEngine
from rnncli.inference.story import Story
from rnncli.tui.app import ChatApp
from tests.conftest import TINY_TEXT, train_small
from tests.torture.parts import Tried
from tests.tui.casting import Cast
from tests.tui.conftest import run_app
from tests.tui.pads import settle
from tests.tui.walking import hurried

WARM = 0.2
"""After so much of the switches nothing more may stay."""
MOST_GROWN = 24 << 20
"""Bytes by which the process may grow in the 800 switches after the first 200: 30 kB for each; a model here has 40."""
MOST_ALIVE = 4


class Usage:
    """What the process holds."""

    def __init__(self) -> None:
        gc.collect()
        self.threads = threading.active_count()
        self.files = len(os.listdir("/dev/fd"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.peak = peak if sys.platform == "darwin" else peak * 1024
        self.alive = dict.fromkeys((Model, OnnxEngine, Story), 0)
        for one in gc.get_objects():
            if type(one) in self.alive:
                self.alive[type(one)] += 1

    def more_than(self, before: Usage) -> str:
        """What it holds more than it should, in words."""
        found = []
        if self.threads > before.threads:
            found.append(f"{self.threads} threads, {before.threads} before")
        if self.files > before.files:
            found.append(f"{self.files} open files, {before.files} before")
        if self.peak - before.peak > MOST_GROWN:
            found.append(f"{self.peak:,} bytes, {before.peak:,} before")
        for kind, count in self.alive.items():
            if count > before.alive[kind] + MOST_ALIVE:
                found.append(f"{count} of {kind.__name__}, {before.alive[kind]} before")
        return "; ".join(found)


def _models(folder: Path, seed: int) -> tuple[Path, Path]:
    """Two with different tokenizers."""
    corpus = folder / "corpus.txt"
    corpus.write_text(TINY_TEXT)
    one = train_small(corpus, folder / "one", steps=2, seed=seed, unit="stream")
    return one, train_small(corpus, folder / "other", steps=2, seed=seed, kind="char", unit="lines")


def in_python(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Each is loaded, scores and samples."""
    models, before = _models(folder, seed), None
    for number in range(count):
        model = load(models[number % 2], threads=1)
        score, sample = model.score("the cat"), model.sample("the", max_tokens=2, seed=1)
        yield Tried("" if score and sample.text else f"switch {number} came to nothing")
        if number == int(WARM * count):
            before = Usage()
    assert before is not None
    yield Tried(Usage().more_than(before), 0)


def in_the_app(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Each is chosen from the list of models by keys, under a conversation that goes on."""
    one, other = _models(folder, seed)
    cast = Cast({"one": one, "other": other})
    found: list[Tried] = []

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("a", "enter")
        await settle(app, pilot)
        before = None
        for number in range(count):
            await pilot.press("ctrl+o")
            await pilot.pause()
            app.screen.query_one(OptionList).highlighted = len(cast.names) - 2 + number % 2
            await pilot.press("enter")
            await settle(app, pilot)
            expected = (other if number % 2 else one).name
            found.append(Tried("" if app.model_name == expected else f"{app.model_name}, not {expected}"))
            if number == int(WARM * count):
                before = Usage()
        assert before is not None
        found.append(Tried(Usage().more_than(before), 0))
        if not app.talk.text.startswith("a\n"):
            found.append(Tried(f"of the conversation is left: {app.talk.text!r}", 0))

    with hurried(cast, folder):
        run_app(Path("one"), walk, max_tokens=3)
    yield from found
