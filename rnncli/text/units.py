"""What a word, a character and a byte are when a score is divided by them.

A word is a whitespace-separated piece, punctuation attached. In scripts that put no spaces between words
each letter is a word: those are listed here as code points, and the tokenizers split by the same list.
Punctuation and combining marks in such a run belong to the letter before them; where nothing stands before,
to the letter after. So 「春眠。」 is 「春 and 眠。」, and a Thai vowel sign stays with its consonant.
"""

from __future__ import annotations

import re

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
_HAS_LETTER = re.compile(f"[{SPACELESS_CLASS}]")
_LETTER_RUN = re.compile(f"[{SPACELESS_CLASS}]+")
_ATTACHED = f"[^\\w\\s{SPACELESS_CLASS}]"
# The lookbehind keeps it linear: punctuation is tried from its first character only.
_RUN = re.compile(f"(?<!{_ATTACHED}){_ATTACHED}*+[{SPACELESS_CLASS}](?:[{SPACELESS_CLASS}]|{_ATTACHED})*+")
_WORD = re.compile(f"{_ATTACHED}*+[{SPACELESS_CLASS}]{_ATTACHED}*+|[^\\s{SPACELESS_CLASS}]++")
_PIECE = re.compile(r"\S+")


def count_words(text: str) -> int:
    """How many words ``word_spans`` would find, several times as fast."""
    if text.isascii() or not _HAS_LETTER.search(text):
        return len(text.split())
    rest, _ = _RUN.subn(" ", text)
    others = _LETTER_RUN.sub("", text)
    return len(text) - len(others) + len(rest.split())


def distinct_words(text: str) -> set[str]:
    """The words of a text, each once; in scripts without spaces the bare letters."""
    if text.isascii() or not _HAS_LETTER.search(text):
        return set(text.split())
    rest = _RUN.sub(" ", text).split()
    return set(rest).union(*_LETTER_RUN.findall(text))


def count(text: str) -> tuple[int, int, int]:
    """Words, code points and UTF-8 bytes. A byte that is no UTF-8 (a surrogate escape) counts as one."""
    return count_words(text), len(text), len(text) if text.isascii() else len(bytes_of(text))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each word, in order."""
    spaceless = not text.isascii() and _HAS_LETTER.search(text)
    return [match.span() for match in (_WORD if spaceless else _PIECE).finditer(text)]
