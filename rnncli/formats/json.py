"""One JSON object a line. What JSON cannot say is null; a lone surrogate, which readers refuse, is U+FFFD."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from rnncli.formats.fields import figures
from rnncli.records import Sample, Tally, TextScore, TokenScore, WordScore
from rnncli.text.escapes import without_lone


def dumps(value: Any, *, indent: int | None = None) -> str:
    """A line of strict JSON in readable UTF-8; indented, several."""
    return json.dumps(_clean(value), ensure_ascii=False, allow_nan=False, indent=indent)


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


def header(*, tokens: bool = False, words: bool = False) -> Iterator[str]:
    """Nothing: the objects name their fields."""
    yield from ()


def record(score: TextScore, number: int, *, tokens: bool = False, words: bool = False) -> Iterator[str]:
    """One object a line of input, with ``token_scores`` and ``word_scores`` in it if asked for."""
    value: dict[str, Any] = {
        **figures(score.tally),
        "line": score.line,
        "file": score.file,
        "text": score.text,
    }
    if tokens:
        value["token_scores"] = [_token(token) for token in score.token_scores]
    if words:
        value["word_scores"] = [_word(word) for word in score.word_scores]
    yield dumps(value)


def _token(token: TokenScore) -> dict[str, Any]:
    return {
        "token": token.token,
        "start": token.start,
        "end": token.end,
        "logprob": token.logprob,
        "surprisal_bits": token.surprisal_bits,
        "rank": token.rank,
        "entropy": token.entropy,
    }


def _word(word: WordScore) -> dict[str, Any]:
    return {
        "word": word.word,
        "start": word.start,
        "end": word.end,
        "logprob": word.logprob,
        "surprisal_bits": word.surprisal_bits,
        "tokens": word.tokens,
        "spelled": word.spelled,
    }


def total(tally: Tally, definition: Mapping[str, Any]) -> Iterator[str]:
    """One object for everything."""
    yield dumps({**figures(tally), "lines": tally.lines, "definition": definition})


def sample(sample: Sample) -> str:
    """One object a sample; bytes that are no UTF-8 are U+FFFD in its text."""
    names = ("prompt", "text", "ids", "tokens", "logprobs", "canonical", "stopped", "seed")
    return dumps({name: getattr(sample, name) for name in names})
