"""Tokens as the lines of a screen: wrapped at words, found again by place. No Textual here.

A cell is a column of the terminal; a wide character takes two, a combining one none. Appending lays out no more than
the last line anew, so that a text of any length can grow a token at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len

from rnncli.text.glyphs import visible

TAB = "    "


class Piece(NamedTuple):
    """What of a token stands on one line. ``column``: its first cell; ``width``: how many it takes."""

    token: int
    text: str
    column: int
    width: int


class _Cell(NamedTuple):
    token: int
    text: str
    width: int


class Layout:
    """The lines of a growing row of tokens, ``width`` cells wide. ``texts``: each token's own, as it shows."""

    def __init__(self, width: int) -> None:
        self.width = max(2, width)
        self.texts: list[str] = []
        self.lines: list[list[Piece]] = [[]]
        self._starts: list[tuple[int, int]] = [(0, 0)]
        """Of each line: its first token, and how many of that token's characters stand before it."""

    def append(self, texts: Iterable[str]) -> int:
        """Add tokens; the first line that changed is returned."""
        first = len(self.lines) - 1
        self.texts += [visible(text).replace("\t", TAB) for text in texts]
        self._lay_out(first)
        return first

    def cut(self, tokens: int) -> int:
        """Keep so many tokens; the first line that changed is returned."""
        if tokens >= len(self.texts):
            return len(self.lines)
        del self.texts[tokens:]
        # The line that the first token gone began on, or the one before: its last word may have been pushed down.
        first = max(0, bisect_right(self._starts, (tokens, -1)) - 2)
        self._lay_out(first)
        return first

    def resize(self, width: int) -> None:
        """Lay all out anew."""
        self.width = max(2, width)
        self._lay_out(0)

    def place(self, token: int) -> tuple[int, int]:
        """Line and column of a token's first cell."""
        line = max(0, bisect_right(self._starts, (token, 0)) - 1)
        for number in range(line, len(self.lines)):
            for piece in self.lines[number]:
                if piece.token == token:
                    return number, piece.column
                if piece.token > token:
                    return number, 0
        return len(self.lines) - 1, 0

    def at(self, line: int, column: int) -> int | None:
        """The token in a cell; right of a line's end its last one; None where there is no line."""
        if not 0 <= line < len(self.lines) or not self.lines[line]:
            return None
        for piece in self.lines[line]:
            if column < piece.column + piece.width:
                return piece.token
        return self.lines[line][-1].token

    def plain(self, line: int) -> str:
        """A line's text."""
        return "".join(piece.text for piece in self.lines[line])

    def _lay_out(self, first: int) -> None:
        token, offset = self._starts[first]
        del self.lines[first:], self._starts[first:]
        line: list[_Cell] = []
        width, word = 0, 0  # of the line; where in it the last word begins
        begin = (token, offset)
        for cell, here in self._cells(token, offset):
            if cell.text == "\n":
                line.append(_Cell(cell.token, "", 0))
                self._end(line, begin)
                line, width, word, begin = [], 0, 0, (here[0], here[1] + 1)
                continue
            blank = cell.text == " "
            while width + cell.width > self.width and not blank and line:
                rest = line[word:] if word else []
                self._end(line[:word] if word else line, begin)
                begin = self._start_of(rest, here)
                line, width, word = rest, sum(one.width for one in rest), 0
            if blank and width >= self.width:
                cell = cell._replace(text="", width=0)  # a space at the edge hangs over it
            line.append(cell)
            width += cell.width
            if blank or cell.width == 2:
                word = len(line)
        self._end(line, begin)

    def _cells(self, token: int, offset: int) -> Iterator[tuple[_Cell, tuple[int, int]]]:
        """Every character from a place on, and where it stands."""
        for number in range(token, len(self.texts)):
            text = self.texts[number]
            for at in range(offset, len(text)):
                yield _Cell(number, text[at], cell_len(text[at])), (number, at)
            offset = 0

    def _start_of(self, rest: list[_Cell], here: tuple[int, int]) -> tuple[int, int]:
        """Where the cells of a word begin that was moved to a new line, ``here`` being the place after them."""
        if not rest:
            return here
        token = rest[0].token
        same = sum(cell.token == token for cell in rest)
        before = here[1] if here[0] == token else len(self.texts[token])
        return token, before - same

    def _end(self, cells: list[_Cell], begin: tuple[int, int]) -> None:
        """Make a line of its cells."""
        pieces: list[Piece] = []
        column = 0
        for cell in cells:
            if pieces and pieces[-1].token == cell.token:
                last = pieces[-1]
                pieces[-1] = last._replace(text=last.text + cell.text, width=last.width + cell.width)
            else:
                pieces.append(Piece(cell.token, cell.text, column, cell.width))
            column += cell.width
        self.lines.append(pieces)
        self._starts.append(begin)
