"""Another model in the middle of things: what walks have found."""

from __future__ import annotations

import gc
import threading
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from rnncli.inference.story import Story
from rnncli.tui.app import ChatApp
from tests.tui.casting import Cast
from tests.tui.conftest import run_app
from tests.tui.test_walks import errors
from tests.tui.walking import hurried, settle


def hold(begun: threading.Event, gate: threading.Event) -> None:
    """Keep the model's thread busy."""
    begun.set()
    assert gate.wait(20)


def test_what_was_pointed_at_before_another_model_was_there_is_let_be(tmp_path: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        for keys in (
            ["up", "backspace"],
            ["up", "left"],
            ["up", "enter", "down", "enter"],
            ["f9", "tab", "down", "enter"],
        ):
            await pilot.press("a", "enter")
            await settle(app, pilot)
            await pilot.press("up", "enter")  # the panel has something to choose from
            await settle(app, pilot)
            await pilot.press("escape")
            text, gate, begun = app.talk.text, threading.Event(), threading.Event()
            app.performer.submit(partial(hold, begun, gate))
            assert begun.wait(20)
            app.open_model("bytes")
            app.open_model("chars")
            await pilot.press(*keys)
            gate.set()
            await settle(app, pilot)
            assert app.talk.text.startswith(text), keys
            assert not errors(app)
            app.open_model("toy")
            await settle(app, pilot)
            await pilot.press("escape", "ctrl+n")
            await settle(app, pilot)

    with hurried(Cast(), tmp_path):
        run_app(Path("toy"), walk)


def test_undo_on_the_pad_keeps_no_model_that_was(tmp_path: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("f3")
        for _ in range(6):
            await pilot.press("a", "enter")
            await pilot.pause(0.02)
            await settle(app, pilot)
            app.open_model("toy")
            await settle(app, pilot)
        await pilot.press(*["ctrl+z"] * 4)
        await pilot.pause(0.02)
        await settle(app, pilot)
        gc.collect()
        assert sum(type(one) is Story for one in gc.get_objects()) <= 4

    gc.collect()
    with hurried(Cast(), tmp_path):
        run_app(Path("toy"), walk)
