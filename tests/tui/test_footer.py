"""The keys on the last line."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from rnncli.tui.app import ChatApp
from rnncli.tui.footer import Footer
from tests.tui.conftest import run_app, screen_text, settle


def last_line(app: ChatApp) -> str:
    return screen_text(app).splitlines()[-1]


def test_keys_are_those_that_do_something_now_each_once(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        line = last_line(app)
        for shown in (" \u23ce send ", " f2 chat ", " f6 panel ", " ^r another answer "):
            assert line.count(shown) == 1
        assert line.endswith("\u258f ^p palette ")
        await pilot.press("f3")
        await settle(app, pilot)
        assert "send" not in last_line(app)
        assert " ^z undo " in last_line(app)

    run_app(tiny_model, walk, size=(160, 12))


def test_where_there_is_no_room_whole_keys_are_left_out(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        for width in (60, 24, 15, 12, 3):
            await pilot.resize_terminal(width, 12)
            await settle(app, pilot)
            line = last_line(app)
            assert len(line) == width
            keys = line.split("\u258f")[0].strip()
            shown = [f"{key.shown} {key.what}" for key in app.chat.query_one(Footer).keys]
            assert all(any(one.endswith(part.strip()) for one in shown) for part in keys.split("  ") if part.strip())
            assert ("palette" in line) == (width > 12)

    run_app(tiny_model, walk, size=(60, 12))


def test_a_click_on_a_key_is_that_key(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        for what, screen in (("pad", app.pad), ("chat", app.chat)):
            await pilot.click(Footer, offset=(last_line(app).index(f" {what} "), 0))
            await settle(app, pilot)
            assert app.screen is screen
        at = last_line(app).index("▏")
        await pilot.click(Footer, offset=(at, 0))  # between two keys
        await settle(app, pilot)
        assert app.screen is app.chat

    run_app(tiny_model, walk, size=(160, 12))
