"""Tab-separated input: which column is the text, and what stands beside it."""

from __future__ import annotations

from collections.abc import Sequence

from rnncli.errors import ConfigError, CorpusError
from rnncli.inference.plan import Line

_DIGITS = 20
"""More than the number of any column has; of very many Python makes no number."""


class TextColumn:
    """Takes the text, and a prefix if one is named, out of rows. All cells but the text's go beside it, a label too.

    A column is a number from 1, or a name: then the first line of each file names the columns, the same in every
    file. Cells are taken as they are: no quotes, no escapes.
    """

    def __init__(
        self, text: str, prefix: str | None = None, label: str | None = None, *, or_plain: bool = False
    ) -> None:
        """``or_plain``: a file whose first line has no tab may hold texts alone, a line each."""
        self._wanted = (text, prefix, label)
        self._or_plain, self._plain = or_plain, False
        self._named = any(column is not None and not column.isdecimal() for column in self._wanted)
        self._header: tuple[str, ...] | None = None
        self._width = 0
        self._places: tuple[int, int | None] = (0, None)
        self._document: tuple[str | None, int] | None = None
        self.names: tuple[str, ...] = ()
        """Of the cells beside the text, known after the first row."""
        self.label_place: int | None = None
        """Which of them is the label, known then too."""

    def like(self) -> TextColumn:
        """The same for another text, which may have no columns at all."""
        return TextColumn(*self._wanted, or_plain=True)

    def take(self, line: Line) -> Line | None:
        """The text of a row as a line; None for a header. A CorpusError names a row of another width."""
        cells = line.text.split("\t")
        fresh = line.origin != self._document
        self._document = line.origin
        if fresh:
            self._plain = self._or_plain and len(cells) == 1 and cells[0] != self._wanted[0]
        if self._plain:
            if len(cells) > 1:
                raise _wrong(line, f"has {_columns(len(cells))}, the first line none")
            return line
        if not self._width:
            self._begin(line, cells)
        if self._named and fresh:
            if tuple(cells) != self._header:
                raise _wrong(line, f"has the columns {', '.join(cells)}, not {', '.join(self._header or ())}")
            return None
        if len(cells) != self._width:
            raise _wrong(line, f"has {_columns(len(cells))}, not {self._width}")
        text, prefix = self._places
        beside = tuple(cell for i, cell in enumerate(cells) if i != text)
        return line._replace(text=cells[text], prefix="" if prefix is None else cells[prefix], beside=beside)

    def _begin(self, line: Line, cells: Sequence[str]) -> None:
        self._width = len(cells)
        self._header = tuple(cells) if self._named else tuple(f"column_{i + 1}" for i in range(len(cells)))
        text, prefix, label = self._wanted
        self._places = self._find(text, line), None if prefix is None else self._find(prefix, line)
        others = [i for i in range(len(cells)) if i != self._places[0]]
        self.names = tuple(self._header[i] for i in others)
        if label is not None:
            place = self._find(label, line)
            if place == self._places[0]:
                raise ConfigError(f"column {label} cannot be the label and the text", hint="Name another column.")
            self.label_place = others.index(place)

    def _find(self, column: str, line: Line) -> int:
        assert self._header is not None
        if column in self._header:
            return self._header.index(column)
        place = _place(column)
        if place is not None and place <= self._width:
            return place - 1
        if column.isdecimal():
            raise _wrong(line, f"has {_columns(self._width)} and no column {column}"[:500])
        raise _wrong(line, f"has no column named {column}; it has {', '.join(self._header)}"[:500])


def _place(column: str) -> int | None:
    """The number of a column, from 1; None where it is no such number, or one that no row has room for."""
    place = int(column) if column.isdecimal() and len(column.lstrip("0")) < _DIGITS else 0
    return place or None


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _wrong(line: Line, problem: str) -> CorpusError:
    hint = "Columns are separated by tabs, and every row has the same number of them."
    return CorpusError(f"{line.file or 'standard input'}, line {line.number} {problem}", hint=hint)
