"""Text from a model, a token at a time.

Shapes: B rows, V vocabulary. One loop serves one streaming row and batches alike. A row's randomness is a
function of (seed, number of the sample, tokens before it), so it gives one text alone or in company.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np

from rnncli.config import SampleConfig, Unit, with_seed
from rnncli.errors import ConfigError
from rnncli.inference.beam import beam_search
from rnncli.inference.decoding import REPEAT_WINDOW, draw_tokens, uniform
from rnncli.inference.emission import Emission, stops_of
from rnncli.inference.engine import Engine, Floats, State, select, stack
from rnncli.inference.healing import Covers, Pieces, find_covers, take_back, unsampled
from rnncli.inference.stepping import bytes_after, read_on, step_on
from rnncli.records import Chunk, Sample
from rnncli.text.escapes import text_of
from rnncli.text.tokenizers.base import Tokenizer

ROWS = 64
"""Most rows that sampling keeps in memory."""


@dataclass(frozen=True, eq=False)
class Position:
    """Where a text stands: all that is needed to go on from it, any number of times.

    ``state`` has one row and has read the opening newline and ``ids``; ``logprobs`` (V,) is what it expects
    next. ``pending``: bytes of the prompt that are not read yet but must come next, and the ways in which
    they may.
    """

    state: State
    logprobs: Floats
    ids: tuple[int, ...]
    pending: bytes = b""
    covers: Covers | None = None


@dataclass(eq=False)
class _Row:
    """One sample under way; lives no longer than its loop."""

    prompt: str
    sample: int
    start: Position
    emission: Emission
    joins: bool
    ids: list[int] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        return not self.ids


class _Drawn(NamedTuple):
    """Ids to go on with, and the model's own log-probabilities of them."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Sampler:
    """Samples from one model. It keeps nothing between calls."""

    def __init__(self, engine: Engine, tokenizer: Tokenizer, unit: Unit) -> None:
        self.engine = engine
        self.tokenizer = tokenizer
        self.unit = unit
        self._barred = unsampled(tokenizer)

    def stream(self, prompt: str, config: SampleConfig, *, sample: int = 0) -> Iterator[Chunk]:
        """The continuation of a prompt, a chunk a token, each as soon as it is certain."""
        config = with_seed(config)
        if config.beam:
            yield from self._beam(prompt, config)[0].chunks
            return
        [start] = self.read([prompt])
        row = self._row(prompt, start, config, sample=sample, number=0)
        for _, chunk in self._decode([row], config):
            yield chunk

    def samples(self, prompts: Sequence[str], config: SampleConfig) -> Iterator[Sample]:
        """``config.count`` samples of each prompt, in order, some rows at a time."""
        config = with_seed(config)
        if config.beam:
            for prompt in prompts:
                yield from (self._finished(row, config) for row in self._beam(prompt, config))
            return
        jobs = ((prompt, sample) for prompt in prompts for sample in range(config.count))
        for batch in _batches(jobs, ROWS):
            wanted = list(dict.fromkeys(prompt for prompt, _ in batch))
            starts = dict(zip(wanted, self.read(wanted), strict=True))
            rows = [
                self._row(prompt, starts[prompt], config, sample=sample, number=number)
                for number, (prompt, sample) in enumerate(batch)
            ]
            for row, chunk in self._decode(rows, config):
                row.chunks.append(chunk)
            for row in rows:
                yield self._finished(row, config)

    def _beam(self, prompt: str, config: SampleConfig) -> list[_Row]:
        """The likeliest continuations of a prompt, best first; it is read as it is tokenized, without healing."""
        if config.count > config.beam:
            hint = "A beam finds no more texts than it is wide."
            raise ConfigError(f"--count {config.count} is more than --beam {config.beam}", hint=hint)
        ids = tuple(self.tokenizer.encode(prompt).tolist())
        logprobs_V, state = read_on(self.engine, (self.tokenizer.newline_id, *ids), self.engine.start(1))
        start, stops = Position(state, logprobs_V, ids), stops_of(config, self.unit)
        found = beam_search(
            self.engine,
            state,
            logprobs_V,
            width=config.beam,
            most=config.max_tokens,
            ends=lambda ids: any(stop.data in self.tokenizer.decode_bytes(ids) for stop in stops),
            barred=self._barred,
        )
        rows = []
        for number, hypothesis in enumerate(found[: config.count]):
            row = self._row(prompt, start, config, sample=number, number=number)
            row.chunks += self._emit(row, hypothesis.ids, hypothesis.logprobs, config.max_tokens)
            rows.append(row)
        return rows

    def read(self, prompts: Sequence[str]) -> list[Position]:
        """Where each prompt ends, its last piece taken back where more text could change it."""
        return [self._read_prompt(prompt) for prompt in prompts]

    def _read_prompt(self, prompt: str) -> Position:
        kept, original, data = take_back(self.tokenizer, prompt)
        logprobs_V, state = read_on(self.engine, (self.tokenizer.newline_id, *kept), self.engine.start(1))
        here = Position(state, logprobs_V, kept)
        return self._heal(here, original, data) if data else here

    def _heal(self, here: Position, original: tuple[int, ...], data: bytes) -> Position:
        covers = find_covers(
            self.engine,
            self._pieces,
            state=here.state,
            logprobs_V=here.logprobs,
            taken=data,
            original=original,
        )
        if covers is not None:
            return Position(here.state, here.logprobs, here.ids, data, covers)
        logprobs_V, state = read_on(self.engine, original, here.state)
        return Position(state, logprobs_V, here.ids + original)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces.of(self.tokenizer)

    def _row(self, prompt: str, start: Position, config: SampleConfig, *, sample: int, number: int) -> _Row:
        emission = Emission(skip=len(start.pending), stops=stops_of(config, self.unit), row=number)
        joins = bool(prompt) and not prompt[-1].isspace() and not start.pending
        return _Row(prompt, sample, start, emission, joins)

    def _decode(self, rows: Sequence[_Row], config: SampleConfig) -> Iterator[tuple[_Row, Chunk]]:
        """Every row's chunks until all rows have stopped: the one loop. Finished rows leave the batch."""
        state = stack([row.start.state for row in rows])
        logprobs_BV = np.stack([row.start.logprobs for row in rows])
        live = list(rows)
        while True:
            drawn = self._draw(live, logprobs_BV, config)
            for row, (ids, logprobs) in zip(live, drawn, strict=True):
                for chunk in self._emit(row, ids, logprobs, config.max_tokens):
                    yield row, chunk
            going = [i for i, row in enumerate(live) if row.emission.stopped is None]
            if not going:
                return
            live = [live[i] for i in going]
            state = state if len(going) == len(drawn) else select(state, going)
            logprobs_BV, state = step_on(self.engine, [drawn[i].ids for i in going], state)

    def _emit(self, row: _Row, ids: Sequence[int], logprobs: Sequence[float], most: int) -> Iterator[Chunk]:
        for token_id, logprob in zip(ids, logprobs, strict=True):
            yield from row.emission.push(token_id, self._piece(row, token_id), logprob)
            if row.emission.stopped is not None:
                return
            row.ids.append(token_id)
        if len(row.ids) >= most:
            yield from row.emission.finish("length")

    def _draw(self, rows: Sequence[_Row], logprobs_BV: Floats, config: SampleConfig) -> list[_Drawn]:
        """Each row's next ids, one unless its prompt's end is still to be written, and the model's view of them."""
        assert config.seed is not None
        drawn = [_Drawn((), ())] * len(rows)
        plain = []
        for i, row in enumerate(rows):
            room = config.max_tokens - len(row.ids)
            if room > 0 and row.fresh and row.start.covers is not None:
                ids, logprobs = row.start.covers.draw(config, self._chance(row, config.seed))
                drawn[i] = _Drawn(ids[:room], logprobs[:room])
            elif room > 0:
                plain.append(i)
        if not plain:
            return drawn
        recent = [(*rows[i].start.ids[-REPEAT_WINDOW:], *rows[i].ids[-REPEAT_WINDOW:]) for i in plain]
        some_BV = logprobs_BV if len(plain) == len(rows) else logprobs_BV[plain]
        chances = [self._chance(rows[i], config.seed) for i in plain]
        found = draw_tokens(some_BV, config, recent=recent, barred=self._barred, chances_B=chances)
        for i, (token_id, logprob) in zip(plain, found, strict=True):
            drawn[i] = _Drawn((token_id,), (logprob,))
        return drawn

    @staticmethod
    def _chance(row: _Row, seed: int) -> float:
        return uniform(seed, row.sample, len(row.start.ids) + len(row.ids))

    def _piece(self, row: _Row, token_id: int) -> bytes:
        before = row.ids[-1:] or (list(row.start.ids[-1:]) if row.joins else [])
        return bytes_after(self.tokenizer, before, token_id)

    def _finished(self, row: _Row, config: SampleConfig) -> Sample:
        ids = tuple(chunk.id for chunk in row.chunks)
        data = b"".join(chunk.data for chunk in row.chunks)
        whole = row.prompt + text_of(data)
        assert row.emission.stopped is not None
        assert config.seed is not None
        return Sample(
            prompt=row.prompt,
            text="".join(chunk.text for chunk in row.chunks),
            data=data,
            ids=ids,
            tokens=tuple(map(self.tokenizer.token, ids)),
            logprobs=tuple(chunk.logprob for chunk in row.chunks),
            canonical=tuple(self.tokenizer.encode(whole).tolist()) == row.start.ids + ids,
            stopped=row.emission.stopped,
            seed=config.seed,
        )


def _batches(jobs: Iterator[tuple[str, int]], size: int) -> Iterator[list[tuple[str, int]]]:
    while batch := list(islice(jobs, size)):
        yield batch
