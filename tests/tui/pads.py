"""Walks over the pad, several of them in one app."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from rnncli.inference.tree import ROOT
from rnncli.tui import pad as pad_module
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.pad_area import PadArea
from tests.tui.conftest import NOTHING_KEPT, Walk, run_app


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for as long as a person."""
    monkeypatch.setattr(pad_module, "PAUSE_S", 0.005)


def walk_pad(
    model: Path,
    *walks: Walk,
    ghosts: bool = False,
    size: tuple[int, int] = (60, 20),
    start: Start = NOTHING_KEPT,
    **settings: Any,
) -> ChatApp:
    """An app in which each walk begins on an empty pad, with the settings and the size that the app began with."""

    async def one_after_the_other(app: ChatApp, pilot: Pilot[None]) -> None:
        config = app.config
        await pilot.press("f3")
        await follow(app, pilot)
        for walk in walks:
            app.config, app.pad.ghosts = config, ghosts
            if walk is not walks[0]:
                await pilot.resize_terminal(*size)
                await empty(app, pilot)
            try:
                await walk(app, pilot)
            except BaseException as error:
                error.add_note(f"in {walk}")
                raise

    return run_app(model, one_after_the_other, size=size, start=start, **settings)


async def settle(app: ChatApp, pilot: Pilot[None]) -> None:
    """Wait until the model is idle and all that it reported is on the screen."""
    quiet = 0
    for _ in range(3000):
        await asyncio.sleep(0.004)
        quiet = 0 if app.performer.busy or app.performer.waiting or app._asked else quiet + 1
        if quiet > 1:
            await pilot.pause()
            return
    raise AssertionError("the model is still busy")


async def follow(app: ChatApp, pilot: Pilot[None]) -> None:
    """Wait until the story has the text."""
    await pilot.pause(pad_module.PAUSE_S + 0.005)
    await settle(app, pilot)
    assert not app.revisions.steps
    assert app.draft.data.decode("utf-8", "surrogateescape") == app.revisions.text


async def empty(app: ChatApp, pilot: Pilot[None]) -> None:
    """A pad as if nothing had been written on it yet, except for what the story remembers."""
    app.pad.area.focus()
    app.pad.area.clear()
    app.revisions._undo.clear()
    app.revisions._redo.clear()
    await follow(app, pilot)
    assert app.draft.node == ROOT


async def type_text(app: ChatApp, pilot: Pilot[None], text: str) -> None:
    app.pad.area.insert(text, maintain_selection_offset=False)
    await follow(app, pilot)


async def write(app: ChatApp, pilot: Pilot[None], key: str = "ctrl+g") -> None:
    await pilot.press(key)
    await follow(app, pilot)


def stands(app: ChatApp) -> tuple[str, int, list[bytes]]:
    """The text, its node and the model's state there, to the bit."""
    draft = app.draft
    assert draft.story.path_data(draft.node).decode("utf-8", "surrogateescape") == app.revisions.text
    return app.revisions.text, draft.node, [array.tobytes() for array in draft.story.state(draft.node)]


def styles(area: PadArea) -> set[str]:
    """All styles of the first row's letters."""
    return {str(segment.style) for segment in area.render_line(0) if segment.text.strip()}
