"""A text's lines scored piece by piece, for the screen that shows them. Runs in the model's thread; no widgets here.

Each line is scored alone, as ``rnncli score`` does, and once: what was found for a line holds wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rnncli.api import Model, load
from rnncli.errors import RnncliError
from rnncli.inference.engine import Engine, Ids, Prediction, State, Targets, Want
from rnncli.inference.plan import Line
from rnncli.inference.scorer import Scorer
from rnncli.inference.tempered import TemperedScorer
from rnncli.records import TextScore
from rnncli.tui.figures import LineLook, Sum, Whole, look_of
from rnncli.tui.performer import Failed

if TYPE_CHECKING:
    from rnncli.choices import Direction

Score = Callable[[Sequence[str]], list[TextScore]]

FIRST_PIECE, LARGEST_PIECE = 1000, 8000
"""Characters scored before what was found is reported: soon at first, and later not too often."""
SEEN = 60
"""Rows from the first one on the screen that are scored before all others."""
MOST_TEMPERED = 4000
"""Tokens of a text that is compared under two temperatures: each is a step, twice."""
SPARE = 4096
"""Lines that are remembered beyond those of the text."""


class Setup(NamedTuple):
    """What a text is scored with: the model of the app, and beside it another, or two temperatures of it."""

    other: str | None = None
    temperatures: tuple[float, float] | None = None


class Asked(NamedTuple):
    """A text to score. ``number`` tells it from those before; ``first``: the first row on the screen."""

    number: int
    lines: Sequence[str]
    first: int
    setup: Setup


class Begun(NamedTuple):
    """From here on lines are scored with something else. ``names``: of one model, or of the two things compared."""

    setup: Setup
    names: Sequence[str]
    by_words: bool
    """Whether what is compared are words: tokens cannot be where there are two kinds of them."""
    note: str = ""


class Found(NamedTuple):
    """Lines by their text, and what is known of the whole so far."""

    number: int
    looks: Mapping[str, LineLook]
    whole: Whole


class StoppedError(Exception):
    """Nobody waits for the result any more."""


class Interruptible:
    """An engine that asks before each advance whether to go on: so a line of any length can be left in the middle."""

    def __init__(self, engine: Engine, stopping: Callable[[], bool]) -> None:
        self._engine, self._stopping = engine, stopping
        self.vocab_size, self.definition = engine.vocab_size, engine.definition
        self.alike, self.cells = engine.alike, engine.cells

    def workers(self) -> Sequence[Engine]:
        return [Interruptible(worker, self._stopping) for worker in self._engine.workers()]

    def start(self, rows: int) -> State:
        return self._engine.start(rows)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        if self._stopping():
            raise StoppedError
        return self._engine.advance(ids_BT, lengths_B, state, want=want, targets=targets)


def prune(known: dict[str, Any], lines: Sequence[str]) -> None:
    """Forget the oldest lines that the text does not have, where they have become many."""
    if len(known) > len(lines) + SPARE:
        there = set(lines)
        over = len(known) - len(there) - SPARE // 2
        for text in [text for text in known if text not in there][: max(0, over)]:
            del known[text]


class Column:
    """One way of scoring, and what it said of lines."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self.known: dict[str, TextScore] = {}

    def of(self, texts: Sequence[str]) -> list[TextScore]:
        """A score for each line, those that were not known scored."""
        fresh = [text for text in texts if text not in self.known]
        if fresh:
            self.known.update(zip(fresh, self._score(fresh), strict=True))
        return [self.known[text] for text in texts]


