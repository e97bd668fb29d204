"""Figures of scored lines, and what of them shows as tint. No Textual widgets here."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rnncli.records import LN2, Tally, TextScore, TokenScore
from rnncli.text.glyphs import visible
from rnncli.tui import tint

MOST_WORDS = 50
"""Words listed."""
WIDEST_NUMBER = 12


class Run(NamedTuple):
    """Characters that are tinted alike: surprisal_step, or difference_step where two are compared."""

    start: int
    end: int
    level: int


class WordLook(NamedTuple):
    """A word, its bits by each, and by how much it is out of the ordinary."""

    weight: float
    bits: Sequence[float]
    start: int
    text: str


class LineLook(NamedTuple):
    """A line's scores, one or the two that are compared, and what follows from them."""

    scores: Sequence[TextScore]
    runs: Sequence[Run]
    words: Sequence[WordLook]


class Place(NamedTuple):
    """A word of the text."""

    row: int
    word: WordLook


class Whole(NamedTuple):
    """Sums over the rows scored so far, of all there are, and the words to look at, the first the most."""

    tallies: Sequence[Tally]
    rows: int
    of: int
    places: Sequence[Place]

    def in_words(self) -> str:
        """How far it is, or what it came to."""
        if not self.of:
            return ""
        if self.rows < self.of:
            return f"{self.rows:,} of {self.of:,} lines"
        per_char = self.tallies[0].bits_per_char
        lines = f"{self.of:,} line{'s' * (self.of != 1)}"
        return lines if per_char is None else f"{lines}, {per_char:.3f} bits/char"


class Sum:
    """Adds up lines to the whole."""

    def __init__(self, lines: Sequence[str], *, compared: bool) -> None:
        self._of, self._rows = len(lines), 0
        self._tallies = [Tally()] * (2 if compared else 1)
        self._heap: list[tuple[float, int, int, WordLook]] = []

    def add(self, rows: Iterable[tuple[int, LineLook]]) -> None:
        """Add lines and their rows."""
        for row, look in rows:
            self._rows += 1
            self._tallies = [tally + score.tally for tally, score in zip(self._tallies, look.scores, strict=True)]
            for word in look.words:
                entry = word.weight, -row, -word.start, word  # of equal ones the first in the text
                if len(self._heap) < MOST_WORDS:
                    heapq.heappush(self._heap, entry)
                elif entry > self._heap[0]:
                    heapq.heapreplace(self._heap, entry)

    def whole(self) -> Whole:
        """As it is now."""
        places = [Place(-row, word) for _, row, _, word in sorted(self._heap, reverse=True)]
        return Whole(self._tallies, self._rows, self._of, places)


def look_of(scores: Sequence[TextScore], *, by_words: bool) -> LineLook:
    """What shows of a line's scores."""
    if len(scores) == 1:
        levels = [(span, tint.surprisal_step(bits)) for span, bits in _bits(scores[0], by_words=False).items()]
    else:
        one, other = (_bits(score, by_words=by_words) for score in scores)
        levels = [(span, tint.difference_step(other[span] - one[span])) for span in one]
    return LineLook(scores, _runs(levels), _words(scores))


def _bits(score: TextScore, *, by_words: bool) -> dict[tuple[int, int], float]:
    """Surprisal by place. The byte tokens of one character are one: all have its place."""
    found: dict[tuple[int, int], float] = {}
    for part in score.word_scores if by_words else score.token_scores:
        if part.start < part.end:
            span = part.start, part.end
            found[span] = found.get(span, 0.0) + part.surprisal_bits
    return found


def _runs(levels: Iterable[tuple[tuple[int, int], int]]) -> list[Run]:
    """Those with a tint, joined where they touch and are alike."""
    runs: list[Run] = []
    for (start, end), level in levels:
        if runs and runs[-1].end == start and runs[-1].level == level:
            runs[-1] = runs[-1]._replace(end=end)
        elif level:
            runs.append(Run(start, end, level))
    return runs


def _words(scores: Sequence[TextScore]) -> list[WordLook]:
    found = []
    for parts in zip(*(score.word_scores for score in scores), strict=True):
        bits = [part.surprisal_bits for part in parts]
        weight = bits[0] if len(bits) == 1 else abs(bits[1] - bits[0])
        found.append(WordLook(weight, bits, parts[0].start, parts[0].word))
    return sorted(found, key=lambda word: (-word.weight, word.start))[:MOST_WORDS]


def shift(runs: Sequence[Run], old: str, new: str) -> list[Run]:
    """Where the runs of a line go when it is edited: what it keeps at both ends keeps its tint."""
    limit = min(len(old), len(new))
    head = next((i for i in range(limit) if old[i] != new[i]), limit)
    tail = next((i for i in range(limit - head) if old[-1 - i] != new[-1 - i]), limit - head)
    moved, rest = len(new) - len(old), len(old) - tail
    found = []
    for start, end, level in runs:
        if start < head:
            found.append(Run(start, min(end, head), level))
        if end > rest:
            found.append(Run(max(start, rest) + moved, end + moved, level))
    return found


# -- in words


def figures(tally: Tally) -> list[tuple[str, str]]:
    """The figures of a score, each with its name."""
    return [
        ("bits/char", _number(tally.bits_per_char, 3)),
        ("word ppl", _number(tally.perplexity, 2)),
        ("tokens", f"{tally.tokens:,}"),
        ("logprob", _number(tally.logprob, 2)),
    ]


def _number(value: float | None, places: int) -> str:
    if value is None:
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    shown = f"{value:,.{places}f}"
    return shown if len(shown) <= WIDEST_NUMBER else f"{value:.3e}"


def table(heads: Sequence[str], tallies: Sequence[Tally | None]) -> str:
    """Figures in columns, those of None empty."""
    names = [name for name, _ in figures(Tally())]
    columns = [[""] * len(names) if tally is None else [value for _, value in figures(tally)] for tally in tallies]
    rows = [f"{'':9}" + "".join(f" {clipped(head):>{WIDEST_NUMBER}}" for head in heads)]
    for name, *values in zip(names, *columns, strict=True):
        rows.append(f"{name:9}" + "".join(f" {value:>{WIDEST_NUMBER}}" for value in values))
    return "\n".join(rows)


def clipped(name: str, width: int = WIDEST_NUMBER) -> str:
    """A name in so many characters."""
    name = visible(name)
    return name if len(name) <= width else name[: width - 1] + "…"


def tokens_at(score: TextScore, column: int) -> list[TokenScore]:
    """The tokens that a character is of, several where they are its bytes; behind the last the line's end."""
    length = len(score.text)
    if column >= length:
        return [token for token in score.token_scores[-1:] if token.start == token.end == length]
    return [token for token in score.token_scores if token.start <= column < token.end]


def described(tokens: Sequence[TokenScore]) -> str:
    """Tokens in words: bits, rank and entropy; bytes of one character add up."""
    if not tokens:
        return ""
    bits = sum(token.surprisal_bits for token in tokens)
    ranks = "+".join(f"{token.rank:,}" for token in tokens)
    entropy = sum(token.entropy for token in tokens) / LN2
    return f"{bits:.2f} bits, rank {ranks}, entropy {entropy:.2f}"
