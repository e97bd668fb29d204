"""A line's record from what the model thought of its tokens."""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple

from rnncli.inference.reading import Reading
from rnncli.inference.words import word_scores
from rnncli.records import Tally, TextScore, TokenScore
from rnncli.text.tokenizers.base import Encoding, Tokenizer
from rnncli.text.units import count


class Wish(NamedTuple):
    """What of a line is asked for."""

    tokens: bool
    words: bool
    end: bool = True
    """Whether the line's end counts."""

    @property
    def want(self) -> Literal["targets", "details"]:
        return "details" if self.tokens or self.words else "targets"


def line_tally(text: str, logprob: float, tokens: int, spelled: int, *, end: bool, lossless: bool) -> Tally:
    """One line's."""
    words, chars, size = count(text)
    return Tally(
        logprob=logprob,
        tokens=tokens,
        lines=1,
        unended=int(not end),
        words=words,
        chars=chars,
        bytes=size,
        spelled=spelled,
        lossless=lossless,
    )


def with_details(
    score: TextScore, encoding: Encoding, reading: Reading, wish: Wish, tokenizer: Tokenizer, *, follows: bool
) -> TextScore:
    """The score with its tokens and words, if they are wanted. ``follows``: see words.word_scores."""
    tokens: tuple[TokenScore, ...] = ()
    if wish.tokens:
        counted = len(reading.logprobs) - (not wish.end)
        tokens = _token_scores(len(score.text), encoding, reading.part(0, counted), tokenizer)
    words = word_scores(score.text, encoding, reading, follows=follows) if wish.words else ()
    return dataclasses.replace(score, token_scores=tokens, word_scores=words)


def _token_scores(length: int, encoding: Encoding, reading: Reading, tokenizer: Tokenizer) -> tuple[TokenScore, ...]:
    assert reading.ranks is not None
    assert reading.entropies is not None
    return tuple(
        TokenScore(token=token, start=start, end=end, logprob=logprob, rank=rank, entropy=entropy)
        for token, start, end, logprob, rank, entropy in zip(
            [*map(tokenizer.token, encoding.ids.tolist()), "\n"],
            [*encoding.starts.tolist(), length],
            [*encoding.ends.tolist(), length],
            reading.logprobs.tolist(),
            reading.ranks.tolist(),
            reading.entropies.tolist(),
            strict=False,  # the end may not count
        )
    )
