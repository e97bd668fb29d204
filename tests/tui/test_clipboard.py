"""Where a copied text goes."""

from __future__ import annotations

from pathlib import Path

import pyperclip
import pytest
from textual.pilot import Pilot

from rnncli.tui.app import ChatApp
from rnncli.tui.prompt import Prompt
from tests.tui.conftest import run_app


@pytest.mark.parametrize("where", ["here", "over SSH", "no clipboard"])
def test_the_systems_clipboard_is_asked_first_and_the_terminal_where_there_is_none(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    native: list[str] = []
    escapes: list[str] = []

    def copy(text: str) -> None:
        if where == "no clipboard":
            raise pyperclip.PyperclipException("none")
        native.append(text)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", escapes.append)
        prompt = app.chat.query_one(Prompt)
        prompt.text = "t\u00e9xt"
        prompt.select_all()
        await pilot.press("ctrl+c")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.clipboard == "t\u00e9xt"
        assert any(one.message.startswith("copied") for one in app._notifications)

    monkeypatch.setattr(pyperclip, "copy", copy)
    if where != "over SSH":
        monkeypatch.delenv("SSH_TTY")
        monkeypatch.delenv("SSH_CONNECTION", raising=False)
    run_app(tiny_model, walk)
    asked = any("]52;c;dMOpeHQ=" in one for one in escapes)
    assert (native, asked) == ((["t\u00e9xt"], False) if where == "here" else ([], True))
