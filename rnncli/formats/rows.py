"""Scores as flat rows: plain dicts by the names of columns, as a DataFrame takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from rnncli.errors import ConfigError
from rnncli.formats.fields import figures
from rnncli.formats.tsv import TOKEN_COLUMNS, WORD_COLUMNS, Cell, token_rows, word_rows
from rnncli.records import TextScore

Of: TypeAlias = Literal["texts", "tokens", "words"]
PIECES: dict[str, tuple[Sequence[str], Callable[[int, TextScore, str], Iterator[tuple[Cell, ...]]]]] = {
    "tokens": (TOKEN_COLUMNS, token_rows),
    "words": (WORD_COLUMNS, word_rows),
}


def rows(scores: Iterable[TextScore], of: Of = "texts") -> list[dict[str, Any]]:
    """A row for each text, or for each of its tokens or words, under the names that JSON and TSV have.

    ``texts``: logprob (nats), tokens, words, chars, bytes, perplexity, bits_per_byte and so on, line, file, text.
    ``tokens``, ``words``: sentence_id and token_id (from 1), token, surprisal (bits), start, end (code points), logprob
    (nats), then rank (1 is the likeliest) and entropy (nats), or tokens, spelled and pieces_logprob (nats).
    """
    if of == "texts":
        return [_text(score) for score in scores]
    if of not in PIECES:
        raise ConfigError(f"rows are of texts, tokens or words; got {of}")
    names, expand = PIECES[of]
    return [
        dict(zip(names, row, strict=True))
        for number, score in enumerate(_checked(scores, of), start=1)
        for row in expand(number, score, "e")
    ]


def _text(score: TextScore) -> dict[str, Any]:
    return {**figures(score.tally), "line": score.line, "file": score.file, "text": score.text}


def _checked(scores: Iterable[TextScore], of: Of) -> Iterator[TextScore]:
    """A text with tokens of which none is there was scored without them."""
    for score in scores:
        if getattr(score.tally, of) and not (score.token_scores if of == "tokens" else score.word_scores):
            raise ConfigError(f"these scores hold no {of}", hint=f"Score with {of}=True.")
        yield score
