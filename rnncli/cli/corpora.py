"""``rnncli corpora``: texts in the box, and texts made from what the computer has."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from rnncli.cli.columns import aligned, human_size, tabbed
from rnncli.cli.options import DebugOption, QuietOption
from rnncli.cli.terminal import draw, has_color, is_terminal, say, write, write_bytes
from rnncli.errors import ConfigError, CorpusError, RnncliError


def list_corpora(debug: DebugOption = False) -> None:
    """List the texts in the box and those that can be made."""
    from rnncli.text import box

    header = ("name", "size", "where")
    rows = [(text.name, human_size(text.size), str(text.path)) for text in box.list_texts()]
    rows += [(recipe.name, "-", f"rnncli corpora make {recipe.name}: {recipe.about}") for recipe in box.RECIPES]
    if is_terminal(sys.stdout):
        draw(aligned(header, rows, right=(1,), color=has_color("stdout")))
    else:
        write(tabbed(header, rows))


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A text in the box; with --valid, a model.")],
    valid: Annotated[bool, typer.Option("--valid", help="Print the text a model was validated on.")] = False,
    debug: DebugOption = False,
) -> None:
    """Print a text in the box, or the text that a training held out."""
    path = _valid_text(name) if valid else _box_text(name)
    if is_terminal(sys.stdout):
        write_bytes(path.read_bytes())
        return
    with open(path, "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)


def _box_text(name: str) -> Path:
    from rnncli.text import box

    return box.find_text(name).path


def _valid_text(model: str) -> Path:
    from rnncli import library

    path = library.resolve(model) / "training" / "valid.txt"
    if not path.is_file():
        raise CorpusError(
            f"{path} is not there",
            hint="It is kept where training split it off; --valid FILE is a file of your own.",
        )
    library.check_link(path)
    return path


def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to make: see rnncli corpora list.")],
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Where to; - is stdout. [NAME.txt]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a corpus from what this computer already has."""
    from rnncli.text import box

    recipe = box.find_recipe(name)
    path = Path(out or f"{name}.txt")
    if out != "-" and path.exists() and not overwrite:
        raise ConfigError(f"{path} exists", hint="Use --overwrite, or another --out.")
    say(f"reading {recipe.about}", quiet=quiet)
    data = "\n\n".join(recipe.paragraphs()).encode("utf-8", errors="replace") + b"\n"
    if out == "-":
        write_bytes(data)
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise RnncliError(f"cannot write {path}: {error.strerror or error}") from error
    command = f"rnncli train {shlex.quote(str(path))}"
    say(f"wrote {path} ({human_size(len(data))}); train on it: {command}", quiet=quiet)
