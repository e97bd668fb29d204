"""What might come, as rows of cells behind a cursor, and by words. No Textual here."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from rnncli.text.glyphs import one_each
from rnncli.tui.pad_reports import Written


def lay_out(tokens: Sequence[Written], column: int, width: int, rows: int) -> tuple[list[Written], list[str]]:
    """The first tokens that there is room for, from a column of the first row on, and their rows."""
    tokens = list(tokens)
    while tokens:
        found = _rows("".join(token.text for token in tokens), column, width)
        if len(found) <= rows and tokens[-1].whole:
            return tokens, found
        tokens.pop()
    return [], []


def _rows(text: str, column: int, width: int) -> list[str]:
    found, used = [""], column
    for char in one_each(text).replace("\t", " "):
        cells = cell_len(char)
        if used + cells > width:
            found.append("")
            used = 0
        found[-1] += char
        used += cells
    return found


def first_word(tokens: Sequence[Written]) -> int:
    """How many tokens the first word has: up to a blank after something that is none."""
    seen = ""
    for count, token in enumerate(tokens):
        if seen.strip() and token.text[:1].isspace() and tokens[count - 1].whole:
            return count
        seen += token.text
    return len(tokens)


def whole_words(tokens: Sequence[Written]) -> list[Written]:
    """Without the last word, which may go on; all of them where there is but one."""
    last = max((at for at, token in enumerate(tokens) if token.text[:1].isspace()), default=0)
    return list(tokens[:last] if last else tokens)
