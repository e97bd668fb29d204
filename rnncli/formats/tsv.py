r"""Tab-separated tables: a header, then a row a line, never quoted.

In text a backslash is ``\\``, a tab ``\t``, a newline ``\n``, a carriage return ``\r``; other control
characters and line separators are ``\x1b`` or, above 127, ``\u0085``; a byte that is no UTF-8 is ``\xNN``,
any other lone surrogate ``\uNNNN``. So a row is always one line and nothing is lost. Numbers have ten
significant digits; what has no value is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rnncli.errors import ConfigError
from rnncli.formats.fields import SCORE_FIELDS, figures
from rnncli.formats.json import dumps
from rnncli.records import Tally, TextScore

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
)

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


def _cell(value: str | float | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return format(value, ".10g")
    return escape(value) if isinstance(value, str) else str(int(value))


def _row(*values: str | float | int | None) -> str:
    return "\t".join(map(_cell, values))


def header(*, tokens: bool = False, words: bool = False) -> Iterator[str]:
    """The names of the columns: of a table of lines, of tokens, or of words."""
    if tokens and words:
        raise ConfigError("one table cannot hold both --tokens and --words", hint="--format json does.")
    yield "\t".join(TOKEN_COLUMNS if tokens else WORD_COLUMNS if words else LINE_COLUMNS)


def record(score: TextScore, number: int, *, tokens: bool = False, words: bool = False) -> Iterator[str]:
    """A row for the line, or one for each of its tokens or words; ``number`` is the sentence_id of those."""
    if tokens:
        for i, t in enumerate(score.token_scores, start=1):
            places = (t.start, t.end)
            yield _row(number, i, t.token, t.surprisal_bits, *places, t.logprob, t.rank, t.entropy)
    elif words:
        for i, w in enumerate(score.word_scores, start=1):
            yield _row(number, i, w.word, w.surprisal_bits, w.start, w.end, w.logprob, w.tokens, w.spelled)
    else:
        yield _row(*figures(score.tally).values(), score.line, score.file, score.text)


def total(tally: Tally, definition: Mapping[str, Any]) -> Iterator[str]:
    """A header and one row for everything; the definition is one cell of JSON."""
    yield "\t".join((*SCORE_FIELDS, "lines", "definition"))
    yield _row(*figures(tally).values(), tally.lines, dumps(definition))
