"""Prompt healing: what a prompt's last piece may turn out to be, and how likely each of those is.

A prompt that ends in "the ca" was hardly meant to end a token there. Its last pre-token is taken back, and
the model draws a cover instead: tokens whose bytes, one after the other, agree with the bytes taken back and
then may go on. The covers are weighed as wholes, not a token at a time: that would pick the space that begins
a spelled word far too often, because its probability is that of all rare words together, few of which begin
as this one does (compare the prefix covers of Vieira et al. 2024). The search is a beam; a path whose mass is
below a thousandth of what is found already is left out.
"""

from __future__ import annotations

import dataclasses
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.config import SampleConfig
from rnncli.inference.decoding import distribution, draw
from rnncli.inference.engine import Engine, Floats, Ids, State, select
from rnncli.text.escapes import bytes_of
from rnncli.text.tokenizers.base import Encoding, Tokenizer

BEAM = 8
NEGLIGIBLE = math.log(1e-3)
LONGEST_PIECE = 64
BOUNDARY = re.compile(r"(?<=\n)|(?<=\S)(?= )")


@dataclass(frozen=True)
class Pieces:
    """Every token's bytes, sorted, so that the tokens that begin with some bytes are a slice."""

    data: tuple[bytes, ...]
    ids: Ids
    joined: bool
    """Whether tokens follow one another without a space: not those of the word tokenizer."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Pieces:
        barred = {tokenizer.newline_id, *unsampled(tokenizer)}
        pairs = sorted((tokenizer.decode_bytes([i]), i) for i in range(tokenizer.vocab_size) if i not in barred)
        ids = np.array([i for _, i in pairs], dtype=np.int64)
        return cls(tuple(data for data, _ in pairs), ids, tokenizer.joined)

    def beginning_with(self, data: bytes) -> Ids:
        """Ids of the tokens whose bytes begin with ``data``."""
        first = bisect_left(self.data, data)
        # The least bytes that are above everything that begins with data.
        stripped = data.rstrip(b"\xff")
        after = len(self.data)
        if stripped:
            after = bisect_left(self.data, stripped[:-1] + bytes([stripped[-1] + 1]))
        return self.ids[first:after]

    def within(self, data: bytes) -> list[tuple[int, int]]:
        """(length, id) of the tokens that are a beginning of ``data``, not all of it."""
        found = []
        for length in range(1, len(data) if self.joined else 1):
            at = bisect_left(self.data, data[:length])
            while at < len(self.data) and self.data[at] == data[:length]:
                found.append((length, int(self.ids[at])))
                at += 1
        return found


class Path(NamedTuple):
    """Tokens that agree with the first ``length`` bytes taken back, and their log-probabilities."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    length: int

    @property
    def mass(self) -> float:
        return math.fsum(self.logprobs)


@dataclass(frozen=True)
class Covers:
    """All that the model may write in place of the bytes taken back: paths, and the tokens that end them."""

    paths: tuple[Path, ...]
    owners: NDArray[np.int64]
    last_ids: Ids
    last_logprobs: NDArray[np.float64]

    def draw(self, config: SampleConfig, u: float) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """One cover's ids and log-probabilities: the filters see each cover as if it were a token."""
        masses = np.array([path.mass for path in self.paths])
        weights = masses[self.owners] + self.last_logprobs
        chances = distribution(weights, dataclasses.replace(config, repeat_penalty=1.0))
        [chosen] = draw(chances[None], [u])
        path = self.paths[self.owners[chosen]]
        return (
            (*path.ids, int(self.last_ids[chosen])),
            (*path.logprobs, float(self.last_logprobs[chosen])),
        )


class _Level(NamedTuple):
    """Paths of the same number of tokens, with the model's state and prediction after each."""

    paths: list[Path]
    state: State
    logprobs: Floats


def find_covers(
    engine: Engine, pieces: Pieces, *, state: State, logprobs_V: Floats, taken: bytes, original: Sequence[int]
) -> Covers | None:
    """The covers of ``taken`` after ``state``; None where there is none.

    ``original``: the ids that the bytes were read as. Their path is never crowded out of the beam, so that a
    tokenizer that can spell everything always finds a cover.
    """
    level = _Level([Path((), (), 0)], state, logprobs_V[None])
    paths: list[Path] = []
    ends: list[tuple[Ids, NDArray[np.float64]]] = []
    found = -math.inf
    while level.paths:
        for row, path in enumerate(level.paths):
            ids = pieces.beginning_with(taken[path.length :])
            logprobs = level.logprobs[row, ids].astype(np.float64)
            if len(ids) and logprobs.max() > -math.inf:
                paths.append(path)
                ends.append((ids, logprobs))
                found = float(np.logaddexp(found, path.mass + np.logaddexp.reduce(logprobs)))
        level = _extend(engine, pieces, level, taken=taken, original=tuple(original), floor=found + NEGLIGIBLE)
    if not paths:
        return None
    owners = np.repeat(np.arange(len(paths)), [len(ids) for ids, _ in ends])
    return Covers(tuple(paths), owners, np.concatenate([i for i, _ in ends]), np.concatenate([p for _, p in ends]))


