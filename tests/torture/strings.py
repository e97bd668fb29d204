"""Hostile strings through every tokenizer: nothing is lost, whatever way a text is cut, batched or looked at."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.escapes import bytes_of, text_of, without_lone
from rnncli.text.tokenizers import TOKENIZERS, Encoding, Tokenizer, train_tokenizer
from rnncli.text.tokenizers.word import UNKNOWN
from tests.torture.hostile_text import PLAIN, hostile, long_text
from tests.torture.parts import Tried

KINDS: tuple[TokenizerKind, ...] = tuple(TOKENIZERS)
TOGETHER = 100
"""Strings of one tokenizer that are encoded at once."""
LONG_EVERY = 50
"""Batches of a tokenizer between two that hold a long text."""
SHOWN = 120
_WORD = re.compile(r"[^ \t-\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,256}")


def encode(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many strings, the same number for each kind; a fifth goes through tokenizers that fold capitals."""
    for number in range(-(-count // TOGETHER)):
        kind = KINDS[number % len(KINDS)]
        turn = number // len(KINDS)
        tokenizer = tokenizer_of(kind, lowercase=turn % 5 == 4)
        r = random.Random(f"{seed}:{number}")
        texts = [hostile(r) for _ in range(TOGETHER)]
        if turn % LONG_EVERY == 3:
            texts[-1] = long_text(r)
        lost = list(losses(tokenizer, texts, r))
        yield from (Tried(f"batch {number}, {kind}: {what}") for what in lost)
        yield Tried(times=TOGETHER - len(lost))


@cache
def tokenizer_of(kind: TokenizerKind, *, lowercase: bool) -> Tokenizer:
    """One that knows some of the hostile characters and sequences, and the words of a text."""
    r = random.Random(kind)
    blocks = [PLAIN * 3, *(hostile(r) for _ in range(200))]
    return train_tokenizer(blocks, TokenizerConfig(kind=kind, vocab_size=400, lowercase=lowercase))


@cache
def _known_words() -> frozenset[str]:
    tokenizer = tokenizer_of("word", lowercase=False)
    return frozenset(map(tokenizer.token, range(tokenizer.vocab_size)))


def losses(tokenizer: Tokenizer, texts: list[str], r: random.Random) -> Iterator[str]:
    """What is wrong with a text, at most one thing each."""
    sizes = [r.choice((1, 2, 7, 40, 4000)) if len(text) < 2000 else 50_000 for text in texts]
    cuts = [list(tokenizer.cut(text, size)) for text, size in zip(texts, sizes, strict=True)]
    pieces = iter(tokenizer.encode_batch([piece for pieces in cuts for piece in pieces]))
    for text, together, cut in zip(texts, tokenizer.encode_batch(texts), cuts, strict=True):
        parts = [next(pieces) for _ in cut]
        try:
            what = _loss(tokenizer, text, together, cut, parts)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
        if what:
            yield f"{what}: {text[:SHOWN]!a} ({len(text)} code points)"


def _loss(tokenizer: Tokenizer, text: str, ids: np.ndarray, cut: list[str], parts: list[np.ndarray]) -> str:
    kept = text if tokenizer.joined else without_lone(text)
    data = bytes_of(text)
    same = text_of(data)
    if bytes_of(same) != data:
        return "its bytes do not stand for themselves"
    if not np.array_equal(tokenizer.encode(text), ids):
        return "ids in a batch differ"
    if "".join(cut) != kept:
        return "cutting changes it"
    if not np.array_equal(np.concatenate([ids[:0], *parts]), ids):
        return f"ids of its pieces differ: {[len(piece) for piece in cut][:SHOWN]}"
    if len(ids) and not 0 <= ids.min() <= ids.max() < tokenizer.vocab_size:
        return "an id is out of range"
    if int((ids == tokenizer.newline_id).sum()) != text.count("\n"):
        return "a newline is no token of its own"
    return (
        _places(text, tokenizer.analyse(text), ids, whole=tokenizer.joined)
        or _back(tokenizer, text, ids, data, same)
        or ("a token has no name" if not all(map(tokenizer.token, set(ids.tolist()))) else "")
    )


def _places(text: str, found: Encoding, ids: np.ndarray, *, whole: bool) -> str:
    starts, ends = found.starts, found.ends
    if not np.array_equal(found.ids, ids):
        return "ids with places differ"
    if not len(starts) == len(ends) == len(found.spelled) == len(ids):
        return "arrays of places are not as long as the ids"
    if not len(ids):
        return "it has no token" if whole and text else ""
    if (starts >= ends).any() or starts.min() < 0 or ends.max() > len(text):
        return "a place is empty or outside"
    if (starts[1:] < starts[:-1]).any():
        return "places go back"
    reach = np.maximum.accumulate(ends)
    if whole and (starts[0] != 0 or reach[-1] != len(text) or (starts[1:] > reach[:-1]).any()):
        return "places leave something out"
    return ""


def _back(tokenizer: Tokenizer, text: str, ids: np.ndarray, data: bytes, same: str) -> str:
    """What comes of decoding: where nothing is lost, the bytes, and the text that stands for them."""
    if tokenizer.lossless:
        if tokenizer.decode_bytes(ids) != data:
            return "decoding gives other bytes"
        return "" if tokenizer.decode(ids) == same else "decoding gives another text"
    if not np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids) and not tokenizer.lowercase:
        return "its decoded words have other ids"
    if tokenizer.joined or tokenizer.lowercase:
        return ""
    known = _known_words()
    lines = [_WORD.findall(line) for line in without_lone(text).split("\n")]
    wanted = "\n".join(" ".join(word if word in known else UNKNOWN for word in line) for line in lines)
    return "" if tokenizer.decode(ids) == wanted else "its words are not those between blanks"
