"""How likely lines are: one record a line, in input order, lazily and in bounded memory.

A line alone is read from the zero state after a newline; its tokens and the newline that ends it count. With the
context of a file the state is carried on through each file's lines. A backward model reads each line, and with that
context each file, from its end (direction.py). Neither the company, the order nor the chunks that a line is read in
change its score, but for rounding.

Lines come in windows. Of each the different lines are read together, common beginnings once (sharing.py); where an
engine has workers, several windows are under way at once, and their scores still come in order.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from rnncli.config import Context, Direction
from rnncli.errors import ConfigError
from rnncli.inference.composing import Wish, line_tally, with_details
from rnncli.inference.direction import turn, turn_reading
from rnncli.inference.engine import Engine, Floats, Ids, State
from rnncli.inference.longline import NOTHING, LongLine
from rnncli.inference.parallel import in_order
from rnncli.inference.plan import FLUSH, WINDOW_LINES, Flush, Line, windows
from rnncli.inference.prefix import after_prefix
from rnncli.inference.reading import Reading, read
from rnncli.inference.recent import Asked, Recent
from rnncli.inference.sharing import read_rows
from rnncli.inference.words import spelled_words, word_ends
from rnncli.records import TextScore
from rnncli.text.tokenizers.base import Encoding, Tokenizer

FILE_CHUNK = 512
"""Most tokens of one advance over the one row that a file's context makes."""
STATES = 32 << 20
"""Bytes that the states of a window's lines may take: a large network gets shorter windows."""
LONG_LINE = 1 << 16
"""Characters beyond which a line is encoded and read a piece at a time."""

SPELLING = ("hybrid", "word")
"""Tokenizers of which some tokens are spelled: only for these must places be known to count the words."""


class _Encoded(NamedTuple):
    """A line's tokens with, where they are needed, their places; ``ids`` has the line's end at its end.

    The first ``skip`` of them are its prefix's, whose places are left out.
    """

    text: str
    ids: Ids
    encoding: Encoding | None
    skip: int = 0


