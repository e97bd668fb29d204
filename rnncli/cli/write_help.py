"""Writes down what cli/instant.py shows: ``make help``, after any change of a command or an option."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from rnncli.cli.app import run
from rnncli.cli.commands import all_words
from rnncli.cli.instant import FOLDER, WIDTH, file_of


def texts() -> dict[Path, str]:
    """Each file and what belongs into it: the help of a command or a group, as Typer prints it."""
    return {Path(file_of(words)): _printed(*words, "--help") for words in all_words()}


def _printed(*arguments: str) -> str:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = run(arguments)
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
    if code:
        raise RuntimeError(f"rnncli {' '.join(arguments)} ended with {code}")
    return out.getvalue()


def main() -> None:
    """Write all files anew; those of commands that are no more go."""
    new = texts()
    folder = Path(FOLDER)
    folder.mkdir(exist_ok=True)
    for old in set(folder.iterdir()) - set(new):
        old.unlink()
    for path, text in new.items():
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
