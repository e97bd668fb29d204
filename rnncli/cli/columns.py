"""Rows in aligned columns for a person, or separated by tabs for a program."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rnncli.cli.terminal import one_line, paint


def width(text: str) -> int:
    """Terminal cells: two for a wide character, none for a mark or a joiner."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), color: bool) -> str:
    """Lines with a header; the columns in ``right`` are set to the right, the last column is never padded."""
    table = [list(header), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(width(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [
            _pad(cell, w, i in right, last=i == len(row) - 1)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines[0] = paint(lines[0], 1, on=color)
    return "\n".join(lines) + "\n"


def _pad(cell: str, cells: int, right: bool, *, last: bool) -> str:
    space = " " * (cells - width(cell))
    return space + cell if right else cell if last else cell + space


def tabbed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of cells separated by tabs, the header first."""
    return "".join("\t".join(one_line(cell) for cell in row) + "\n" for row in (header, *rows))


def human_size(count: float) -> str:
    """``3.1 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def human_count(count: float) -> str:
    """``1.9M``."""
    if count < 1000:
        return f"{count:.0f}"
    for unit in ("k", "M", "G"):
        count /= 1000
        if count < 1000 or unit == "G":
            return f"{count:.3g}{unit}"
    raise AssertionError
