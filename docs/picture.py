"""Make docs/score.svg: what the program shows on a terminal, as it came.

    python docs/picture.py

Scores a few sentences with the starter, colours on, and draws the output as SVG.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

SENTENCES = (
    "The old woman opened the door and looked at the sea.",
    "Door the woman old looked sea the opened at and the.",
    "The function returns a list of the names that it was given.",
    "The function returns a spoon of the names that it was given.",
    "Knead the dough until it is smooth, then let it rest.",
)
COLUMNS = 104


def main() -> None:
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
