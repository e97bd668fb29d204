"""Lines scored as if their model were sampled at a temperature: P becomes P ** (1 / T), normalised anew.

That needs the whole distribution at every place, so each token is a step of its own: for texts that a person looks
at, not for files. Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnncli.config import Direction
from rnncli.errors import ConfigError
from rnncli.inference.composing import Wish, line_tally, with_details
from rnncli.inference.direction import turn, turn_reading
from rnncli.inference.engine import Engine, Floats, Ids, select
from rnncli.inference.reading import Reading
from rnncli.inference.words import spelled_words, word_ends
from rnncli.records import TextScore
from rnncli.text.tokenizers.base import Encoding, Tokenizer

ROWS = 32
"""Lines that are read side by side: their distributions are in memory at once."""


class TemperedScorer:
    """Scores lines, each alone, with all their tokens and words. At temperature 1 as Scorer does, but for rounding."""

    def __init__(
        self, engine: Engine, tokenizer: Tokenizer, temperature: float, direction: Direction = "forward"
    ) -> None:
        if not 0 < temperature < math.inf:
            raise ConfigError(f"a temperature to score at must be above 0 and finite; got {temperature:g}")
        self.engine, self.tokenizer, self.temperature = engine, tokenizer, temperature
        self.backward = direction == "backward"
        ends = None if self.backward else word_ends(tokenizer)
        self._group_V = None if ends is None else ends > 0
        self._end = np.array([tokenizer.newline_id], dtype=np.int64)

    def score(self, texts: Sequence[str]) -> list[TextScore]:
        """A score for each line, in order."""
        encodings = [self.tokenizer.analyse(text) for text in texts]
        rows = [np.concatenate([encoding.ids, self._end]) for encoding in encodings]
        if self.backward:
            rows = [turn(row) for row in rows]
        # The longest first: those that have ended are then always the last ones.
        order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
        found: dict[int, Reading] = {}
        for begin in range(0, len(order), ROWS):
            group = order[begin : begin + ROWS]
            found.update(zip(group, self._read([rows[i] for i in group]), strict=True))
        return [self._compose(text, encodings[i], found[i]) for i, text in enumerate(texts)]

    def _read(self, rows: Sequence[Ids]) -> list[Reading]:
        """Readings of rows, the longest of which comes first."""
        found = [np.zeros((4, len(row))) for row in rows]
        state = self.engine.start(len(rows))
        ids_B = np.full(len(rows), self.tokenizer.newline_id)
        for t in range(len(rows[0]) if rows else 0):
            going = sum(len(row) > t for row in rows)
            if going < len(ids_B):
                ids_B, state = ids_B[:going], select(state, range(going))
            prediction, state = self.engine.advance(ids_B[:, None], np.ones(going, np.int64), state, want="last")
            ids_B = np.array([row[t] for row in rows[:going]])
            details = self._details(prediction.logprob, ids_B)
            for row, values in enumerate(details.T):
                found[row][:, t] = values
        return [self._reading(array) for array in found]

    def _details(self, logprobs_BV: Floats, targets_B: Ids) -> NDArray[np.float64]:
        """(4, B): log-probability, rank, entropy and the mass of the tokens that end a word."""
        rows = np.arange(len(targets_B))
        rank_B = 1 + (logprobs_BV > logprobs_BV[rows, targets_B][:, None]).sum(1)
        tempered_BV = logprobs_BV.astype(np.float64) / self.temperature
        tempered_BV -= tempered_BV.max(1, keepdims=True)
        tempered_BV -= np.log(np.exp(tempered_BV).sum(1, keepdims=True))
        chances_BV = np.exp(tempered_BV)
        entropy_B = -np.where(chances_BV > 0, chances_BV * tempered_BV, 0.0).sum(1)
        mass_B = np.zeros(len(rows))
        if self._group_V is not None:
            mass_B = np.log(np.maximum(chances_BV[:, self._group_V].sum(1), np.finfo(np.float64).tiny))
        return np.stack([np.minimum(tempered_BV[rows, targets_B], 0), rank_B, entropy_B, np.minimum(mass_B, 0)])

    def _reading(self, array: NDArray[np.float64]) -> Reading:
        logprobs, ranks, entropies, masses = array
        reading = Reading(logprobs, ranks.astype(np.int64), entropies, None if self._group_V is None else masses)
        return turn_reading(reading) if self.backward else reading

    def _compose(self, text: str, encoding: Encoding, reading: Reading) -> TextScore:
        logprob, tokens = float(reading.logprobs.sum()), len(reading.logprobs)
        spelled = len(spelled_words(text, encoding))
        tally = line_tally(text, logprob, tokens, spelled, end=True, lossless=self.tokenizer.lossless)
        wish = Wish(tokens=True, words=True)
        return with_details(TextScore(text=text, tally=tally), encoding, reading, wish, self.tokenizer, follows=False)