class LineScores:
    """Scores the lines of a text that changes, and remembers them. ``report`` is called with Begun and Found."""

    def __init__(self, report: Callable[[object], None]) -> None:
        self.report = report
        self.known: dict[str, LineLook] = {}
        self._stopping: Callable[[], bool] = lambda: False
        self._model: Model | None = None
        self._second: tuple[str, Model] | None = None
        self._begun: Begun | None = None
        self._keys: Sequence[str | float] = ()
        """Of the columns in use: another model by its name, the app's by a temperature."""
        self._columns: dict[str | float, Column] = {}

    def run(self, asked: Asked, model: Model, how: Mapping[str, Any], stopping: Callable[[], bool]) -> None:
        """Report what is known of a text, and score what is not, what shows first."""
        self._stopping = stopping
        try:
            self._prepare(asked, model, how)
            total = Sum(asked.lines, compared=len(self._keys) > 1)
            for rows in self._pieces(asked):
                new = self._score(dict.fromkeys(asked.lines[row] for row in rows))
                total.add((row, self.known[asked.lines[row]]) for row in rows)
                self.report(Found(asked.number, new, total.whole()))
        except StoppedError:
            return
        prune(self.known, asked.lines)
        for column in self._columns.values():
            prune(column.known, asked.lines)

    def _score(self, texts: Mapping[str, None]) -> dict[str, LineLook]:
        """Looks at these lines, those that were not known scored."""
        fresh = [text for text in texts if text not in self.known]
        by_words = self._begun is not None and self._begun.by_words
        columns = [self._columns[key].of(fresh) for key in self._keys]
        for text, *scores in zip(fresh, *columns, strict=True):
            self.known[text] = look_of(scores, by_words=by_words)
        return {text: self.known[text] for text in texts}

    def _pieces(self, asked: Asked) -> Iterator[list[int]]:
        """Rows in pieces that take about as long as one another; one at least, even of nothing."""
        seen = range(min(asked.first, len(asked.lines)), min(asked.first + SEEN, len(asked.lines)))
        others = [row for row in range(len(asked.lines)) if row not in seen]
        # What shows comes by itself, where more than it is new.
        alone = seen[-1] if seen and any(asked.lines[row] not in self.known for row in others) else None
        size, chars = FIRST_PIECE, 0
        piece: list[int] = []
        for row in (*seen, *others):
            if self._stopping():
                raise StoppedError
            piece.append(row)
            text = asked.lines[row]
            chars += 0 if text in self.known else len(text) + 1
            if chars >= size or (chars and row == alone):
                yield piece
                piece, chars, size = [], 0, min(2 * size, LARGEST_PIECE)
        if piece or not asked.lines:
            yield piece

    # -- what scores

    def _prepare(self, asked: Asked, model: Model, how: Mapping[str, Any]) -> None:
        """Have at hand what a text is to be scored with; another model forgets what the one before said."""
        begun, keys = self._plan(asked, model, how)
        if (model, begun) == (self._model, self._begun):
            return
        if model is not self._model:
            self._columns = {}
        if model is not self._model or keys != self._keys:
            self.known = {}
        kept = {key: column for key, column in self._columns.items() if key in (1, *keys)}
        self._columns = kept | {key: self._column(key, model) for key in keys if key not in kept}
        self._model, self._begun, self._keys = model, begun, keys
        self.report(begun)

    def _plan(self, asked: Asked, model: Model, how: Mapping[str, Any]) -> tuple[Begun, Sequence[str | float]]:
        """What is compared, and the keys of its columns."""
        setup = asked.setup
        alone = Begun(setup, (model.name,), by_words=False)
        if setup.temperatures is not None:
            tokens = sum(len(ids) + 1 for ids in model.tokenizer.encode_batch(asked.lines)) if asked.lines else 0
            if tokens > MOST_TEMPERED:
                # The number of tokens, which every key changes, is left out: this is reported once.
                note = f"two temperatures: only for texts up to {MOST_TEMPERED:,} tokens"
                return alone._replace(note=note), (1.0,)
            return alone._replace(names=tuple(f"T {one:g}" for one in setup.temperatures)), setup.temperatures
        if setup.other is None:
            return alone, (1.0,)
        try:
            other = self._open(setup.other, how)
        except RnncliError as error:
            self.report(Failed(error))
            self._begun = None  # that nothing is compared is to be reported
            return alone._replace(setup=Setup()), (1.0,)
        by_words = model.tokenizer.fingerprint != other.tokenizer.fingerprint
        return Begun(setup, (model.name, other.name), by_words), (1.0, setup.other)

    def _column(self, key: str | float, model: Model) -> Column:
        if isinstance(key, str):
            assert self._second is not None
            return Column(self._plain(self._second[1]))
        return Column(self._plain(model) if key == 1 else self._tempered(model, key))

    def _open(self, name: str, how: Mapping[str, Any]) -> Model:
        if self._second is None or self._second[0] != name:
            self._second = name, load(name, **how)
        return self._second[1]

    def _plain(self, model: Model) -> Score:
        engine = Interruptible(model.engine, lambda: self._stopping())
        scorer = Scorer(engine, model.tokenizer, direction_of(model))

        def score(texts: Sequence[str]) -> list[TextScore]:
            lines = (Line(text, None, number) for number, text in enumerate(texts, start=1))
            return list(scorer.score(lines, tokens=True, words=True))

        return score

    def _tempered(self, model: Model, temperature: float) -> Score:
        engine = Interruptible(model.engine, lambda: self._stopping())
        return TemperedScorer(engine, model.tokenizer, temperature, direction_of(model)).score


def direction_of(model: Model) -> Direction:
    """The way in which a model's lines are read, of those that one engine can."""
    return "backward" if model.direction == "backward" else "forward"
