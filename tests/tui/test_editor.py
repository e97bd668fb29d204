"""Keys that come faster than they are taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from rnncli.tui.app import ChatApp
from rnncli.tui.editor import Editor
from tests.tui.conftest import run_app, screen_text, settle


class Edited(App[None]):
    def compose(self) -> ComposeResult:
        yield Editor()


def burst(app: App[None], *keys: str) -> None:
    """All at once, as after a pause of the connection."""
    assert app._driver is not None
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else None)
        event.set_sender(app)
        app._driver.send_message(event)


def test_each_key_acts_on_what_the_keys_before_it_made() -> None:
    async def run() -> None:
        app = Edited()
        async with app.run_test() as pilot:
            burst(app, *"abc", "backspace", "d", "left", "left", "e", "end", "enter", "f", "up", "g", "ctrl+z", "h")
            await pilot.pause()
            assert app.query_one(Editor).text == "ahebd\nf"

    asyncio.run(run())


def test_a_burst_is_one_line_sent_and_another_begun(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        burst(app, *"abx", "backspace", "c", "enter", "d", "backspace", "e")
        await settle(app, pilot)
        assert "".join(token.text for token in app.chat.tokens if token.typed) == "abc\n"
        assert app.chat.query_one(Editor).text == "e"

    run_app(tiny_model, walk)


def test_what_would_steer_a_terminal_shows_and_is_sent_as_it_is(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        prompt = app.chat.query_one(Editor)
        app.post_message(events.Paste("a\x00b\x1b[31mc\u202e"))
        await settle(app, pilot)
        shown = screen_text(app)
        assert "a␀b␛[31mc" in shown
        assert not set(shown) & set("\x00\x1b\u202e")
        await pilot.press("enter")
        await settle(app, pilot)
        assert app.talk.text.startswith("a\x00b\x1b[31mc\u202e\n")
        await pilot.press("ctrl+l")  # it comes back to be edited
        await settle(app, pilot)
        assert not set(screen_text(app)) & set("\x00\x1b\u202e")
        assert len(prompt.text) == len("a\x00b\x1b[31mc\u202e")

    run_app(tiny_model, walk)
