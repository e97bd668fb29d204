"""A corpus from the running Python: its language reference, and the docstrings of its standard library.

Sources are parsed, never imported, so nothing runs. One Python gives one text.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sysconfig
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from rnncli.errors import CorpusError

_SKIPPED = {
    "__pycache__", "site-packages", "dist-packages", "lib-dynload", "test", "tests", "idle_test", "idlelib",
    "lib2to3", "turtledemo", "ensurepip", "pydoc_data", "encodings", "__phello__", "_vendor",
}  # fmt: skip
_SHORTEST = 60
"""Code points; below this a docstring is mostly a repetition of its function's name."""

_RULE = re.compile(r"^\s*([=*~^\-_\"'+#.])\1{2,}\s*$")
_ITEM = re.compile(r" *(?:[*+-]|\d+[.)]) +(?=\S)")
_LIST = re.compile(r"^\s*(?:[*+-]|\d+[.)]|>>>|\.\.\.|\||::=)(?:\s|$)")


def paragraphs() -> Iterator[str]:
    """The corpus by paragraphs, each without the line ends that a narrow page needed."""
    found = False
    for text in chain(_topics(), _docstrings()):
        found = True
        yield from clean(text)
    if not found:
        raise CorpusError("this Python comes without its reference and without the sources of its library")


def _topics() -> Iterator[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name in sorted(topics):
        yield topics[name]


def _docstrings() -> Iterator[str]:
    root = Path(sysconfig.get_path("stdlib"))
    seen: set[str] = set()
    for path in _sources(root):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for name, doc in _docs_of(path, module):
            if len(doc) >= _SHORTEST and doc not in seen:
                seen.add(doc)
                yield f"{name}\n\n{doc}"


def _sources(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith("config-"))
        for file in sorted(files):
            if file.endswith(".py") and not file.startswith("_sysconfigdata"):
                yield Path(folder, file)


def _docs_of(path: Path, module: str) -> Iterator[tuple[str, str]]:
    """Dotted names and cleaned docstrings, in the order of the source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    yield from _docs_in(tree, module)


def _docs_in(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        doc = ast.get_docstring(node, clean=False)
        if doc:
            yield name, inspect.cleandoc(doc)
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _docs_in(child, f"{name}.{child.name}")


def clean(text: str) -> Iterator[str]:
    """Paragraphs of a text: prose on one line, code and lists as they stand, ruled lines left out."""
    for block in re.split(r"\n\s*\n", text.expandtabs().replace("\r", "")):
        lines = [line.rstrip() for line in block.split("\n") if line.strip() and not _RULE.match(line)]
        if not lines:
            continue
        margin = " " * (len(lines[0]) - len(lines[0].lstrip())) if _ITEM.match(lines[0]) else ""
        unwrapped = _is_prose(lines) or _is_item(lines)
        yield margin + " ".join(line.strip() for line in lines) if unwrapped else "\n".join(lines)


def _is_item(lines: list[str]) -> bool:
    """Whether these lines are one entry of a list, its later lines set in."""
    start = _ITEM.match(lines[0])
    return start is not None and all(re.match(rf" {{{start.end()}}}\S", line) for line in lines[1:])


def _is_prose(lines: list[str]) -> bool:
    indents = {len(line) - len(line.lstrip()) for line in lines}
    return len(indents) == 1 and not any(_LIST.match(line) for line in lines) and max(map(len, lines)) > 40
