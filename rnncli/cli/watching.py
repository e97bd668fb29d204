"""``rnncli train --tui``: a screen in this process, the training in another."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

import typer

from rnncli import library
from rnncli.cli import exits
from rnncli.cli.summary import summary
from rnncli.cli.terminal import has_color, is_terminal, open_terminal, paint, tell, visible
from rnncli.errors import ConfigError, RnncliError

TUI = "--tui"
HINT = "Without one: rnncli train shows a line, rnncli train --json writes events."
START = "import sys; sys.path[:] = {path!r}; from rnncli.__main__ import main; main()"


def watch(ctx: typer.Context, *, corpora: Sequence[str], clashing: Collection[str]) -> None:
    """Train with the same arguments in another process, and show it. Ends as the training does.

    ``clashing``: options given that ask for something else to be shown.
    """
    if clashing:
        raise ConfigError(f"{TUI} and {' and '.join(clashing)} cannot be given together", hint="Choose one.")
    if "-" in corpora and is_terminal(sys.stdin):
        raise ConfigError(f"with {TUI} the keyboard is for its keys", hint="Pipe the corpus in, or name a file.")
    # Piped input is the trainer's, and from here on standard input is the terminal that a person types at.
    piped = os.dup(0) if "-" in corpora and sys.stdin is not None else None
    terminal = open_terminal(f"train {TUI}", HINT)
    if terminal is not None:
        os.dup2(terminal, 0)
        os.close(terminal)
    # A front of its own, beside this one: neither knows the other but by name.
    run = import_module("rnncli.tui").run_training
    _end(run(command(_passed_on(ctx)), stdin=piped))


def command(arguments: Sequence[str]) -> list[str]:
    """The training in another process, which finds its modules where this one does."""
    return [sys.executable, "-c", START.format(path=sys.path), "train", "--json", *arguments]


def _passed_on(ctx: Any) -> list[str]:
    """The command's own arguments as they were given, but for --tui."""
    takes_value = {name for param in ctx.command.params if not getattr(param, "is_flag", True) for name in param.opts}
    return list(without_flag(ctx.meta["arguments"], TUI, takes_value))


def without_flag(arguments: Sequence[str], flag: str, takes_value: Collection[str]) -> Iterator[str]:
    """Arguments without a flag. What follows an option that takes a value is no flag, nor is what follows --."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            yield argument
            yield from rest
        elif argument != flag:
            yield argument
            if argument in takes_value:
                yield from islice(rest, 1)


def _end(trainer: Any) -> None:
    """What ``train`` says at its end, and its exit code."""
    if trainer.done is not None:
        tell(summary(trainer.done, color=has_color("stderr")))
    if trainer.end == "killed":
        folder = trainer.history.folder
        saved = f"Go on with: rnncli train --resume {library.reference(folder)}" if folder else None
        raise RnncliError(f"the training was killed ({trainer.signal_name})", hint=saved)
    if trainer.end == "failed" or (trainer.end == "interrupted" and trainer.done is None):
        label = paint("rnncli: error:", 1, 31, on=has_color("stderr"))
        tell(re.sub("^rnncli: error:", label, visible(trainer.stderr), flags=re.MULTILINE))
    if trainer.code != exits.DONE:
        raise typer.Exit(trainer.code)
