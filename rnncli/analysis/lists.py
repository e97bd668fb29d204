"""Tab-separated lists of texts that are judged against each other: pairs and candidates, one a line.

A cell is taken as it is: nothing in it is quoted or escaped, so that no text can hold a tab. All lines of a file have
as many columns as its first. Nothing is left out silently: a line that cannot be read is an error that names it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rnncli.errors import CorpusError
from rnncli.inference.plan import FLUSH, Flush, Line

PAIR_COLUMNS = "good and bad, or group, good and bad"
LIST_COLUMNS = "group, other score and text, and errors if they are known"
TUNING_COLUMNS = "group, other score, text and errors"
MOST = 1e100
"""No score and no count of errors is as large: beyond, sums and differences would not be finite."""
_SHOWN = 40
"""Characters of a cell that an error quotes."""


class Pair(NamedTuple):
    """Two texts, of which the good one should be the likelier. ``group`` is None where the list has none."""

    good: str
    bad: str
    group: str | None = None
    line: int = 1
    file: str | None = None


class Candidate(NamedTuple):
    """One text of those that stand for the same thing, with another model's score of it: the higher, the better."""

    group: str
    other: float
    text: str
    errors: float | None = None
    """What choosing it costs: the lower, the better."""
    line: int = 1
    file: str | None = None


class _Row(NamedTuple):
    line: Line
    cells: list[str]
    first: bool
    """Whether it is the first of its file."""

    def wrong(self, what: str, hint: str) -> CorpusError:
        return CorpusError(f"{_place(self.line)} {what}", hint=hint)


class _Places(NamedTuple):
    """Where the cells of a pair are, from 0."""

    good: int
    bad: int
    group: int | None


def read_pairs(lines: Iterable[Line | Flush], name: str, *, skip_empty: bool = False) -> Iterator[Pair | Flush]:
    """The pairs of a list. Two columns are good and bad; where there are three, the first names the group.

    A file's first line is a header if one of its cells is "good", or ends so ("sentence_good"), and another "bad":
    those columns are then found by name, and the one that is left is the group. ``name`` is what the list is called
    where it is empty; ``skip_empty``: whether lines without a character are left out. FLUSH goes through; before an
    error there is one, so that what came before it is answered.
    """
    places = _Places(0, 1, None)
    found = False
    try:
        for row in _rows(lines, (2, 3), PAIR_COLUMNS, skip_empty):
            if isinstance(row, Flush):
                yield row
                continue
            line, cells, first = row
            if first:
                named = _named(cells)
                places = named or (_Places(0, 1, None) if len(cells) == 2 else _Places(1, 2, 0))
                if named:
                    continue
            found = True
            group = None if places.group is None else cells[places.group]
            yield Pair(cells[places.good], cells[places.bad], group, line.number, line.file)
        if not found:
            raise CorpusError(f"{name} holds no pair", hint=f"Its columns are {PAIR_COLUMNS}, separated by tabs.")
    except CorpusError:
        yield FLUSH
        raise


def _named(cells: Sequence[str]) -> _Places | None:
    """The places of the columns by a header's names; None: it is none."""
    # BLiMP calls them sentence_good and sentence_bad.
    names = [re.sub(r"^\w+_(?=good$|bad$)", "", cell.strip().casefold()) for cell in cells]
    if names.count("good") != 1 or names.count("bad") != 1:
        return None
    good, bad = names.index("good"), names.index("bad")
    rest = [place for place in range(len(names)) if place not in (good, bad)]
    return _Places(good, bad, rest[0] if rest else None)


def read_candidates(
    lines: Iterable[Line | Flush], name: str, *, with_errors: bool = False, skip_empty: bool = False
) -> Iterator[Candidate | Flush]:
    """The candidates of a list, those of a group one after the other: a group that comes back is an error.

    The columns are group, other score, text and, where it is known (``with_errors``: it must be), the errors. A file's
    first line is a header if its score begins with a letter and is no number. All that is kept of a group that is over
    is its name. FLUSH goes through; before an error there is one, so that what came before it is answered.
    """
    expected = TUNING_COLUMNS if with_errors else LIST_COLUMNS
    found = False
    over: set[str] = set()
    group: str | None = None
    try:
        for row in _rows(lines, (4,) if with_errors else (3, 4), expected, skip_empty):
            if isinstance(row, Flush):
                yield row
                continue
            if row.first and _is_name(row.cells[1]):
                continue
            candidate = _candidate(row, expected)
            if candidate.group != group:
                if candidate.group in over:
                    hint = "Sort the list by its groups: sort -s -t $'\\t' -k 1,1"
                    raise row.wrong(f"comes back to the group {_shown(candidate.group)}", hint)
                if group is not None:
                    over.add(group)
                group = candidate.group
            found = True
            yield candidate
        if not found:
            raise CorpusError(f"{name} holds no candidate", hint=f"Its columns are {expected}, separated by tabs.")
    except CorpusError:
        yield FLUSH
        raise


def _candidate(row: _Row, expected: str) -> Candidate:
    errors = _number(row, 3, "errors", expected) if len(row.cells) > 3 else None
    other = _number(row, 1, "other score", expected)
    return Candidate(row.cells[0], other, row.cells[2], errors, row.line.number, row.line.file)


def _number(row: _Row, column: int, what: str, expected: str) -> float:
    cell = row.cells[column]
    value = _value(cell)
    if value is None or not abs(value) <= MOST:
        finite = value is not None and math.isfinite(value)
        problem = "which is no number" if value is None else f"beyond {MOST:g}" if finite else "which is not finite"
        raise row.wrong(f"has {_shown(cell)} as {what}, {problem}", f"The columns are {expected}.")
    return value


def _value(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _is_name(cell: str) -> bool:
    return cell.strip()[:1].isalpha() and _value(cell) is None


def _rows(
    lines: Iterable[Line | Flush], widths: Sequence[int], expected: str, skip_empty: bool
) -> Iterator[_Row | Flush]:
    """The lines as cells; as many in each line of a file as in its first."""
    origin: tuple[str | None, int] | None = None
    width = 0
    for line in lines:
        if isinstance(line, Flush):
            yield line
            continue
        if skip_empty and not line.text:
            continue
        first = line.origin != origin
        row = _Row(line, line.text.split("\t"), first)
        if not line.text:
            raise row.wrong("is empty", "--skip-empty leaves such lines out.")
        if len(row.cells) not in widths:
            raise row.wrong(f"has {_columns(row)}", f"The columns are {expected}, separated by tabs.")
        if not first and len(row.cells) != width:
            raise row.wrong(f"has {_columns(row)}, those before it {width}", "All lines need as many as the first.")
        origin, width = line.origin, len(row.cells)
        yield row


def _columns(row: _Row) -> str:
    return "1 column" if len(row.cells) == 1 else f"{len(row.cells)} columns"


def _place(line: Line) -> str:
    return f"{line.file}, line {line.number}"


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "\u2026")
