"""The keys as a person wants them: a TOML file with ids of bindings and keys, ``chat.again = "ctrl+r"``.

It lies where programs keep what a person set (XDG's configuration folder). Key names are Textual's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rnncli.errors import ConfigError

HEAD = """# The keys of rnncli chat and train --tui. Take away a line's # and change its keys; several as here:
# chat.again = "ctrl+r,f10"
"""


def path() -> Path:
    """Where the file is, or would be."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "rnncli" / "keys.toml"


def read() -> dict[str, str]:
    """Ids of bindings and their keys; empty where there is no file. A ConfigError where it cannot be read."""
    file = path()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    import tomllib

    try:
        return dict(_flat(tomllib.loads(text), ""))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is no TOML: {error}") from error


def _flat(table: dict[str, Any], name: str) -> list[tuple[str, str]]:
    found = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{name}{key}.")
        elif isinstance(value, str) and value.strip(" ,"):
            found.append((name + key, ",".join(part.strip() for part in value.split(",") if part.strip())))
        else:
            raise ConfigError(f'{path()}: {name}{key} must be keys in quotes, as "ctrl+r"')
    return found


def bindings() -> dict[str, tuple[str, str]]:
    """Of each binding that has an id: its keys and what it does."""
    from textual.binding import Binding

    from rnncli.tui import app, chat, next_panel, pad, pad_area, prompt, scores, settings, side, token_view, training

    found: dict[str, tuple[str, str]] = {}
    for module in (app, chat, prompt, token_view, side, next_panel, settings, pad, pad_area, scores, training):
        for kind in [one for one in vars(module).values() if isinstance(one, type)]:
            for owner in kind.__mro__:
                if not owner.__module__.startswith("rnncli."):
                    continue
                for one in owner.__dict__.get("BINDINGS", ()):
                    if isinstance(one, Binding) and one.id:
                        found[one.id] = (one.key, one.description)
    return found


def check(keymap: Mapping[str, str]) -> None:
    """A ConfigError where an id is none."""
    there = bindings()
    for name in keymap:
        if name not in there:
            close = get_close_matches(name, there, 1)
            hint = f"Is it {close[0]}?" if close else "The palette's 'Remap keys' writes a file with all there are."
            raise ConfigError(f"{path()}: there is no {name}", hint=hint)


def write_all() -> Path:
    """Write the file with everything that can be set, commented out; where there is one, it is left alone."""
    file = path()
    if not file.exists():
        lines, group = [HEAD], ""
        for name, (keys, what) in sorted(bindings().items()):
            if name.partition(".")[0] != group:
                group = name.partition(".")[0]
                lines.append("")
            lines.append(f'# {name} = "{keys}"  # {what}')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
