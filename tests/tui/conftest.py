"""Small models and an app over them, without a terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from rnncli.config import SampleConfig
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start

NOTHING_KEPT = Start(keep=False)
Walk = Callable[[ChatApp, Pilot[None]], Coroutine[Any, Any, None]]


async def nothing_waits(pilot: Pilot[None], timeout: float = 20) -> bool:
    """Wait until no widget has a message waiting; False where the app has failed.

    Textual's own way sends each widget a message, which takes longer than all else that a key does.
    """
    app, quiet, end = pilot.app, 0, time.monotonic() + timeout
    while quiet < 4 and app._exception is None:
        await asyncio.sleep(0)
        pumps = (app, *app.screen.walk_children(with_self=True))
        quiet = 0 if any(pump.message_queue_size or pump._next_callbacks for pump in pumps) else quiet + 1
        assert time.monotonic() < end, "messages wait"
    return app._exception is None


async def settle(app: ChatApp, pilot: Pilot[None], seconds: float = 20.0) -> None:
    """Wait until the model is idle and all that it reported is on the screen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.004)
        if app.furnished and not app.performer.busy and not app.performer.waiting:
            await pilot.pause(0.02)
            if not app.performer.busy and not app.performer.waiting:
                return
    raise AssertionError("the model is still busy")


async def pause(pilot: Pilot[None], delay: float | None = None) -> None:
    """As a pilot's own, but it waits for messages where that waits for the processor, which a model may keep busy."""
    await nothing_waits(pilot)
    await asyncio.sleep(delay or 0)
    await nothing_waits(pilot)
    pilot.app.screen._on_timer_update()


def screen_text(app: App[None]) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def run_app(
    model: Path, walk: Walk, *, size: tuple[int, int] = (120, 30), start: Start = NOTHING_KEPT, **settings: Any
) -> ChatApp:
    """An app over a model's folder, walked through by a pilot and left."""
    start = start._replace(model=str(model))
    app = ChatApp(SampleConfig(**{"seed": 1, "max_tokens": 30, **settings}), start)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(app, pilot)
            await walk(app, pilot)

    asyncio.run(run())
    assert app.performer.wait(5)
    return app


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves by itself, and a key is not waited for until the processor rests, for the model may not let it.

    Textual waits for that up to two seconds after each key.
    """
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("SSH_TTY", "/dev/pts/0")  # what tests copy stays out of the clipboard of who runs them
    monkeypatch.setattr("textual.app.wait_for_idle", lambda *_: asyncio.sleep(0.001))
    monkeypatch.setattr("textual.screen.UPDATE_PERIOD", 0.1)  # what no test looks at is drawn less often
    monkeypatch.setattr(Pilot, "_wait_for_screen", nothing_waits)
    monkeypatch.setattr(Pilot, "pause", pause)
    monkeypatch.setattr("textual._animator.Animator.wait_until_complete", lambda *_: asyncio.sleep(0))
    monkeypatch.setattr("rnncli.tui.conversation.PROBE", 20)
    monkeypatch.setattr("rnncli.tui.app.HERTZ", 200)
