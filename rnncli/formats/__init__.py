"""Records as strings, a line each and without its end. A format is a module's functions and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from rnncli.formats import json, tsv
from rnncli.records import Tally, TextScore


class Header(Protocol):
    def __call__(self, *, tokens: bool = False, words: bool = False) -> Iterator[str]: ...


class Record(Protocol):
    def __call__(
        self, score: TextScore, number: int, *, tokens: bool = False, words: bool = False
    ) -> Iterator[str]: ...


class Format(NamedTuple):
    """How scores are written.

    ``header``: what stands before the first score. ``record``: the lines of one score, the ``number``-th from
    1. ``total``: those of the sum of all, in place of records; ``definition`` says what was computed, in
    words.
    """

    header: Header
    record: Record
    total: Callable[[Tally, Mapping[str, Any]], Iterator[str]]


FORMATS: dict[str, Format] = {
    "tsv": Format(tsv.header, tsv.record, tsv.total),
    "json": Format(json.header, json.record, json.total),
}
