"""The pad over a model that scores and does not write."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from rnncli.inference.reproducing import reproduce
from rnncli.tui import conversation
from rnncli.tui.app import ChatApp
from tests.conftest import train_small
from tests.tui.conftest import run_app
from tests.tui.pads import follow, quick, settle, write
from tests.tui.test_screens import goes_to, save

__all__ = ["quick"]


@pytest.fixture(scope="module")
def backward_model(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that scores and does not write."""
    folder = tmp_path_factory.mktemp("models") / "backward"
    return train_small(tiny_corpus, folder, steps=2, direction="backward", unit="lines")


def test_a_pad_under_a_model_that_does_not_write(
    tiny_model: Path, backward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "PROBE", 1)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await goes_to(app, pilot, "f3", "pad")
        await pilot.press(*"the")
        await pilot.pause(0.1)
        await settle(app, pilot)
        assert not app.revisions.steps
        assert [note.severity for note in app._notifications] == ["information"]
        await pilot.press("ctrl+g")
        await settle(app, pilot)
        assert app.pad.writing is None
        assert app.revisions.text == "the"
        assert [note.severity for note in app._notifications] == ["information", "error"]
        for key in ("f9", "f8", "f7", "escape"):
            await pilot.press(key)
            await settle(app, pilot)
        path = tmp_path / "pad.txt"
        await save(app, pilot, path)
        assert path.read_text() == "the"
        assert len([note for note in app._notifications if note.severity == "error"]) == 1
        app.open_model(str(tiny_model))
        await follow(app, pilot)
        await write(app, pilot)
        text = app.revisions.text
        assert text.startswith("the")
        assert len(text) > 3
        assert not reproduce(app.draft.story, app.draft.node)
        app.open_model(str(backward_model))
        await settle(app, pilot)
        await pilot.press("x")
        await settle(app, pilot)
        assert app.revisions.text == text + "x"
        assert app.draft.nodes == []

    run_app(backward_model, walk)
