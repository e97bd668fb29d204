"""Make docs/score.svg and docs/chat.svg: what the program shows on a terminal, as it came.

    make pictures

Scores a few sentences with the starter, colours on, and draws the output as SVG; then has a chat with it, looks at a
token, and takes the screen.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from textual.pilot import Pilot

from rnncli.config import SampleConfig
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.prompt import Prompt

SENTENCES = (
    "The old woman opened the door and looked at the sea.",
    "Door the woman old looked sea the opened at and the.",
    "The function returns a list of the names that it was given.",
    "The function returns a spoon of the names that it was given.",
    "Knead the dough until it is smooth, then let it rest.",
)
COLUMNS = 104
CHAT = "The old woman looked at the sea, and said nothing."


def plain_font(svg: str) -> str:
    """No font from the network: the reader's own monospace does."""
    return (
        re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
        .replace("Fira Code, ", "")
        .replace("Fira Code", "monospace")
    )


async def chat() -> str:
    """A chat of one line, the cursor on a token of the answer."""
    app = ChatApp(SampleConfig(seed=11, temperature=0.7, max_tokens=60), Start(model="starter", keep=False))
    async with app.run_test(size=(116, 30)) as pilot:
        await idle(app, pilot)
        app.chat.query_one(Prompt).text = CHAT
        await pilot.press("enter")
        await idle(app, pilot)
        await pilot.press("up", *["left"] * 6)
        await idle(app, pilot)
        return app.export_screenshot(title="rnncli chat")


async def idle(app: ChatApp, pilot: Pilot[None]) -> None:
    """Wait until the model has nothing to do and all of it is shown."""
    for _ in range(3):
        await pilot.pause(0.3)
        while app.performer.busy or app.performer.waiting:
            await pilot.pause(0.05)


def main() -> None:
    Path(__file__).with_name("chat.svg").write_text(plain_font(asyncio.run(chat())), encoding="utf-8")
    environment = {**os.environ, "FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "rnncli", "score", "-m", "starter", "--format", "table"]
    text = "\n".join(SENTENCES) + "\n"
    shown = subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=environment).stdout
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi("$ rnncli score < sentences.txt\n" + shown), soft_wrap=False)
    # No font from the network: the reader's own monospace does.
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="rnncli", code_format=form.replace("Fira Code, ", ""), unique_id="rnncli")
    Path(__file__).with_name("score.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
