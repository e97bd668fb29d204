"""Where a copied text goes."""

from __future__ import annotations

from pathlib import Path

import pyperclip
import pytest
from textual.pilot import Pilot

from rnncli.tui.app import ChatApp
from rnncli.tui.prompt import Prompt
from tests.tui.conftest import run_app


def test_the_systems_clipboard_is_asked_first_and_the_terminal_where_there_is_none(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native: list[str] = []
    escapes: list[str] = []
    there = True

    def copy(text: str) -> None:
        if not there:
            raise pyperclip.PyperclipException("none")
        native.append(text)

    async def asked(app: ChatApp, pilot: Pilot[None]) -> tuple[bool, bool]:
        """Whether the system's clipboard was given the text, and whether the terminal was."""
        native.clear()
        escapes.clear()
        app.clear_notifications()
        await pilot.press("ctrl+c")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.clipboard == "t\u00e9xt"
        assert any(one.message.startswith("copied") for one in app._notifications)
        assert native in ([], ["t\u00e9xt"])
        return bool(native), any("]52;c;dMOpeHQ=" in one for one in escapes)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        nonlocal there
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", escapes.append)
        prompt = app.chat.query_one(Prompt)
        prompt.text = "t\u00e9xt"
        prompt.select_all()
        assert await asked(app, pilot) == (False, True)  # over SSH
        monkeypatch.delenv("SSH_TTY")
        assert await asked(app, pilot) == (True, False)
        there = False
        assert await asked(app, pilot) == (False, True)

    monkeypatch.setattr(pyperclip, "copy", copy)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    run_app(tiny_model, walk)
