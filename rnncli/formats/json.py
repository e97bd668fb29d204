"""One JSON object a line. What JSON cannot say is null; a lone surrogate, which readers refuse, is U+FFFD."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from rnncli.formats.fields import figures, in_base, tally_of
from rnncli.formats.layout import Layout
from rnncli.records import Sample, TextScore, TokenScore, WordScore
from rnncli.text.escapes import has_lone, without_lone

_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """A line of strict JSON in readable UTF-8; indented, several."""
    encoder = _LINE if indent is None else json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent)
    # Nearly all is clean, and to look at each value first takes longer than to write it.
    with suppress(ValueError, TypeError):
        text = encoder.encode(value)
        if not has_lone(text):
            return text
    return encoder.encode(_clean(value))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_lone(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def scores(scores: Iterable[TextScore], layout: Layout) -> Iterator[str]:
    """One object a line of input, with ``token_scores`` and ``word_scores`` in it if asked for."""
    for score in scores:
        value: dict[str, Any] = {
            **figures(score.tally, layout.log_base),
            "line": score.line,
            "file": score.file,
            "text": score.text,
        }
        if layout.columns:
            value["columns"] = dict(zip(layout.columns, score.beside, strict=True))
        if layout.tokens:
            value["token_scores"] = [_token(token, layout) for token in score.token_scores]
        if layout.words:
            value["word_scores"] = [_word(word, layout) for word in score.word_scores]
        yield dumps(value)


def _token(token: TokenScore, layout: Layout) -> dict[str, Any]:
    return {
        "token": token.token,
        "start": token.start,
        "end": token.end,
        "logprob": in_base(token.logprob, layout.log_base),
        "surprisal_bits": token.surprisal_bits,
        "rank": token.rank,
        "entropy": token.entropy,
    }


def _word(word: WordScore, layout: Layout) -> dict[str, Any]:
    return {
        "word": word.word,
        "start": word.start,
        "end": word.end,
        "logprob": in_base(word.logprob, layout.log_base),
        "surprisal_bits": word.surprisal_bits,
        "pieces_logprob": in_base(word.pieces_logprob, layout.log_base),
        "tokens": word.tokens,
        "spelled": word.spelled,
    }


def total(scores: Iterable[TextScore], definition: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """One object for everything."""
    tally = tally_of(scores)
    yield dumps({**figures(tally, layout.log_base), "lines": tally.lines, "definition": definition})


def sample(sample: Sample, copied: tuple[int, str] | None = None) -> str:
    """One object a sample; bytes that are no UTF-8 are U+FFFD in its text. ``copied``: where in the text the longest
    passage begins that stands in a corpus, and the passage.
    """
    names = ("prompt", "text", "ids", "tokens", "logprobs", "canonical", "stopped", "seed")
    value = {name: getattr(sample, name) for name in names}
    if copied is not None:
        value["copied"] = {"start": copied[0], "chars": len(copied[1]), "text": copied[1]}
    return dumps(value)