class Scorer:
    """Scores lines with one model. It keeps nothing between calls."""

    def __init__(
        self, engine: Engine, tokenizer: Tokenizer, direction: Direction = "forward", *, chunk: int | None = None
    ) -> None:
        self.engine = engine
        self.tokenizer = tokenizer
        self.backward = direction == "backward"
        self._file_chunk = chunk or FILE_CHUNK
        self._end = np.array([tokenizer.newline_id], dtype=np.int64)

    def score(
        self,
        lines: Iterable[Line | Flush],
        *,
        context: Context = "line",
        tokens: bool = False,
        words: bool = False,
        batch_size: int | None = None,
        skip_empty: bool = False,
        end: bool = True,
    ) -> Iterator[TextScore]:
        """A score for each line, in order. FLUSH among the lines has all lines before it answered at once.

        ``batch_size``: most lines that are read together. ``end``: whether a line's end is part of it. A line with a
        prefix gets the probability that it has after it: they are encoded as one text, and a token that reaches over
        the seam is the line's. With the context of a file no line has one, nor with a backward model.
        """
        wish = Wish(tokens, words, end)
        most = batch_size or self._most_lines()
        source = windows(lines, skip_empty=skip_empty, most_lines=most)
        if context == "file":
            files = (window for window in source if window is not FLUSH)
            yield from self._files_from_their_ends(files, wish) if self.backward else self._through_files(files, wish)
            return
        work = partial(self._window, wish=wish, recent=Recent())
        for window, scores in in_order(work, source, self.engine.workers()):
            for line in window:
                yield _placed(scores[line.asked], line)

    def _most_lines(self) -> int:
        row = sum(array.nbytes for array in self.engine.start(1))
        return max(1, min(WINDOW_LINES, STATES // row))

    def _window(self, window: Sequence[Line], engine: Engine, wish: Wish, recent: Recent) -> dict[Asked, TextScore]:
        """Scores of the different lines of a window, each from the zero state; those scored lately as they were."""
        distinct = dict.fromkeys(line.asked for line in window)
        scores = recent.find(distinct)
        fresh = [asked for asked in distinct if asked not in scores]
        short = [asked for asked in fresh if sum(map(len, asked)) < LONG_LINE]
        encoded = self._encode(short, wish)
        readings = read_rows(
            engine,
            [self._turned(line.ids) for line in encoded],
            opening=self.tokenizer.newline_id,
            want=wish.want,
            group_V=self._group_of(wish),
        )
        for asked, line, reading in zip(short, encoded, readings, strict=True):
            scores[asked] = self._compose(line, self._turned_back(reading), wish)
        for asked in fresh:
            if asked not in scores:
                scores[asked], _ = self._long(asked, self.engine.start(1), wish)
        recent.keep(scores)
        return scores

    def _turned(self, ids: Ids) -> Ids:
        return turn(ids) if self.backward else ids

    def _turned_back(self, reading: Reading) -> Reading:
        return turn_reading(reading) if self.backward else reading

    def _files_from_their_ends(self, source: Iterator[list[Line]], wish: Wish) -> Iterator[TextScore]:
        """The same of lines that stand before one another: each file is in memory as a whole."""
        for _, lines in itertools.groupby(itertools.chain.from_iterable(source), key=lambda line: line.origin):
            turned = list(lines)[::-1]
            pieces = (turned[begin : begin + WINDOW_LINES] for begin in range(0, len(turned), WINDOW_LINES))
            yield from reversed(list(self._through_files(pieces, wish)))

    def _through_files(self, source: Iterator[list[Line]], wish: Wish) -> Iterator[TextScore]:
        """Scores of lines as they follow one another in each file."""
        origin: tuple[str | None, int] | None = None
        state = self.engine.start(1)
        for window in source:
            for group in self._groups(window, wish):
                if group[0][0].origin != origin:
                    origin, state = group[0][0].origin, self.engine.start(1)
                if group[0][1] is None:
                    scored, state = self._long(group[0][0].asked, state, wish)
                    scores = [scored]
                else:
                    scores, state = self._group([line for _, line in group if line is not None], state, wish)
                for (line, _), score in zip(group, scores, strict=True):
                    yield _placed(score, line)

    def _groups(self, window: Sequence[Line], wish: Wish) -> Iterator[list[tuple[Line, _Encoded | None]]]:
        """Lines of one file that are read together; a long line, not encoded, by itself."""
        short = iter(self._encode([line.asked for line in window if len(line.text) < LONG_LINE], wish))
        group: list[tuple[Line, _Encoded | None]] = []
        size = 0
        for line in window:
            encoded = next(short) if len(line.text) < LONG_LINE else None
            length = self._file_chunk if encoded is None else len(encoded.ids)
            if group and (size + length > self._file_chunk or line.origin != group[0][0].origin):
                yield group
                group, size = [], 0
            group.append((line, encoded))
            size += length
        if group:
            yield group

    def _group(self, lines: Sequence[_Encoded], state: State, wish: Wish) -> tuple[list[TextScore], State]:
        """Scores of lines read as one row."""
        whole, state = self._read(np.concatenate([self._turned(line.ids) for line in lines]), state, wish)
        ends = np.cumsum([len(line.ids) for line in lines]).tolist()
        scores = [
            self._compose(line, self._turned_back(whole.part(end - len(line.ids), end)), wish)
            for line, end in zip(lines, ends, strict=True)
        ]
        return scores, state

    def _read(self, row: Ids, state: State, wish: Wish, previous: int | None = None) -> tuple[Reading, State]:
        before = self.tokenizer.newline_id if previous is None else previous
        group_V, chunk = self._group_of(wish), self._file_chunk
        return read(self.engine, row, previous=before, state=state, want=wish.want, chunk=chunk, group_V=group_V)

    def _group_of(self, wish: Wish) -> Floats | None:
        return self._word_ends if wish.words else None

    @cached_property
    def _word_ends(self) -> Floats | None:
        # From its end a line's words are known to be over before they are read: there is no mass to move.
        return None if self.backward else word_ends(self.tokenizer)

    def _encode(self, asked: Sequence[Asked], wish: Wish) -> list[_Encoded]:
        if any(prefix for prefix, _ in asked):
            self._check_prefix()
            return [self._encode_with_places(*one) for one in asked]
        if self._needs_places(wish):
            return [self._encode_with_places(*one) for one in asked]
        ids = self.tokenizer.encode_batch([text for _, text in asked]) if asked else []
        return [
            _Encoded(text, np.concatenate([found, self._end]), None)
            for (_, text), found in zip(asked, ids, strict=True)
        ]

    def _check_prefix(self) -> None:
        if self.backward:
            raise ConfigError(
                "a model that reads backward knows nothing of what stands before a line",
                hint="Leave the prefix out, or score with one that reads forward.",
            )

    def _needs_places(self, wish: Wish) -> bool:
        return wish.tokens or wish.words or self.tokenizer.kind in SPELLING

    def _encode_with_places(self, prefix: str, text: str) -> _Encoded:
        encoding = self.tokenizer.analyse(prefix + text)
        cut, skip = after_prefix(encoding, len(prefix))
        return _Encoded(text, np.concatenate([encoding.ids, self._end]), cut, skip)

    def _compose(self, line: _Encoded, reading: Reading, wish: Wish) -> TextScore:
        reading = reading.part(line.skip, len(line.ids))
        counted = reading.logprobs[: len(reading.logprobs) - (not wish.end)]
        spelled = 0 if line.encoding is None else len(spelled_words(line.text, line.encoding))
        logprob = float(counted.sum(dtype=np.float64))
        score = self._whole(line.text, logprob, len(counted), spelled, wish)
        return self._with_details(score, line.encoding, reading, wish, follows=line.skip > 0)

    def _whole(self, text: str, logprob: float, tokens: int, spelled: int, wish: Wish) -> TextScore:
        tally = line_tally(text, logprob, tokens, spelled, end=wish.end, lossless=self.tokenizer.lossless)
        return TextScore(text=text, tally=tally)

    def _with_details(
        self, score: TextScore, encoding: Encoding | None, reading: Reading, wish: Wish, *, follows: bool
    ) -> TextScore:
        if encoding is None:
            return score
        if self._word_ends is None:
            reading = reading._replace(masses=None)
        return with_details(score, encoding, reading, wish, self.tokenizer, follows=follows)

    def _piece(self, piece: str, wish: Wish, *, prefixed: bool) -> tuple[str, Encoding | None, Ids]:
        if prefixed or self._needs_places(wish):
            encoding = self.tokenizer.analyse(piece)
            return piece, encoding, encoding.ids
        return piece, None, self.tokenizer.encode(piece)

    def _long(self, asked: Asked, state: State, wish: Wish) -> tuple[TextScore, State]:
        """A long line's score, encoded and read a piece at a time; tokens are kept only if wanted."""
        prefix, text = asked
        if prefix:
            self._check_prefix()
        line = LongLine(wish.tokens or wish.words, len(prefix))
        previous = self.tokenizer.newline_id
        pieces = map(partial(self._piece, wish=wish, prefixed=bool(prefix)), self.tokenizer.cut(prefix + text))
        later: list[tuple[str, Encoding | None, Reading]] = []
        for piece, encoding, ids in reversed(list(pieces)) if self.backward else pieces:
            reading = NOTHING
            if len(ids):  # the word tokenizer has no token for blanks
                reading, state = self._read(ids[::-1] if self.backward else ids, state, wish, previous)
                previous = int(ids[0 if self.backward else -1])
            if self.backward:
                later.append((piece, encoding, reading.backward()))
            else:
                line.add(piece, encoding, reading)
        for one in reversed(later):
            line.add(*one)
        ending, state = self._read(self._end, state, wish, previous)
        logprob = line.logprob + (float(ending.logprobs[0]) if wish.end else 0.0)
        score = self._whole(text, logprob, line.tokens + int(wish.end), line.spelled, wish)
        encoding, reading = line.whole(ending)
        return self._with_details(score, encoding, reading, wish, follows=bool(prefix)), state


def _placed(score: TextScore, line: Line) -> TextScore:
    """The score of a line where it stands."""
    return dataclasses.replace(score, line=line.number, file=line.file, beside=line.beside)
