"""In what pieces lines are read: windows that bound memory and waiting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple

WINDOW_LINES = 2048
WINDOW_CHARS = 3 << 15
"""More would gain nothing, and leave one thread with a long window at the end while the others have none."""
FIRST_WINDOW = 32
"""Lines of the first window; each is twice the one before, so that the first answers come soon."""

FEW_TOKENS, MANY_TOKENS = 1024, 16384
LOGITS = 1 << 26
"""Log-probabilities that one advance may need, tokens times vocabulary: 256 MiB of float32."""


class Line(NamedTuple):
    """A line to score, without its end. Bytes that are no UTF-8 stand in ``text`` as surrogate escapes."""

    text: str
    file: str | None = None
    number: int = 1
    document: int = 0
    """Tells apart files that come one after the other under one name."""
    prefix: str = ""
    """What stands before the text: read and not counted."""
    beside: tuple[str, ...] = ()
    """Goes into the score as it is."""

    @property
    def asked(self) -> tuple[str, str]:
        """What the score of the line alone depends on."""
        return self.prefix, self.text

    @property
    def origin(self) -> tuple[str | None, int]:
        """Whose context the line stands in."""
        return self.file, self.document


class Flush(Enum):
    """Nothing more is waiting now: what was sent before is answered at once."""

    FLUSH = "flush"


FLUSH: Final = Flush.FLUSH


def windows(
    lines: Iterable[Line | Flush],
    *,
    skip_empty: bool = False,
    most_lines: int = WINDOW_LINES,
    most_chars: int = WINDOW_CHARS,
) -> Iterator[list[Line] | Flush]:
    """The lines in order, some at a time: bounded in lines and characters, and never held beyond a FLUSH."""
    limit = min(FIRST_WINDOW, most_lines)
    window: list[Line] = []
    chars = 0
    for line in lines:
        if isinstance(line, Line):
            if skip_empty and not line.text:
                continue
            window.append(line)
            chars += len(line.prefix) + len(line.text)
        if window and (line is FLUSH or len(window) >= limit or chars >= most_chars):
            yield window
            window, chars = [], 0
            limit = limit if line is FLUSH else min(limit * 2, most_lines)
        if line is FLUSH:
            yield FLUSH
    if window:
        yield window


def tokens_at_once(vocab_size: int) -> int:
    """How many tokens PyTorch should be given at once: fewer for a large vocabulary, whose predictions are wide."""
    return min(max(LOGITS // max(vocab_size, 1), FEW_TOKENS), MANY_TOKENS)
