"""Characters that an editor cannot hold, as characters that it can: one for each, so that all places stay the same.

A control character has no width, some end a line for Python where none ends for a model, and a lone surrogate cannot
be written to a terminal. In the editor each stands as a private character of plane 15, which shows as a glyph. (That
a text has such characters of its own, which stand for nothing by their definition, is not provided for.)
"""

from __future__ import annotations

import re

from rnncli.text.glyphs import STEERING, visible

PLANE = 0xF0000
_LINE_ENDS = re.compile("\r\n?")
_SEPARATORS = ("\u2028", "\u2029")
"""Line ends to Python's splitlines, and to nobody else here."""


_HIDDEN = sorted({*STEERING, *map(ord, _SEPARATORS)})
_IN = {code: PLANE + code for code in _HIDDEN}
_OUT = {PLANE + code: code for code in _HIDDEN}


def _glyph(code: int) -> str:
    shown = visible(chr(code))
    return shown if len(shown) == 1 and chr(code) not in _SEPARATORS else "\ufffd"


_GLYPHS = {PLANE + code: _glyph(code) for code in _HIDDEN}


def held(text: str) -> str:
    """A text as an editor holds it; its lines end in newlines only."""
    text = _LINE_ENDS.sub("\n", text)
    return text if text.isascii() and text.isprintable() else text.translate(_IN)


def meant(text: str) -> str:
    """The text that an editor's text stands for."""
    return text if text.isascii() else text.translate(_OUT)


def shown(text: str) -> str:
    """An editor's text as it shows, character for character."""
    return text if text.isascii() else text.translate(_GLYPHS)
