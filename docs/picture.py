"""Make docs/score.svg, docs/chat.svg and docs/train.svg: what the program shows on a terminal, as it came.

    make pictures

Scores a few sentences with the starter, colours on, and draws the output as SVG; has a chat with it, looks at a token,
and takes the screen; trains on the stories in the box for a minute, and takes the screen near the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from textual.pilot import Pilot

from rnncli.cli.watching import command
from rnncli.config import SampleConfig
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.history import History
from rnncli.tui.prompt import Prompt
from rnncli.tui.trainer_process import TrainerProcess
from rnncli.tui.training import TrainingApp

SENTENCES = (
    "The old woman opened the door and looked at the sea.",
    "Door the woman old looked sea the opened at and the.",
    "The function returns a list of the names that it was given.",
    "The function returns a spoon of the names that it was given.",
    "Knead the dough until it is smooth, then let it rest.",
)
COLUMNS = 104
PAD = "The house stood at the end of the road, and nobody had lived in it for years. At night"
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


async def pad() -> str:
    """A pad on which the model has gone on in the middle of a text, and offers how the last line might."""
    app = ChatApp(SampleConfig(seed=4, temperature=0.7, max_tokens=24), Start(model="starter", keep=False))
    async with app.run_test(size=(116, 22)) as pilot:
        await idle(app, pilot)
        await pilot.press("f3")
        await idle(app, pilot)
        area = app.pad.area
        area.insert(PAD)
        await idle(app, pilot)
        await pilot.press("ctrl+g")
        await idle(app, pilot)
        area.insert("\n\nIn the morning the")
        await idle(app, pilot)
        await pilot.press("f7")
        await idle(app, pilot)
        return app.export_screenshot(title="rnncli chat: the pad")


async def scores() -> str:
    """The scores of a few sentences."""
    app = ChatApp(SampleConfig(seed=1), Start(model="starter", keep=False))
    async with app.run_test(size=(116, 24)) as pilot:
        await idle(app, pilot)
        app.show_scores("\n".join(SENTENCES) + "\n")
        await idle(app, pilot)
        return app.export_screenshot(title="rnncli chat: the scores")


async def training() -> str:
    """A training that is nearly at its end."""
    corpora = Path(__file__).resolve().parents[1] / "corpora"
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        texts = [str(corpora / f"{name}-en.txt") for name in ("stories", "dialogue", "howto")]
        trainer = TrainerProcess(command([*texts, "--minutes", "1", "--name", "stories"]), History())
        app = TrainingApp(trainer)
        async with app.run_test(size=(116, 34)) as pilot:
            while trainer.history.step is None or trainer.history.step.progress < 0.8:
                await pilot.pause(0.2)
            screen = app.export_screenshot(title="rnncli train --tui")
        trainer.kill()
        trainer.wait()
    return screen


async def idle(app: ChatApp, pilot: Pilot[None]) -> None:
    """Wait until the model has nothing to do and all of it is shown."""
    for _ in range(3):
        await pilot.pause(0.3)
        while app.performer.busy or app.performer.waiting:
            await pilot.pause(0.05)


def main() -> None:
    Path(__file__).with_name("train.svg").write_text(plain_font(asyncio.run(training())), encoding="utf-8")
    for name, screen in (("chat", chat), ("pad", pad), ("scores", scores)):
        Path(__file__).with_name(f"{name}.svg").write_text(plain_font(asyncio.run(screen())), encoding="utf-8")
    environment = {**os.environ, "FORCE_COLOR": "1"}
    score = [sys.executable, "-m", "rnncli", "score", "-m", "starter", "--format", "table"]
    text = "\n".join(SENTENCES) + "\n"
    shown = subprocess.run(score, input=text, capture_output=True, text=True, check=True, env=environment).stdout
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi("$ rnncli score < sentences.txt\n" + shown), soft_wrap=False)
    # No font from the network: the reader's own monospace does.
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="rnncli", code_format=form.replace("Fira Code, ", ""), unique_id="rnncli")
    Path(__file__).with_name("score.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
