"""Lines in the words of n-gram programs: whatever stands between blanks, in every script, and base 10.

A word is out of vocabulary (an OOV) if any part of it is spelled. Its log-probability is that of the word up to its
end (records.WordScore), for there too a word is a whole one; what is left of the line is its end's, ``</s>``. So words
and end add up to the line, but for rounding. Where the line's end does not count, what is left is the last word's,
whose end does not count either. Behind a prefix, the end of the prefix's last word is with ``</s>``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from rnncli.formats.fields import in_base
from rnncli.records import TextScore

END = "</s>"


class SpacedWord(NamedTuple):
    """A word, or the line's end. ``logprob`` has base 10."""

    word: str
    logprob: float
    tokens: int
    spelled: bool = False


class Sums(NamedTuple):
    """Of a line, or of all. Logarithms have base 10; ``words`` has the OOVs in it, and so has ``logprob``."""

    logprob: float = 0.0
    words: int = 0
    ends: int = 0
    oovs: int = 0
    oov_logprob: float = 0.0
    zeros: int = 0
    """Words and ends of probability 0 that are no OOVs."""

    def plus(self, other: Sums) -> Sums:
        return Sums(*(mine + others for mine, others in zip(self, other, strict=True)))  # type: ignore[arg-type]

    @property
    def known_logprob(self) -> float:
        """Without the OOVs."""
        return self.logprob - self.oov_logprob if math.isfinite(self.oov_logprob) else math.nan

    @property
    def perplexity(self) -> float | None:
        """Per word and line end, OOVs included."""
        return perplexity(self.logprob, self.words + self.ends)


class Spaced(NamedTuple):
    """A line: its words and, where it counts, its end."""

    words: tuple[SpacedWord, ...]
    end: SpacedWord | None
    sums: Sums

    @property
    def all(self) -> tuple[SpacedWord, ...]:
        return self.words if self.end is None else (*self.words, self.end)


def spaced(score: TextScore) -> Spaced:
    """A line that was scored with its words."""
    words = list(_joined(score))
    logprob = in_base(score.tally.logprob, "10")
    given = sum(word.logprob for word in words)
    # Of a line of probability 0 it cannot be told what is left.
    rest = logprob - given if math.isfinite(given) else 0.0
    end = None if score.tally.unended else SpacedWord(END, _possible(rest), 1)
    if end is None and words:
        words[-1] = words[-1]._replace(logprob=words[-1].logprob + rest)
    words = [word._replace(logprob=_possible(word.logprob)) for word in words]
    line = Spaced(tuple(words), end, Sums())
    spelled = [word.logprob for word in words if word.spelled]
    zeros = sum(part.logprob == -math.inf and not part.spelled for part in line.all)
    sums = Sums(logprob, len(words), int(end is not None), len(spelled), math.fsum(spelled), zeros)
    return line._replace(sums=sums)


def _joined(score: TextScore) -> Iterator[SpacedWord]:
    """The words of the line, those that touch as one."""
    start = end = tokens = 0
    nats, spelled = 0.0, False
    for word in score.word_scores:
        if word.start != end and start != end:
            yield SpacedWord(score.text[start:end], in_base(nats, "10"), tokens, spelled)
        if word.start != end or start == end:
            start, tokens, nats, spelled = word.start, 0, 0.0, False
        end, tokens, nats, spelled = word.end, tokens + word.tokens, nats + word.logprob, spelled or word.spelled
    if start != end:
        yield SpacedWord(score.text[start:end], in_base(nats, "10"), tokens, spelled)


def _possible(logprob: float) -> float:
    """No probability is above 1: rounding may say so of what is nearly certain."""
    return min(logprob, 0.0)


def perplexity(logprob: float, count: int) -> float | None:
    """None where there is nothing to divide by."""
    if count <= 0:
        return None
    digits = -logprob / count
    return math.inf if digits > 308 else float(10.0**digits)


def number(value: float) -> str:
    """Ten significant digits, as in all text formats here; never a negative zero."""
    return format(value + 0.0, ".10g")
