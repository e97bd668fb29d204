"""Where two texts part, and where a text can be taken apart. No Textual here."""

from __future__ import annotations

from typing import AnyStr

from rnncli.text.escapes import text_of

NEWLINE, SPACE = 10, 32


def byte_size(char: str) -> int:
    """Bytes of a character; of a lone surrogate that stands for one, one."""
    if char < "\x80" or "\udc80" <= char <= "\udcff":
        return 1
    return 2 if char < "\u0800" else 3 if char < "\U00010000" else 4


def common(a: AnyStr, b: AnyStr) -> int:
    """How much two texts begin with in common; halving compares far faster than a loop."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low


def parts(data: bytes, end: int) -> bool:
    """Whether a text can be read in two parts here: after a newline, or where a space or nothing follows a word."""
    if end == 0 or data[end - 1] == NEWLINE:
        return True
    if end < len(data) and data[end] != SPACE:
        return False
    return not text_of(data[max(0, end - 4) : end])[-1:].isspace()
