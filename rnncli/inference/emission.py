"""Tokens on their way out of one row: stop texts held back, half characters kept together."""

from __future__ import annotations

import codecs
import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnncli.config import SampleConfig, Unit
from rnncli.errors import ConfigError
from rnncli.records import Chunk
from rnncli.text.escapes import bytes_of


class Stop(NamedTuple):
    """Bytes before which a sample ends, and the name of that reason."""

    data: bytes
    reason: str


def stops_of(config: SampleConfig, unit: Unit) -> tuple[Stop, ...]:
    """Where a sample ends, of a model of lines or of a stream; a ConfigError for a stop text that is empty."""
    if "" in config.stop:
        raise ConfigError("--stop needs some text; got an empty one")
    stops = [Stop(bytes_of(text), "stop") for text in config.stop]
    line = config.until == "line" or (config.until == "auto" and unit == "lines")
    return (*stops, Stop(b"\n", "line")) if line else tuple(stops)


class _Token(NamedTuple):
    id: int
    logprob: float
    size: int


class Emission:
    """Turns a row's tokens into chunks, each as soon as it is certain that no stop text begins in it.

    ``skip``: bytes at the beginning that repeat the prompt's healed end, and never come out.
    A chunk that ends in the middle of a character waits for one more, so that the last one can still get the
    U+FFFD of a character that never became whole. Texts and data of all chunks together are the sample's.
    """

    def __init__(self, *, skip: int, stops: Sequence[Stop], row: int) -> None:
        self.stopped: str | None = None
        self._skip = skip
        self._stops = stops
        self._row = row
        self._held = b""
        self._tokens: deque[_Token] = deque()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting: Chunk | None = None

    def push(self, token_id: int, data: bytes, logprob: float) -> Iterator[Chunk]:
        """The chunks that this token sets free. Where it completes a stop text, ``stopped`` says so."""
        data, self._skip = data[self._skip :], max(self._skip - len(data), 0)
        self._tokens.append(_Token(token_id, logprob, len(data)))
        self._held += data
        hits = [(self._held.find(stop.data), stop.reason) for stop in self._stops]
        hit = min((hit for hit in hits if hit[0] >= 0), default=None)
        if hit is None:
            yield from self._release(len(self._held) - self._possible_stop())
        else:
            self._held = self._held[: hit[0]]
            yield from self.finish(hit[1])

    def finish(self, reason: str) -> Iterator[Chunk]:
        """All that is left: held text, half characters. Nothing may be pushed afterwards."""
        self.stopped = reason
        yield from self._release(len(self._held))
        if self._held and self._tokens:
            token = self._tokens[0]
            yield from self._chunk(token, self._held)
        if self._waiting is not None:
            rest = self._decoder.decode(b"", final=True)
            yield dataclasses.replace(self._waiting, text=self._waiting.text + rest)

    def _release(self, limit: int) -> Iterator[Chunk]:
        """Chunks of the tokens that lie wholly in the first ``limit`` bytes."""
        while self._tokens and self._tokens[0].size <= limit:
            token = self._tokens.popleft()
            data, self._held = self._held[: token.size], self._held[token.size :]
            limit -= token.size
            yield from self._chunk(token, data)

    def _chunk(self, token: _Token, data: bytes) -> Iterator[Chunk]:
        if self._waiting is not None:
            yield self._waiting
        text = self._decoder.decode(data)
        chunk = Chunk(text=text, data=data, id=token.id, logprob=token.logprob, row=self._row)
        half, _ = self._decoder.getstate()
        self._waiting = chunk if half else None
        if not half:
            yield chunk

    def _possible_stop(self) -> int:
        """Length of the longest end of what is held that begins a stop text."""
        longest = max((len(stop.data) for stop in self._stops), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(stop.data.startswith(self._held[-size:]) for stop in self._stops):
                return size
        return 0
