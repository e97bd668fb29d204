"""What shows in the place of what would steer a terminal: control characters from a model or a text."""

from __future__ import annotations

_SEPARATORS = (0x2028, 0x2029)
"""Ends of lines to some terminals, of no width to others."""
_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_GLYPHS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{code: f"<U+{code:04X}>" for code in (*range(0x80, 0xA0), *_SEPARATORS, *_BIDI)},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
STEERING = frozenset(_GLYPHS)
"""Code points that may not go to a terminal as they are."""
_ONE_EACH = {
    **{code: glyph if len(glyph) == 1 else "\ufffd" for code, glyph in _GLYPHS.items()},
}


def visible(text: str) -> str:
    """The text with what steers a terminal replaced by what shows; newline and tab stay."""
    return text.translate(_GLYPHS)


def one_line(text: str) -> str:
    """The text visible, on one line."""
    return visible(" ".join(text.split("\n"))).replace("\t", " ")


def one_each(text: str) -> str:
    """The text visible, a character for a character, so that places stay the same; other ends of lines show too."""
    return text.translate(_ONE_EACH)
