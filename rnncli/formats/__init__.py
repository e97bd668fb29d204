"""Records as strings, a line each and without its end. A format is a module's functions and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from rnncli.formats import json, tsv
from rnncli.formats.layout import Layout as Layout
from rnncli.records import Tally, TextScore


class Format(NamedTuple):
    """How scores are written.

    ``scores``: all of them, what stands before the first and after the last included, each as soon as it comes.
    ``total``: the sum of all, in place of them; the mapping says what was computed, in words.
    """

    scores: Callable[[Iterable[TextScore], Layout], Iterator[str]]
    total: Callable[[Tally, Mapping[str, Any], Layout], Iterator[str]]


FORMATS: dict[str, Format] = {
    "tsv": Format(tsv.scores, tsv.total),
    "json": Format(json.scores, json.total),
}
