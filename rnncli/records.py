"""Scores and samples as the core yields them: small frozen records. Logarithms are natural unless a name says bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

LN2 = math.log(2.0)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """A log-probability with everything that it can be divided by. Tallies add up.

    ``words``, ``chars`` and ``bytes`` are of the text as given, without line ends; ``lines`` counts those ends, so
    that each denominator is ``+ lines``: one line's is ``+ 1``. See text/units.py for what a word is.
    """

    logprob: float = 0.0
    tokens: int = 0
    lines: int = 0
    words: int = 0
    chars: int = 0
    bytes: int = 0
    spelled: int = 0
    unended: int = 0
    """Lines whose end is left out of the log-probability and so of every denominator."""
    lossless: bool = True
    """False where the tokenizer loses some of the text (word's <unk>, folded capitals): figures per character and per
    byte would be of another text, so they are None."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            logprob=self.logprob + other.logprob,
            tokens=self.tokens + other.tokens,
            lines=self.lines + other.lines,
            words=self.words + other.words,
            chars=self.chars + other.chars,
            bytes=self.bytes + other.bytes,
            spelled=self.spelled + other.spelled,
            unended=self.unended + other.unended,
            lossless=self.lossless and other.lossless,
        )

    @property
    def ends(self) -> int:
        """Line ends that count."""
        return self.lines - self.unended

    @property
    def perplexity(self) -> float | None:
        """Per word and line end."""
        return _perplexity(self.logprob, self.words + self.ends)

    @property
    def token_perplexity(self) -> float | None:
        return _perplexity(self.logprob, self.tokens)

    @property
    def perplexity1(self) -> float | None:
        """Per word, the line end out of the count: SRILM's ppl1."""
        return _perplexity(self.logprob, self.words)

    @property
    def nats_per_char(self) -> float | None:
        count = self.chars + self.ends
        return -self.logprob / count if self.lossless and count else None

    @property
    def bits_per_char(self) -> float | None:
        nats = self.nats_per_char
        return None if nats is None else nats / LN2

    @property
    def bits_per_byte(self) -> float | None:
        count = self.bytes + self.ends
        return -self.logprob / LN2 / count if self.lossless and count else None


def _perplexity(logprob: float, count: int) -> float | None:
    if not count:
        return None
    nats = -logprob / count
    return math.exp(nats) if nats < 709 else math.inf


class Quality(Protocol):
    """How well a text is predicted: what a Tally comes to, or the same figures as they were written down."""

    @property
    def nats_per_char(self) -> float | None: ...
    @property
    def bits_per_byte(self) -> float | None: ...
    @property
    def perplexity(self) -> float | None: ...
    @property
    def token_perplexity(self) -> float | None: ...


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A Quality as it was written down; what could not be is None."""

    nats_per_char: float | None = None
    bits_per_byte: float | None = None
    perplexity: float | None = None
    token_perplexity: float | None = None


@dataclass(frozen=True, kw_only=True)
class TokenScore:
    """One scored token. ``start`` and ``end`` are code points in the line; the line's end is (len, len)."""

    token: str
    start: int
    end: int
    logprob: float
    rank: int
    """1 is the likeliest."""
    entropy: float
    """Of the model's prediction here, in nats."""

    @property
    def surprisal_bits(self) -> float:
        return (0.0 - self.logprob) / LN2  # of certainty 0, not -0


@dataclass(frozen=True, kw_only=True)
class WordScore:
    """One word of the line (text/units.py) with the pieces that are its own (inference/words.py)."""

    word: str
    start: int
    end: int
    logprob: float
    """Of the word up to its end, given that the one before had ended."""
    pieces_logprob: float
    """Of its tokens, the blank before them among them."""
    tokens: int
    spelled: bool

    @property
    def surprisal_bits(self) -> float:
        return (0.0 - self.logprob) / LN2  # of certainty 0, not -0


@dataclass(frozen=True, kw_only=True)
class TextScore:
    """One line's score. ``tokens`` and ``words`` are empty unless they were asked for."""

    text: str
    tally: Tally
    line: int = 1
    """Number of the line in its file, from 1."""
    file: str | None = None
    beside: tuple[str | float | None, ...] = ()
    """Whatever stands beside the text."""
    token_scores: tuple[TokenScore, ...] = ()
    word_scores: tuple[WordScore, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A piece of sampled text as it streams. ``data`` holds the bytes; ``text`` is what is whole of them so far."""

    text: str
    data: bytes
    id: int
    logprob: float
    """The model's own, at temperature 1 and unfiltered."""
    row: int = 0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A finished sample: the prompt's continuation."""

    prompt: str
    text: str
    data: bytes
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]
    canonical: bool
    """Whether encode(prompt + text) gives these ids at its end, so that score gives their sum."""
    stopped: str
    """Why: 'length', 'line' or 'stop'."""
    seed: int
