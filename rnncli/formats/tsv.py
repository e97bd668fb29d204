r"""Tab-separated tables: a header, then a row a line, never quoted.

In text a backslash is ``\\``, a tab ``\t``, a newline ``\n``, a carriage return ``\r``; other control
characters and line separators are ``\x1b`` or, above 127, ``\u0085``; a byte that is no UTF-8 is ``\xNN``,
any other lone surrogate ``\uNNNN``. So a row is always one line and nothing is lost. Numbers have ten
significant digits; what has no value is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from rnncli.errors import ConfigError
from rnncli.formats.fields import SCORE_FIELDS, figures, in_base, tally_of
from rnncli.formats.json import dumps
from rnncli.formats.layout import Layout
from rnncli.records import TextScore

LINE_COLUMNS = (*SCORE_FIELDS, "line", "file", "text")
# The first four are the ones that psycholinguistic tools know; surprisal is in bits, from 1 are both ids.
TOKEN_COLUMNS = (
    "sentence_id",
    "token_id",
    "token",
    "surprisal",
    "start",
    "end",
    "logprob",
    "rank",
    "entropy",
)
WORD_COLUMNS = (
    "sentence_id",
    "token_id",
    "token",
    "surprisal",
    "start",
    "end",
    "logprob",
    "tokens",
    "spelled",
    "pieces_logprob",
)

Cell: TypeAlias = str | float | int | None
_SPECIAL = re.compile("[\x00-\x1f\\\\\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAMED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def escape(text: str) -> str:
    """The text as it stands in a cell."""
    return _SPECIAL.sub(_escape_one, text)


def _escape_one(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return format(value, ".10g")
    return escape(value) if isinstance(value, str) else str(int(value))


def _row(*values: Cell) -> str:
    return "\t".join(map(_cell, values))


def row(values: Iterable[Cell]) -> str:
    """Cells as they stand in a table."""
    return _row(*values)


def scores(scores: Iterable[TextScore], layout: Layout) -> Iterator[str]:
    """A row for each line, or one for each of its tokens or words; sentences are numbered from 1."""
    if layout.tokens and layout.words:
        raise ConfigError("one table cannot hold both --tokens and --words", hint="--format json does.")
    if layout.header:
        names = TOKEN_COLUMNS if layout.tokens else WORD_COLUMNS if layout.words else LINE_COLUMNS
        yield _row(*names, *layout.columns)
    for number, score in enumerate(scores, start=1):
        if layout.tokens:
            rows = token_rows(number, score, layout.log_base)
        elif layout.words:
            rows = word_rows(number, score, layout.log_base)
        else:
            rows = iter([(*figures(score.tally, layout.log_base).values(), score.line, score.file, score.text)])
        yield from (_row(*row, *score.beside) for row in rows)


def token_rows(number: int, score: TextScore, base: str) -> Iterator[tuple[Cell, ...]]:
    for i, t in enumerate(score.token_scores, start=1):
        logprob = in_base(t.logprob, base)
        yield number, i, t.token, t.surprisal_bits, t.start, t.end, logprob, t.rank, t.entropy


def word_rows(number: int, score: TextScore, base: str) -> Iterator[tuple[Cell, ...]]:
    for i, w in enumerate(score.word_scores, start=1):
        logprob, pieces = in_base(w.logprob, base), in_base(w.pieces_logprob, base)
        yield number, i, w.word, w.surprisal_bits, w.start, w.end, logprob, w.tokens, w.spelled, pieces


def total(scores: Iterable[TextScore], definition: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """A header and one row for everything; the definition is one cell of JSON."""
    tally = tally_of(scores)
    if layout.header:
        yield _row(*SCORE_FIELDS, "lines", "definition")
    yield _row(*figures(tally, layout.log_base).values(), tally.lines, dumps(definition))


def rows(names: Sequence[str], values: Iterable[Sequence[Cell]], *, header: bool) -> Iterator[str]:
    """A table of anything: the names of its columns, then a row each."""
    if header:
        yield _row(*names)
    yield from (_row(*row) for row in values)
