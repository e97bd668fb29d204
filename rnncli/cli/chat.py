"""``rnncli chat``: the terminal app."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from rnncli.cli.fields import config_options
from rnncli.cli.options import DebugOption, DeviceOption, EngineOption, ModelOption, ThreadsOption
from rnncli.cli.terminal import open_terminal
from rnncli.config import SampleConfig, validate
from rnncli.errors import ConfigError

MOST_PIPED = 1 << 20
"""Bytes of a text piped in: every token of it is shown and can be questioned."""


@config_options(SampleConfig, defaults=True)
def chat(
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A model's name or folder, as with -m.")] = None,
    model: ModelOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last chat with this model.")] = False,
    chat_file: Annotated[
        Path | None, typer.Option("--chat", metavar="FILE", help="Go on with a chat that was saved as .json.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep the chat, for --resume ($XDG_STATE_HOME/rnncli/chats).")
    ] = True,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    debug: DebugOption = False,
    *,
    given: Mapping[str, Any],
) -> None:
    """Write with a model in turns, and see what it expects. Text piped in is how it begins."""
    if name is not None and model is not None:
        raise ConfigError("MODEL and -m cannot be given together")
    config = validate(SampleConfig(**given))
    opening = _take_terminal()
    # A front of its own, beside this one: neither knows the other but by name.
    run = import_module("rnncli.tui").run_chat
    how = {"device": device, "engine": engine, "threads": threads}
    resumed = resume or chat_file is not None
    run(config, model=name or model, opening=opening, resume=resumed, chat=chat_file, keep=keep, how=how)


def _take_terminal() -> str:
    """Text piped in; after it, standard input is the terminal that a person types at."""
    hint = "Without one: rnncli sample writes, rnncli score scores."
    terminal = open_terminal("chat", hint)
    if terminal is None:
        return ""
    data = sys.stdin.buffer.read(MOST_PIPED + 1) if sys.stdin is not None else b""
    if len(data) > MOST_PIPED:
        raise ConfigError(f"chat takes at most {MOST_PIPED >> 20} MB of text", hint="rnncli score has no limit.")
    os.dup2(terminal, 0)
    os.close(terminal)
    return data.decode("utf-8", "surrogateescape")
