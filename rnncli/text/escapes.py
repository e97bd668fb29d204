"""Strings that stand for any bytes: what is no UTF-8 travels as lone surrogates.

A byte that is no part of a character is U+DC80 to U+DCFF, as Python's ``surrogateescape`` has it. Any
other lone surrogate is the three bytes that ``surrogatepass`` writes. So ``bytes_of(text_of(data)) == data``.
"""

from __future__ import annotations

import codecs
import re

_LONE = re.compile("[\ud800-\udfff]+")
AS_ESCAPES = "rnncli.surrogates"
"""What codecs call this way of decoding and encoding."""


def _handle(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        run = error.object[error.start : error.end]
        return b"".join(map(_bytes_of_lone, run)), error.end
    assert isinstance(error, UnicodeDecodeError)
    three = error.object[error.start : error.start + 3]
    if len(three) == 3 and three[0] == 0xED and 0xA0 <= three[1] <= 0xBF and 0x80 <= three[2] <= 0xBF:
        lone = three.decode("utf-8", "surrogatepass")
        # A written-out U+DC80..U+DCFF must stay three bytes, or it would come back as one.
        if not "\udc80" <= lone <= "\udcff":
            return lone, error.start + 3
    return "".join(chr(0xDC00 + b) for b in error.object[error.start : error.end]), error.end


def _bytes_of_lone(char: str) -> bytes:
    escape = "\udc80" <= char <= "\udcff"
    return bytes([ord(char) - 0xDC00]) if escape else char.encode("utf-8", "surrogatepass")


codecs.register_error(AS_ESCAPES, _handle)


def text_of(data: bytes) -> str:
    """Bytes as text; what is no UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", AS_ESCAPES)


def bytes_of(text: str) -> bytes:
    """The bytes that a text stands for, lone surrogates included."""
    return text.encode("utf-8", AS_ESCAPES)


def has_lone(text: str) -> bool:
    """Whether a lone surrogate is in the text."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def segments(text: str) -> list[tuple[int, str, bool]]:
    """The text cut at its lone surrogates: (start, piece, whether the piece is made of them)."""
    found: list[tuple[int, str, bool]] = []
    at = 0
    for match in _LONE.finditer(text):
        if match.start() > at:
            found.append((at, text[at : match.start()], False))
        found.append((match.start(), match.group(), True))
        at = match.end()
    if at < len(text):
        found.append((at, text[at:], False))
    return found


def without_lone(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, so that places stay the same."""
    return _LONE.sub(lambda match: "\ufffd" * len(match.group()), text) if has_lone(text) else text
