"""A thousand models, one after the other: none stays behind."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from rnncli.api import Model, load
from rnncli.inference.onnx_engine import OnnxEngine
from rnncli.inference.story import Story
from rnncli.tui.app import ChatApp
from tests.conftest import train_small
from tests.tui.casting import Cast
from tests.tui.conftest import run_app
from tests.tui.pads import settle
from tests.tui.walking import hurried

TIMES, WARM = 1000, 200
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

    def check(self, before: Usage) -> None:
        """It is what it was."""
        assert self.threads <= before.threads
        assert self.files <= before.files
        assert self.peak - before.peak < MOST_GROWN
        for kind, count in self.alive.items():
            assert count <= before.alive[kind] + MOST_ALIVE, kind


@pytest.fixture(scope="module")
def other_model(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with another tokenizer."""
    return train_small(tiny_corpus, tmp_path_factory.mktemp("models") / "other", steps=2, kind="char", unit="lines")


def test_models_opened_by_the_person(tiny_model: Path, other_model: Path, tmp_path: Path) -> None:
    cast = Cast({"tiny": tiny_model, "other": other_model})

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("a", "enter")
        await settle(app, pilot)
        before = None
        for time in range(TIMES):
            await pilot.press("ctrl+o")
            await pilot.pause()
            app.screen.query_one(OptionList).highlighted = len(cast.names) - 2 + time % 2
            await pilot.press("enter")
            await settle(app, pilot)
            assert app.model_name == (other_model if time % 2 else tiny_model).name
            if time == WARM:
                before = Usage()
        assert before is not None
        Usage().check(before)
        assert app.talk.text.startswith("a\n")

    with hurried(cast, tmp_path):
        run_app(Path("tiny"), walk, max_tokens=3)


def test_models_opened_in_python(tiny_model: Path, other_model: Path) -> None:
    before = None
    for time in range(TIMES):
        model = load(other_model if time % 2 else tiny_model, threads=1)
        model.score("the cat")
        model.sample("the", max_tokens=2, seed=1)
        if time == WARM:
            before = Usage()
    assert before is not None
    Usage().check(before)
