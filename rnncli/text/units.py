"""What a word, a character and a byte are when a score is divided by them.

A word is a whitespace-separated piece, punctuation attached. In scripts that put no spaces between words
each letter is a word: those are listed here as code points, and the tokenizers split by the same list.
Punctuation and combining marks in such a run belong to the letter before them; where nothing stands before,
to the letter after. So 「春眠。」 is 「春 and 眠。」, and a Thai vowel sign stays with its consonant.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from rnncli.text.escapes import bytes_of

SPACELESS = (
    (0x0E01, 0x0E30), (0x0E32, 0x0E33), (0x0E40, 0x0E46),  # Thai: letters, without marks and digits
    (0x0E81, 0x0EB0), (0x0EB2, 0x0EB3), (0x0EBD, 0x0EBD), (0x0EC0, 0x0EC6), (0x0EDC, 0x0EDF),  # Lao
    (0x0F00, 0x0F00), (0x0F40, 0x0F6C), (0x0F88, 0x0F8C),  # Tibetan
    (0x1000, 0x102A), (0x103F, 0x103F), (0x1050, 0x1055), (0x105A, 0x105D), (0x1061, 0x1061),  # Myanmar
    (0x1065, 0x1066), (0x106E, 0x1070), (0x1075, 0x1081), (0x108E, 0x108E), (0xA9E0, 0xA9E4),
    (0xA9E6, 0xA9EF), (0xA9FA, 0xA9FE), (0xAA60, 0xAA76), (0xAA7A, 0xAA7A), (0xAA7E, 0xAA7F),
    (0x1780, 0x17B3), (0x17D7, 0x17D7), (0x17DC, 0x17DC),  # Khmer
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C),  # 々 〆 〇 and their like
    (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF),  # kana
    (0xFF66, 0xFF9F), (0x1AFF0, 0x1AFFE), (0x1B000, 0x1B167),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9),  # Han
    (0x20000, 0x2FA1D), (0x30000, 0x33479),
)  # fmt: skip
"""First and last code points of the letters that are words by themselves."""

SPACELESS_CLASS = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in SPACELESS)
"""The same, to stand between the brackets of a ``re`` pattern."""


class _Patterns(NamedTuple):
    run: re.Pattern[str]
    """Letters that are words by themselves, with what is attached to them."""
    word: re.Pattern[str]


@cache
def _letters() -> re.Pattern[str]:
    return re.compile(f"[{SPACELESS_CLASS}]+")


@cache  # compiling them takes 10 ms, which only a text that needs them should pay
def _patterns() -> _Patterns:
    letter, attached = f"[{SPACELESS_CLASS}]", f"[^\\w\\s{SPACELESS_CLASS}]"
    return _Patterns(
        # The lookbehind keeps it linear: punctuation is tried from its first character only.
        run=re.compile(f"(?<!{attached}){attached}*+{letter}(?:{letter}|{attached})*+"),
        word=re.compile(f"{attached}*+{letter}{attached}*+|[^\\s{SPACELESS_CLASS}]++"),
    )


_PIECE = re.compile(r"\S+")
_BLANK = re.compile(r"\s")
LONG = 1 << 20
"""Code points that are counted at once."""


_ASCII = bytes(range(128))


def _spaceless(text: str) -> bool:
    """Whether one of those letters is in it, and for bytes that are no text now and then where none is.

    The search takes 33 ns a character, so that it is made among the few that are not ASCII: 3 ns.
    """
    if text.isascii():
        return False
    others = bytes_of(text).translate(None, _ASCII)
    return _letters().search(others.decode(errors="surrogateescape")) is not None


def count_words(text: str) -> int:
    """How many words ``word_spans`` would find, several times as fast."""
    if not _spaceless(text):
        return len(text.split())
    rest = _patterns().run.sub(" ", text)
    others = _letters().sub("", text)
    return len(text) - len(others) + len(rest.split())


class WordCount:
    """The number of words of a text that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self.words = 0
        self._tail = ""

    def add(self, piece: str) -> None:
        if not piece:
            return
        self.words += count_words(piece)
        if self._tail and not piece[0].isspace():  # the cut may have been in a word: undo what it did
            head = piece[:64]
            self.words += count_words(self._tail + head) - count_words(self._tail) - count_words(head)
        self._tail = "" if piece[-1].isspace() else piece[-64:]


def distinct_words(text: str) -> set[str]:
    """The words of a text, each once; in scripts without spaces the bare letters."""
    if not _spaceless(text):
        return set(text.split())
    rest = _patterns().run.sub(" ", text).split()
    return set(rest).union(*_letters().findall(text))


def count(text: str) -> tuple[int, int, int]:
    """Words, code points and UTF-8 bytes. A byte that is no UTF-8 (a surrogate escape) counts as one.

    A long text is counted in pieces: its words, all at once, would take several times its memory.
    """
    if len(text) <= LONG:
        return count_words(text), len(text), _size(text)
    words, size, start = WordCount(), 0, 0
    while start < len(text):
        end = _after_blank(text, start, start + LONG)
        words.add(text[start:end])
        size += _size(text[start:end])
        start = end
    return words.words, len(text), size


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(bytes_of(text))


def _after_blank(text: str, start: int, stop: int) -> int:
    """The place behind the last blank before ``stop``, if there is one near: no word goes on from there."""
    near = max(start, stop - 1000)
    blanks = [match.end() for match in _BLANK.finditer(text, near, stop)]
    return blanks[-1] if blanks else min(stop, len(text))


def stand_in(word: str) -> str:
    """One character of a word, which goes on with whatever follows as the whole word does."""
    letter = _letters().search(word) if _spaceless(word) else None
    found = letter or re.search(r"\w", word)
    return found.group()[0] if found else word[0]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each word, in order."""
    pattern = _patterns().word if _spaceless(text) else _PIECE
    return [match.span() for match in pattern.finditer(text)]


def lines_in_words(count: int) -> str:
    """So many lines, for a message."""
    return "1 line" if count == 1 else f"{count:,} lines"
