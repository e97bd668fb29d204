"""Whether a model writes plays: who speaks, found in what it writes. No Textual here."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

NAME = re.compile(r"(?:^|(?<=\n))([^\W\d_a-z][^\n:.?!;\"]{0,29}):([ \t]|\n)")
"""A line's beginning up to its colon, if it is short and begins with a capital."""
FEWEST = 3
"""Speeches in a sample of some hundred tokens, for it to be a play."""


class Play(NamedTuple):
    """How speeches are written: ``NAME:`` and what follows it, and what stands between two of them."""

    names: tuple[str, ...]
    """The most frequent first; two at least."""
    after_name: str
    between: str

    def line(self, speaker: str, text: str, answers: str) -> str:
        """A speech, and the name of who answers it."""
        return f"{speaker}:{self.after_name}{text.strip()}{self.between}{answers}:{self.after_name}"


def find_play(text: str) -> Play | None:
    """The way in which a text has its speakers, or None where it has none."""
    found = list(NAME.finditer(text))
    names = Counter(match.group(1) for match in found)
    lines = sum(1 for line in text.split("\n") if line.strip())
    if len(found) < FEWEST or len(names) < 2 or len(found) < lines / 12:
        return None
    after = Counter("\n" if match.group(2) == "\n" else " " for match in found).most_common(1)[0][0]
    inner = [match for match in found if match.start() > 1]
    blank = sum(text[match.start() - 2 : match.start()] == "\n\n" for match in inner)
    between = "\n\n" if blank * 2 > len(inner) else "\n"
    return Play(tuple(name for name, _ in names.most_common()), after, between)
