"""The texts that come with the program, and those it can make from what the computer already has."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnncli.errors import CorpusError

_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "box" / "corpora", _PACKAGE.parent / "corpora")
"""In an installed wheel; in a checkout."""


@dataclass(frozen=True)
class BoxText:
    """A text in the box."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True)
class Recipe:
    """A corpus to be made: what it is, and its paragraphs."""

    name: str
    about: str
    paragraphs: Callable[[], Iterator[str]]


def list_texts() -> list[BoxText]:
    """The texts in the box, by name."""
    for folder in _FOLDERS:
        if folder.is_dir():
            paths = sorted(p for p in folder.iterdir() if p.suffix in (".txt", ".log"))
            return [BoxText(path.stem, path, path.stat().st_size) for path in paths]
    return []


def find_text(name: str) -> BoxText:
    """A text in the box, by name, with or without its ending."""
    texts = list_texts()
    for text in texts:
        if name in (text.name, text.path.name):
            return text
    raise CorpusError(
        f"there is no text {name} in the box",
        hint=_suggest(name, [t.name for t in texts], "rnncli corpora list"),
    )


def _python_docs() -> Iterator[str]:
    from rnncli.text.pydocs import paragraphs

    return paragraphs()


RECIPES = (
    Recipe("python-docs", "the language reference and the docstrings of the Python that runs this", _python_docs),
)


def find_recipe(name: str) -> Recipe:
    """A corpus that can be made, by name."""
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    names = [recipe.name for recipe in RECIPES]
    raise CorpusError(f"there is no recipe for {name}", hint=f"These can be made: {', '.join(names)}")


def _suggest(name: str, names: Sequence[str], show_all: str) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]}? {show_all} shows all." if near else f"{show_all} shows what there is."
