"""The pad, through its own keys, over a real small model."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from rnncli.config import SampleConfig
from rnncli.inference.reproducing import reproduce
from rnncli.inference.story import Story
from rnncli.inference.tree import ROOT, TYPED
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.pad import PadScreen
from rnncli.tui.pad_area import PadArea
from rnncli.tui.story_screen import StoryScreen
from tests.tui.conftest import screen_text
from tests.tui.pads import empty, follow, quick, stands, styles, type_text, walk_pad, write

__all__ = ["quick"]

ODD = "a\x1b[31m\u0085\u2028\x0c\u202eé\u0301漢\udce2\udc82"


async def goes_on_at_the_cursor(app: ChatApp, pilot: Pilot[None]) -> None:
    for key in ("ctrl+g", "ctrl+@"):
        await pilot.press(*"the ol")
        await type_text(app, pilot, "\nand the end")
        app.pad.area.move_cursor((0, 6))
        await write(app, pilot, key)
        text = app.revisions.text
        assert text.startswith("the ol")
        assert text.endswith("\nand the end")
        assert len(text) > len("the ol\nand the end")
        assert app.pad.area.text == text
        assert app.pad.area.cursor == len(text) - len("\nand the end")
        assert not reproduce(app.draft.story, app.draft.node)
        assert not reproduce(app.draft.story, app.draft.nodes[10])
        await empty(app, pilot)


async def the_same_with_the_same_seed(app: ChatApp, pilot: Pilot[None]) -> None:
    await type_text(app, pilot, "the old")
    await write(app, pilot)
    found = app.revisions.text
    await write(app, pilot, "ctrl+r")
    assert app.revisions.text.startswith("the old")
    assert app.revisions.text not in (found, "the old")
    assert not reproduce(app.draft.story, app.draft.node)
    await pilot.press("ctrl+z")
    await write(app, pilot)
    assert app.revisions.text == found
    await pilot.press("ctrl+z")
    app.open_model(str(app.start.model))  # another story
    await follow(app, pilot)
    await write(app, pilot)
    assert app.revisions.text == found


async def undo_and_redo(app: ChatApp, pilot: Pilot[None]) -> None:
    area, known = app.pad.area, [stands(app)]

    async def now() -> None:
        await follow(app, pilot)
        known.append(stands(app))

    await pilot.press(*"the ca")
    await now()
    await pilot.press("ctrl+g")
    await now()
    await pilot.press(*" so")
    await now()
    area.move_cursor((0, 9))
    await pilot.press("backspace", "backspace")
    await now()
    await pilot.press("ctrl+g")
    await now()
    area.replace("x\ny", (0, 2), (0, 5))
    await now()
    for before in known[-2::-1]:
        await pilot.press("ctrl+z")
        await follow(app, pilot)
        assert stands(app) == before
    await pilot.press("ctrl+z")
    assert app.revisions.text == ""
    for after in known[1:]:
        await pilot.press("ctrl+y")
        await follow(app, pilot)
        assert stands(app) == after
        assert app.pad.area.text == after[0]
    await pilot.press(*["ctrl+z"] * 4, *["ctrl+y"] * 2)
    await follow(app, pilot)
    assert stands(app) == known[-3]


async def the_last_line_is_deleted(app: ChatApp, pilot: Pilot[None]) -> None:
    await type_text(app, pilot, "the\nold")
    await pilot.press("ctrl+shift+k")  # what it asks to be deleted ends on a line that is not there
    await follow(app, pilot)
    assert app.revisions.text == app.pad.area.text == "the\n"
    await pilot.press("ctrl+z")
    await follow(app, pilot)
    assert app.revisions.text == app.pad.area.text == "the\nold"


async def edits_before_the_story_followed(app: ChatApp, pilot: Pilot[None]) -> None:
    await type_text(app, pilot, "the old")
    await write(app, pilot)
    drawn = stands(app)
    app.pad.area.insert("a\n", (0, 0))
    app.pad.area.insert("b\n", (0, 0))
    await pilot.press("ctrl+z", "ctrl+z")
    await follow(app, pilot)
    assert stands(app) == drawn


async def an_edit_keeps_what_was_drawn_before_it(app: ChatApp, pilot: Pilot[None]) -> None:
    await type_text(app, pilot, "the old")
    await write(app, pilot)
    tree, before = app.draft.story.tree, list(app.draft.nodes)
    drawn = [node for node in before if tree.by[node] != TYPED]
    await pilot.press(*" and")
    await follow(app, pilot)
    assert app.draft.nodes[: len(before)] == before
    place = app.draft.chars[len(before) - 3]
    app.pad.area.insert("!", app.pad.area.location_of(place))
    await follow(app, pilot)
    kept = app.draft.nodes[: len(before) - 2]
    assert kept == before[:-2]
    assert set(drawn[:-2]) <= set(kept)
    assert all(tree.by[node] == TYPED for node in app.draft.nodes[len(before) - 2 :])
    assert not reproduce(app.draft.story, app.draft.node)


async def stops_at_a_stop_text(app: ChatApp, pilot: Pilot[None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Story, "stopped", lambda *_: "stop")
        await type_text(app, pilot, "the old")
        await write(app, pilot)
        assert len(app.draft.nodes) <= 8
        assert "stopped at a stop text" in screen_text(app)


async def another_model(app: ChatApp, pilot: Pilot[None]) -> None:
    await type_text(app, pilot, "the old")
    await write(app, pilot)
    text, story = app.revisions.text, app.draft.story
    app.open_model(str(app.start.model))
    await follow(app, pilot)
    assert app.draft.story is not story
    assert app.revisions.text == text
    assert not reproduce(app.draft.story, app.draft.node)
    await pilot.press("ctrl+z")
    await write(app, pilot)
    assert app.revisions.text == text


def test_the_model_goes_on_and_all_can_be_undone(tiny_model: Path) -> None:
    walk_pad(
        tiny_model,
        goes_on_at_the_cursor,
        the_same_with_the_same_seed,
        undo_and_redo,
        the_last_line_is_deleted,
        edits_before_the_story_followed,
        an_edit_keeps_what_was_drawn_before_it,
        stops_at_a_stop_text,
        another_model,
    )


def slowly(app: ChatApp) -> None:
    """Have the model write a token at a time, so that what is stopped is short; the next model is a quick one."""
    draw = app.draft.story.draw

    def slow(node: int, config: SampleConfig, *, sample: int = 0) -> int:
        time.sleep(0.005)
        return draw(node, config, sample=sample)

    app.draft.story.draw = slow  # type: ignore[method-assign]


async def is_stopped(app: ChatApp, pilot: Pilot[None]) -> None:
    slowly(app)
    app.config = dataclasses.replace(app.config, max_tokens=1_000_000)
    for key in ("escape", "ctrl+c"):
        await type_text(app, pilot, "go")
        await pilot.press("ctrl+g")
        while len(app.revisions.text) < 5:
            await pilot.pause(0.01)
        assert app.performer.busy
        await pilot.press(key)
        await follow(app, pilot)
        assert 2 < len(app.revisions.text) < 100_000
        assert "stopped by you" in screen_text(app)
        found = stands(app)
        assert not reproduce(app.draft.story, app.draft.node)
        await pilot.press("ctrl+z")
        assert app.revisions.text == "go"
        await pilot.press("ctrl+y")
        await follow(app, pilot)
        assert stands(app) == found
        assert app.is_running
        await empty(app, pilot)


async def typing_ends_it(app: ChatApp, pilot: Pilot[None]) -> None:
    slowly(app)
    app.config = dataclasses.replace(app.config, max_tokens=1_000_000)
    await type_text(app, pilot, "go")
    await pilot.press("ctrl+g")
    while len(app.revisions.text) < 5:
        await pilot.pause(0.01)
    await pilot.press("X")
    written = app.revisions.text
    assert written.endswith("X")
    await follow(app, pilot)
    assert app.revisions.text == written
    tree = app.draft.story.tree
    assert any(tree.by[node] != TYPED for node in app.draft.nodes)
    assert not reproduce(app.draft.story, app.draft.node)
    await pilot.press("ctrl+z")
    assert app.revisions.text == written[:-1]
    await pilot.press("ctrl+z")
    assert app.revisions.text == "go"


def test_the_model_is_stopped_and_never_the_program(tiny_model: Path) -> None:
    walk_pad(tiny_model, is_stopped, typing_ends_it)


async def tinted_until_it_is_edited(app: ChatApp, pilot: Pilot[None]) -> None:
    area = app.pad.area
    await type_text(app, pilot, "the cat saw the zq")
    assert area.valid == 18
    tinted = styles(area)
    assert len(tinted) > 2
    await pilot.press("ctrl+t")
    assert len(styles(area)) < len(tinted)
    await pilot.press("ctrl+t")
    assert styles(area) == tinted
    area.insert("a", (0, 0))
    assert len(styles(area)) == 1


async def bytes_and_control_characters(app: ChatApp, pilot: Pilot[None]) -> None:
    app.config = dataclasses.replace(app.config, temperature=3.0)
    await type_text(app, pilot, ODD)
    assert len(app.pad.area.text) == len(ODD)
    assert app.draft.story.path_data(app.draft.node) == ODD.encode("utf-8", "surrogateescape")
    assert "\x1b" not in screen_text(app)
    await write(app, pilot)
    assert app.revisions.text.startswith(ODD)
    assert not reproduce(app.draft.story, app.draft.node)
    area = app.pad.area
    area.select_all()
    assert area.selected_text == app.revisions.text
    await follow(app, pilot)
    await pilot.press("ctrl+c")  # bytes that are no characters cannot be copied
    assert app.clipboard.startswith("a\x1b[31m")
    await pilot.press("backspace")
    await follow(app, pilot)
    assert app.draft.node == ROOT
    await pilot.press("ctrl+z")
    await follow(app, pilot)
    assert app.revisions.text.startswith(ODD)


async def a_long_line_and_a_long_paste(app: ChatApp, pilot: Pilot[None], times: int = 1) -> None:
    app.config = dataclasses.replace(app.config, max_tokens=5)
    line = "the old man " * (150 * times)
    await type_text(app, pilot, line)
    await write(app, pilot)
    assert not reproduce(app.draft.story, app.draft.node)
    app.post_message(events.Paste("the sea was high\r\n" * 1000 * times))
    await pilot.pause(0.1)
    await pilot.press("y")
    assert app.revisions.text.endswith("\ny")
    assert len(app.revisions.text) > 18_000 * times
    assert "\r" not in app.revisions.text
    await pilot.press("ctrl+z", "ctrl+z", "ctrl+z")
    await follow(app, pilot)
    assert app.revisions.text == line


def test_any_text_is_kept_and_tinted(tiny_model: Path) -> None:
    walk_pad(tiny_model, tinted_until_it_is_edited, bytes_and_control_characters, a_long_line_and_a_long_paste)


def test_a_pad_is_kept_and_gone_on_with(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found: list[str] = []

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await type_text(app, pilot, "the ol")
        assert app.pad.area.ghost
        await write(app, pilot)
        app.pad.area.insert("!", maintain_selection_offset=False)
        found.append(app.revisions.text)  # and leave at once

    async def again(app: ChatApp, pilot: Pilot[None]) -> None:
        assert app.revisions.text == app.pad.area.text == found[0]
        assert any(app.draft.story.tree.by[node] != TYPED for node in app.draft.nodes)
        assert not reproduce(app.draft.story, app.draft.node)
        assert app.draft.node == len(json.loads(kept.read_text())["nodes"])

    walk_pad(tiny_model, walk, ghosts=True, start=Start())
    [kept] = (tmp_path / "rnncli" / "pads").glob("*.json")
    assert kept.parent.stat().st_mode & 0o77 == 0
    (tmp_path / "rnncli" / "chats").mkdir()
    assert len(json.loads(kept.read_text())["nodes"]) <= 3 * 30
    chat = "rnncli.tui.conversation.Conversation.resume"
    monkeypatch.setattr(chat, lambda *_: None)
    walk_pad(tiny_model, again, start=Start(resume=True))


def test_every_binding_can_be_remapped() -> None:
    for kind in (PadScreen, PadArea, StoryScreen):
        assert all(getattr(binding, "id", None) for binding in kind.__dict__["BINDINGS"]), kind
