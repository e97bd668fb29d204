"""The sums of a line too long to be encoded at once, and its tokens if they are wanted."""

from __future__ import annotations

import numpy as np

from rnncli.inference.prefix import after_prefix
from rnncli.inference.reading import Reading, join
from rnncli.inference.words import spelled_words
from rnncli.text.tokenizers.base import Encoding
from rnncli.text.units import stand_in, word_spans

NO_IDS = np.zeros(0, np.int64)
NO_TOKENS = Encoding(NO_IDS, NO_IDS, NO_IDS, np.zeros(0, np.bool_))
NOTHING = Reading(np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))
"""Of no token."""


class LongLine:
    """The running sums of a long line, and its tokens if they are wanted. Its prefix comes first and does not count."""

    def __init__(self, details: bool, prefix: int = 0) -> None:
        self.logprob = 0.0
        self.tokens = 0
        self.spelled = 0
        self._details = details
        self._prefix = prefix
        """Code points of it that are still to come."""
        self._chars = 0
        self._open, self._counted = "", False
        """A character for the word that the last cut ran into, if any, and whether it is counted as spelled."""
        self._encodings: list[Encoding] = [NO_TOKENS]
        self._readings: list[Reading] = []

    def add(self, piece: str, encoding: Encoding | None, reading: Reading) -> None:
        """The next piece; its encoding only where places are needed, as with a prefix."""
        if self._prefix and encoding is not None:
            length, self._prefix = self._prefix, max(0, self._prefix - len(piece))
            encoding, skip = after_prefix(encoding, length)
            reading, piece = reading.part(skip, len(reading.logprobs)), piece[length:]
            if not piece:
                return
        self.logprob += float(reading.logprobs.sum(dtype=np.float64))
        self.tokens += len(reading.logprobs)
        if encoding is not None:
            self._count_spelled(piece, encoding)
        if encoding is not None and self._details:
            starts, ends = encoding.starts + self._chars, encoding.ends + self._chars
            self._encodings.append(Encoding(encoding.ids, starts, ends, encoding.spelled))
            self._readings.append(reading)
        self._chars += len(piece)

    def _count_spelled(self, piece: str, encoding: Encoding) -> None:
        """A word that a cut runs through counts once."""
        text, before = self._open + piece, len(self._open)
        starts, ends = encoding.starts + before, encoding.ends + before
        spelled = set(spelled_words(text, Encoding(encoding.ids, starts, ends, encoding.spelled)))
        self.spelled += len(spelled) - int(self._counted and 0 in spelled)
        if piece[-1].isspace():
            self._open, self._counted = "", False
            return
        spans = word_spans(text)
        last = len(spans) - 1
        self._counted = last in spelled or (self._counted and last == 0)
        self._open = stand_in(text[slice(*spans[last])])

    def whole(self, ending: Reading) -> tuple[Encoding | None, Reading]:
        """All tokens of the line, and what the model thought of them and of the line's end."""
        if not self._details:
            return None, ending
        encoding = Encoding(
            np.concatenate([e.ids for e in self._encodings]),
            np.concatenate([e.starts for e in self._encodings]),
            np.concatenate([e.ends for e in self._encodings]),
            np.concatenate([e.spelled for e in self._encodings]),
        )
        return encoding, join([*self._readings, ending])
