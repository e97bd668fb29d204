"""``rnncli models``: what models there are, and what they are."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from rnncli import library
from rnncli.cli.columns import aligned, human_size, tabbed
from rnncli.cli.options import DebugOption, JsonOption
from rnncli.cli.terminal import draw, has_color, is_terminal, one_line, say, write
from rnncli.errors import ConfigError

ModelArgument = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A model's name or folder.")]
HEADER = ("name", "created", "tokenizer", "size", "nats/char", "corpus")


def list_models(json_: JsonOption = False, debug: DebugOption = False) -> None:
    """List the models in ./models, newest first, and the starter."""
    entries = library.list_models()
    if json_:
        from rnncli.formats import json

        for entry in entries:
            facts = {"name": entry.name, "folder": str(entry.folder), "size": _size(entry), **_facts(entry.config)}
            write(json.dumps(facts) + "\n")
        return
    rows = [_row(entry) for entry in entries]
    if not rows:
        say("there is no model yet; train one: rnncli train CORPUS")
    elif is_terminal(sys.stdout):
        draw(aligned(HEADER, rows, right=(3, 4), color=has_color("stdout")))
    else:
        write(tabbed(HEADER, rows))


def _facts(config: dict[str, Any]) -> dict[str, Any]:
    """What a list needs of config.json; nothing here is relied on, the folder may be anyone's."""
    metrics, tokenizer, corpus = (_mapping(config.get(key)) for key in ("metrics", "tokenizer", "corpus"))
    files = corpus.get("files")
    return {
        "created": config.get("created"),
        "tokenizer": tokenizer.get("kind"),
        "corpus": [str(name) for name in files] if isinstance(files, list) else [],
        "valid": _mapping(metrics.get("valid")) or None,
    }


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _row(entry: library.Entry) -> tuple[str, ...]:
    facts = _facts(entry.config)
    size = _size(entry)
    return (
        entry.name,
        _date(entry.created),
        str(facts["tokenizer"] or "-") if entry.config else "unreadable",
        "-" if size is None else human_size(size),
        _figure(_mapping(facts["valid"]).get("nats_per_char")),
        ", ".join(facts["corpus"]) or "-",
    )


def _size(entry: library.Entry) -> int | None:
    """None for a folder that may not be looked into."""
    try:
        return entry.size
    except OSError:
        return None


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "-"


def _figure(value: Any) -> str:
    try:
        return f"{value:.3f}" if isinstance(value, int | float) else "-"
    except OverflowError:
        return "-"


def show(model: ModelArgument = None, json_: JsonOption = False, debug: DebugOption = False) -> None:
    """Show a model's card and what runs it here, or with --json its config.json."""
    from rnncli.inference.choice import choose_for

    folder = library.resolve(model)
    card = folder / "README.md"
    config = library.entry(folder).config
    engine = choose_for(config)
    if json_ or not card.is_file():
        from rnncli.formats import json

        if not config:  # it is broken: as it is
            write(library.shown(folder / library.CONFIG))
        else:
            write(json.dumps({**config, "engine": {"name": engine.engine, "why": engine.why}}, indent=2) + "\n")
    else:
        write(library.shown(card))
        write(f"\n## On this machine\n\nEngine: {engine.engine} ({engine.why}).\n")


def path(model: ModelArgument = None, debug: DebugOption = False) -> None:
    """Print a model's folder."""
    write(f"{library.resolve(model).absolute()}\n")


def remove(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or folder.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    debug: DebugOption = False,
) -> None:
    """Delete a model, what --resume needs included."""
    if not yes:
        if not is_terminal(sys.stdin):
            raise ConfigError(f"nobody is there to ask whether to remove {model}", hint="Say --yes.")
        if not typer.confirm(one_line(f"Delete the model {model} for good?"), err=True):
            raise typer.Exit(1)
    say(f"removed {library.remove(model)}")
