"""A few random walks through the app, and what walks have found; tests/tui_more has many."""

from __future__ import annotations

import threading
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from rnncli.inference.reproducing import reproduce
from rnncli.tui.app import ChatApp
from rnncli.tui.token_view import TokenView
from tests.tui.casting import Cast
from tests.tui.conftest import run_app
from tests.tui.walking import Action, hurried, settle, shrunk, walk_or_tell


def test_the_beginning_of_a_walk(tmp_path: Path) -> None:
    walk_or_tell(0, tmp_path, most=10)


def test_what_need_not_be_done_to_fail_is_left_out() -> None:
    actions = [Action(kind, 0) for kind in "abcdefghij"]
    found = shrunk(actions, lambda some: {"c", "h"} <= {action.kind for action in some})
    assert [action.kind for action in found] == ["c", "h"]


def errors(app: ChatApp) -> list[str]:
    """All that the app said was wrong."""
    return [note.message for note in app._notifications if note.severity == "error"]


def test_without_a_seed_there_is_one(tmp_path: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("f5")
        await settle(app, pilot)
        app.chat.query_one("#setting-seed", Input).value = ""
        await pilot.press("escape", "a", "enter")
        await settle(app, pilot)
        assert not errors(app)
        assert app.config.seed is not None
        assert len(app.chat.query_one(TokenView).text) > 2
        assert not reproduce(app.talk.story, app.talk.node)

    with hurried(Cast(), tmp_path):
        run_app(Path("toy"), walk)


def test_the_pads_story_follows_also_where_something_else_was_done_first(tmp_path: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("f3")
        await settle(app, pilot)
        gate, begun = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            assert gate.wait(20)

        app.performer.submit(hold)
        assert begun.wait(20)
        await pilot.press("a")
        await pilot.pause(0.05)
        assert "settle" in app._asked
        app.write(lambda talk, config: None)
        gate.set()
        await settle(app, pilot)
        assert app.draft.data == b"a"

    with hurried(Cast(), tmp_path):
        run_app(Path("toy"), walk)
