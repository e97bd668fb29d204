"""Help and the version at once, from texts that were written beforehand (cli/write_help.py).

To show help Typer must be imported, and every option be made: 100 ms and more. What it prints is the same on every
terminal of 80 columns or more, and in a pipe, so for those it is read from a file. All else goes the long way.
Nothing is imported here that the interpreter has not imported by itself.
"""

from __future__ import annotations

import os
import sys

from rnncli import __version__
from rnncli.cli.commands import Group, find

FOLDER = os.path.join(os.path.dirname(__file__), "help")
HELP = ("-h", "--help")
WIDTH = 80
"""Columns that help fills at most."""


def answer(arguments: list[str]) -> bool:
    """Show what the arguments ask for, if that is written down. False: nothing was shown, go the long way."""
    text = _text(arguments)
    if text is None or sys.stdout is None:
        return False
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError):
        return False  # the long way fails alike, and knows what to say
    return True


def file_of(words: tuple[str, ...]) -> str:
    """Where the help of a command or a group is kept."""
    return os.path.join(FOLDER, "-".join(("rnncli", *words)) + ".txt")


def _text(arguments: list[str]) -> str | None:
    if os.environ.get("_RNNCLI_COMPLETE"):  # a shell asks how its line may go on
        return None
    if arguments == ["--version"]:
        return f"rnncli {__version__}\n"
    asked = bool(arguments) and arguments[-1] in HELP
    words = tuple(arguments[:-1] if asked else arguments)
    found = find(words)
    shown = isinstance(found, Group) or (asked and found is not None)  # a group alone shows its help
    if not shown or not _is_wide():
        return None
    try:
        with open(file_of(words), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _is_wide() -> bool:
    """Whether help is as wide as it gets: shutil.get_terminal_size, by which Typer goes, in short."""
    try:
        columns = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns  # type: ignore[union-attr]
        except (AttributeError, ValueError, OSError):  # no terminal
            columns = 0
    return columns >= WIDTH or columns == 0
