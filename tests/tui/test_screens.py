"""The chat, the pad and the scores beside one another in one app."""

from __future__ import annotations

from pathlib import Path

from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from rnncli.text.escapes import bytes_of
from rnncli.tui.app import ChatApp
from rnncli.tui.picker import SaveAs
from rnncli.tui.prompt import Prompt
from tests.tui.conftest import run_app, screen_text
from tests.tui.pads import quick, settle, type_text, write

__all__ = ["quick"]


async def save(app: ChatApp, pilot: Pilot[None], path: Path) -> str:
    """Save the text that shows as this file; the name that was suggested is returned."""
    await pilot.press("ctrl+s")
    await pilot.pause()
    assert isinstance(app.screen, SaveAs)
    field = app.screen.query_one("#file", Input)
    suggested, field.value = field.value, str(path)
    await pilot.press("enter")
    await settle(app, pilot)
    return suggested


def told(app: ChatApp) -> str:
    """All that was told so far."""
    return "\n".join(note.message for note in app._notifications)


def shows(app: ChatApp, screen: str) -> bool:
    """Whether this is the screen that shows."""
    return app.screen is vars(app)[screen]


async def goes_to(app: ChatApp, pilot: Pilot[None], key: str, screen: str) -> None:
    await pilot.press(key)
    await pilot.pause(0.1)
    assert shows(app, screen)
    await settle(app, pilot)


def test_each_screen_has_its_key_and_its_text(tiny_model: Path, tmp_path: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        assert not {"pad", "scores", "draft", "revisions"} & set(vars(app))  # made when they are asked for
        app.chat.query_one(Prompt).text = "the cat"
        await pilot.press("enter")
        await settle(app, pilot)
        for key, name in (("f3", "pad"), ("f4", "scores"), ("f3", "pad")):
            await goes_to(app, pilot, key, name)
            assert all(f" {title} " in screen_text(app) for title in ("chat", "pad", "scores"))
            titles = {command.title for command in app.get_system_commands(app.screen)}
            assert titles >= {"Chat", "Pad", "Scores", "Save", "Models"}
        await type_text(app, pilot, "the old")
        await write(app, pilot)
        written = app.revisions.text
        for ending in ("txt", "md", "json"):
            path = tmp_path / f"pad.{ending}"
            assert await save(app, pilot, path) == f"{tiny_model.name}-pad.md"
            assert "old" in path.read_text("utf-8", "surrogateescape")
        assert (tmp_path / "pad.txt").read_bytes() == bytes_of(written)
        await pilot.press("ctrl+f")
        await settle(app, pilot)
        assert shows(app, "scores")
        assert app.scores.editor.meant == written
        path = tmp_path / "scores.txt"
        assert await save(app, pilot, path) == f"{tiny_model.name}-text.txt"
        assert path.read_bytes() == bytes_of(written)
        await save(app, pilot, tmp_path / "scores.md")
        assert "written as .txt" in told(app)
        assert not (tmp_path / "scores.md").exists()
        await goes_to(app, pilot, "f2", "chat")
        assert app.talk.text.startswith("the cat\n")
        await pilot.press("ctrl+f")
        await settle(app, pilot)
        assert app.scores.editor.meant == app.talk.text
        await palette(app, pilot, "Pad")
        assert shows(app, "pad")
        assert app.revisions.text == written

    run_app(tiny_model, walk)


async def palette(app: ChatApp, pilot: Pilot[None], title: str) -> None:
    """Choose a command by its name."""
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*title)
    for _ in range(100):
        if not isinstance(app.screen, CommandPalette):
            break
        await pilot.press("enter")  # nothing is chosen before it is found
        await pilot.pause(0.05)
    await settle(app, pilot)
