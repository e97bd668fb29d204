"""The three screens as they were when somebody last looked at them: `make snapshots` takes them anew.

A snapshot is the text of the screen, and under it a letter for the background of each cell: ``.`` for the one that most
have. The model is made for the purpose, so that it writes the same on any machine.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from textual.pilot import Pilot
from textual.widgets import TextArea

from rnncli.config import SampleConfig
from rnncli.tui import conversation, pad_writing
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from tests.tui.casting import Cast
from tests.tui.walking import hurried, settle

FOLDER = Path(__file__).with_name("snapshots")
SIZES = [(60, 20), (100, 30), (160, 50)]
TEXT = "ANNA: Well?\nBERT: I will go.\nCARL: Xyz!\n"


def taken(app: ChatApp) -> str:
    """The screen as a snapshot has it."""
    strips = app.screen._compositor.render_strips()
    cells = [
        [(char, str(segment.style and segment.style.bgcolor)) for segment in strip for char in segment.text]
        for strip in strips
    ]
    usual = Counter(paper for line in cells for _, paper in line).most_common(1)[0][0]
    letters = {usual: "."}
    text, papers = [], []
    for line in cells:
        shown = "".join(char for char, _ in line)
        text.append(shown.rstrip())
        papers.append("".join(letters.setdefault(paper, chr(ord("a") + len(letters) - 1)) for _, paper in line))
    return "\n".join([*text, "", *papers]) + "\n"


async def screens(app: ChatApp, pilot: Pilot[None]) -> dict[str, str]:
    """All three in all sizes."""
    await pilot.press(*"Well", "enter")
    await settle(app, pilot)
    await pilot.press("up", "left", "left")
    await settle(app, pilot)
    await pilot.press("f3")
    await settle(app, pilot)
    app.pad.area.insert("BERT: I ")
    await settle(app, pilot)
    await pilot.press("ctrl+g")
    await settle(app, pilot)
    app.show_scores(TEXT)
    await settle(app, pilot)
    found = {}
    for name in ("chat", "pad", "scores"):
        app.action_show(name)
        for area in app.screen.query(TextArea):
            area.cursor_blink = False
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await settle(app, pilot)
            await pilot.pause(0.1)
            await settle(app, pilot)
            found[f"{name}-{size[0]}x{size[1]}"] = taken(app)
    return found


def test_the_screens_are_as_they_were(tmp_path: Path) -> None:
    found: dict[str, str] = {}

    async def run() -> None:
        app = ChatApp(SampleConfig(seed=3, max_tokens=30), Start(model="play", keep=False))
        async with app.run_test(size=SIZES[0]) as pilot:
            await settle(app, pilot)
            found.update(await screens(app, pilot))

    clock = SimpleNamespace(monotonic=lambda: 0.0)  # how many tokens a second differs from time to time
    with hurried(Cast(), tmp_path), patch.object(conversation, "time", clock), patch.object(pad_writing, "time", clock):
        asyncio.run(run())
    if os.environ.get("RNNCLI_SNAPSHOTS") == "write":
        for name, shown in found.items():
            (FOLDER / f"{name}.txt").write_text(shown, encoding="utf-8")
    kept = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt")}
    assert sorted(found) == sorted(kept)
    for name, shown in found.items():
        assert shown.splitlines() == kept[name].splitlines(), f"{name}: look at it, then make snapshots"
