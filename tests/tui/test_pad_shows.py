"""What the pad shows beside its text and behind the cursor."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from rnncli.inference.reproducing import reproduce
from rnncli.tui import pad as pad_module
from rnncli.tui import pad_writing
from rnncli.tui.app import ChatApp
from rnncli.tui.next_panel import NextPanel
from rnncli.tui.panels import BranchPanel
from rnncli.tui.side import SidePanel
from tests.tui.conftest import screen_text
from tests.tui.pads import follow, quick, settle, type_text, walk_pad, write

__all__ = ["quick"]


async def is_taken_whole(app: ChatApp, pilot: Pilot[None]) -> None:
    await pilot.press(*"the ol")
    await follow(app, pilot)
    ghost = list(app.pad.area.ghost)
    assert ghost
    shown = "".join(token.text for token in ghost)
    assert f"the ol{shown.rstrip()}" in screen_text(app)
    await pilot.press("tab")
    assert app.revisions.text == "the ol" + shown
    app.pad.ghosts = False
    await follow(app, pilot)
    assert app.draft.node == ghost[-1].spot.node
    assert app.focused is app.pad.area
    assert not reproduce(app.draft.story, app.draft.node)
    await pilot.press("ctrl+z")
    assert app.revisions.text == "the ol"


async def is_taken_by_words(app: ChatApp, pilot: Pilot[None]) -> None:
    app.config = dataclasses.replace(app.config, temperature=0.5)
    await pilot.resize_terminal(120, 30)
    area = app.pad.area
    await pilot.press(*"the ")
    await follow(app, pilot)
    shown = "".join(token.text for token in area.ghost)
    assert len(shown.split()) > 1
    await pilot.press("ctrl+right")
    first = app.revisions.text
    assert first.split() == ["the", shown.split()[0]]
    rest = "".join(token.text for token in area.ghost)
    assert shown == first.removeprefix("the ") + rest
    await pilot.press("ctrl+right")
    assert app.revisions.text.startswith(first)
    assert len(app.revisions.text) > len(first)
    await follow(app, pilot)
    node = app.draft.node
    assert not reproduce(app.draft.story, node)
    before = app.revisions.text
    assert area.ghost
    await pilot.press("left")
    assert not area.ghost
    assert app.revisions.text == before
    await pilot.press("end")
    await follow(app, pilot)
    assert app.draft.node == node
    assert area.ghost
    await pilot.press("escape")
    assert not area.ghost
    await pilot.press("tab")
    assert app.focused is not area
    assert app.revisions.text == before


async def is_dropped_when_typing_goes_on(app: ChatApp, pilot: Pilot[None]) -> None:
    area, draft = app.pad.area, app.draft
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pad_module, "PAUSE_S", 0.15)
        await pilot.press(*"the ")
        await follow(app, pilot)
        hand, node = app.revisions.hand, draft.node
        assert area.ghost
        area.insert("x", maintain_selection_offset=False)
        pad_writing.guess(draft, hand, 4, app.config)  # gives up by itself
        assert draft.node == node
        reported = [app.performer.waiting]
        with patch.context() as late:
            late.setattr(draft, "gives_up", lambda _: False)
            pad_writing.guess(draft, hand, 4, app.config)  # comes too late
            reported.append(app.performer.waiting)
        assert reported == [False, True]
        await pilot.pause(0.06)
        assert not area.ghost
    await pilot.press("ctrl+l", *"y the ")
    await follow(app, pilot)
    assert not area.ghost
    assert "no ghosts" in screen_text(app)
    await pilot.press("ctrl+l")
    await follow(app, pilot)
    assert area.ghost


async def stands_at_the_end_of_a_line(app: ChatApp, pilot: Pilot[None]) -> None:
    await pilot.resize_terminal(50, 20)
    area = app.pad.area
    await type_text(app, pilot, "the old\nthe end")
    area.move_cursor((0, 3))
    await follow(app, pilot)
    assert not area.ghost
    area.move_cursor((0, 7))
    await follow(app, pilot)
    shown = "".join(token.text for token in area.ghost)
    assert shown
    assert len(shown) <= 40
    await pilot.press("tab")
    assert app.revisions.text == f"the old{shown}\nthe end"


def test_a_ghost(tiny_model: Path) -> None:
    walk_pad(
        tiny_model,
        is_taken_whole,
        is_taken_by_words,
        is_dropped_when_typing_goes_on,
        stands_at_the_end_of_a_line,
        ghosts=True,
    )


async def the_token_at_the_cursor(app: ChatApp, pilot: Pilot[None]) -> None:
    area = app.pad.area
    await type_text(app, pilot, "the old man")
    panel = app.pad.query_one(NextPanel)
    assert "entropy" in screen_text(app)
    assert "this token" not in screen_text(app)
    area.move_cursor((0, 3))
    await follow(app, pilot)
    node = app.draft.nodes[1]
    assert panel.outlook is not None
    assert panel.outlook.chosen == app.draft.story.tree.ids[node]
    other = next(one for one in panel.outlook.candidates if one.id != panel.outlook.chosen)
    panel.post_message(NextPanel.Chosen(other.id, app.draft.story))
    await follow(app, pilot)
    text = app.draft.story.data(node).decode()
    assert app.revisions.text == "the" + other.text + "the old man".removeprefix("the" + text)
    assert not reproduce(app.draft.story, app.draft.node)
    await pilot.press("ctrl+z")
    assert app.revisions.text == "the old man"


async def the_other_panels(app: ChatApp, pilot: Pilot[None]) -> None:
    await type_text(app, pilot, "the old man and the sea " * 4)
    first, node = app.revisions.text, app.draft.node
    await write(app, pilot)
    await write(app, pilot, "ctrl+r")
    await pilot.press("f9")
    await settle(app, pilot)
    assert "the old man" in screen_text(app)
    app.pad.query_one(BranchPanel).post_message(BranchPanel.Chosen(node))
    await follow(app, pilot)
    assert (app.revisions.text, app.draft.node) == (first, node)
    await pilot.press("f8")
    await settle(app, pilot)
    app.pad.query_one("#unit", Input).value = "3"
    app.pad.query_one("#unit", Input).focus()
    await pilot.press("enter")
    await settle(app, pilot)
    assert app.pad.units is not None
    assert len(app.pad.units) == len(app.draft.nodes)
    assert "hidden" in screen_text(app)
    await pilot.press("f5", "ctrl+t")
    await settle(app, pilot)
    app.pad.query_one("#setting-temperature", Input).value = "0.25"
    await pilot.pause()
    await pilot.press("f2")
    await pilot.pause(0.1)
    assert app.screen is app.chat
    await pilot.press("f5")
    await settle(app, pilot)
    assert app.chat.query_one("#setting-temperature", Input).value == "0.25"
    assert app.config.temperature == pytest.approx(0.25)


def test_the_panels_are_about_the_pads_own_text(tiny_model: Path) -> None:
    walk_pad(tiny_model, the_token_at_the_cursor, the_other_panels, size=(120, 30))


async def shows_the_text_or_the_panel(app: ChatApp, pilot: Pilot[None]) -> None:
    size = tuple(app.size)
    await write(app, pilot)  # into an empty text
    await pilot.press("enter", *"the ol")
    await follow(app, pilot)
    assert "the ol" in screen_text(app)
    side = app.pad.query_one(SidePanel)
    assert bool(side.display and side.size.width) == (size[0] >= 100)
    await pilot.press("f6", "f9")
    await settle(app, pilot)
    assert side.size.width > 0
    await pilot.press("escape")
    assert app.focused is app.pad.area
    for other in ((20, 5), (130, 40), size):
        await pilot.resize_terminal(*other)
        await pilot.press("x")
        await follow(app, pilot)