def _extend(
    engine: Engine, pieces: Pieces, level: _Level, *, taken: bytes, original: tuple[int, ...], floor: float
) -> _Level:
    """Every path one token longer, the likeliest of them, read by the model."""
    longer: list[tuple[int, Path]] = []
    for row, path in enumerate(level.paths):
        for length, token_id in pieces.within(taken[path.length :]):
            logprob = float(level.logprobs[row, token_id])
            new = Path((*path.ids, token_id), (*path.logprobs, logprob), path.length + length)
            if new.mass > floor:
                longer.append((row, new))
    longer.sort(key=lambda item: (item[1].ids != original[: len(item[1].ids)], -item[1].mass, item[1].ids))
    longer = longer[:BEAM]
    if not longer:
        return _Level([], (), level.logprobs[:0])
    ids = np.array([[path.ids[-1]] for _, path in longer], dtype=np.int64)
    state = select(level.state, [row for row, _ in longer])
    prediction, state = engine.advance(ids, np.ones(len(longer), dtype=np.int64), state, want="last")
    return _Level([path for _, path in longer], state, prediction.logprob)


def unsampled(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Ids that stand for no text and are never drawn: the word tokenizer's <unk>."""
    return () if tokenizer.joined else tuple(tokenizer.encode("<unk>").tolist())


class Taken(NamedTuple):
    """A prompt's ids: those that stay, those of its last piece, and the bytes of that."""

    kept: tuple[int, ...]
    original: tuple[int, ...]
    data: bytes


def take_back(tokenizer: Tokenizer, prompt: str) -> Taken:
    """The prompt without its last piece, where more text could make another token of that.

    Nothing is taken back after a newline, nor from a tokenizer whose tokens do not grow (char, byte).
    """
    ids = tuple(tokenizer.encode(prompt).tolist())
    count = 0
    if tokenizer.kind not in ("char", "byte") and ids and ids[-1] != tokenizer.newline_id:
        count = _last_piece(tokenizer, prompt, ids) if tokenizer.joined else int(not prompt[-1].isspace())
    kept, original = ids[: len(ids) - count], ids[len(ids) - count :]
    data = tokenizer.decode_bytes(original)
    if set(original) & set(unsampled(tokenizer)):
        word = prompt.split()[-1]
        data = bytes_of(word.lower() if tokenizer.lowercase else word)
    return Taken(kept, original, data)


def _last_piece(tokenizer: Tokenizer, prompt: str, ids: tuple[int, ...]) -> int:
    """How many ids the last pre-token has, or a little more: spelled pieces reach back to a space."""
    tail = prompt[_safe_start(prompt) :]
    encoding = tokenizer.analyse(tail)
    count = len(encoding.ids)
    if count > len(ids) or tuple(encoding.ids.tolist()) != ids[len(ids) - count :]:
        return 0
    whole = tokenizer.kind == "hybrid"
    blank = [tail[a:b].isspace() and int(i) != tokenizer.newline_id for a, b, i in _places(encoding)]
    first = count - 1
    if blank[first]:
        while first > 0 and blank[first - 1]:
            first -= 1
        return count - first
    while first > max(0, count - LONGEST_PIECE):
        alone = whole and not encoding.spelled[first - 1 : first + 1].all()
        if alone or tail[encoding.starts[first]].isspace() or encoding.ids[first - 1] == tokenizer.newline_id:
            break
        first -= 1
    return count - first


def _places(encoding: Encoding) -> Iterator[tuple[int, int, int]]:
    return zip(encoding.starts.tolist(), encoding.ends.tolist(), encoding.ids.tolist(), strict=True)


def _safe_start(prompt: str) -> int:
    """A place some way from the end where a pre-token begins: after a newline, or at a text's space."""
    for match in BOUNDARY.finditer(prompt, max(0, len(prompt) - 4 * LONGEST_PIECE), len(prompt) - LONGEST_PIECE):
        return match.start()
    return 0
