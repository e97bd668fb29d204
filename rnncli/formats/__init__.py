"""Records as strings, a line each and without its end. A format is a module's functions and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from rnncli.formats import json, kenlm, srilm, tsv
from rnncli.formats.layout import Layout as Layout
from rnncli.records import TextScore


class Format(NamedTuple):
    """How scores are written.

    ``scores``: all of them, what stands before the first and after the last included, each as soon as it comes.
    ``total``: the sum of all, in place of them; the mapping says what was computed, in words.
    ``needs_words``: whether it asks for the words of each line at every level.
    """

    scores: Callable[[Iterable[TextScore], Layout], Iterator[str]]
    total: Callable[[Iterable[TextScore], Mapping[str, Any], Layout], Iterator[str]]
    needs_words: bool = False


FORMATS: dict[str, Format] = {
    "tsv": Format(tsv.scores, tsv.total),
    "json": Format(json.scores, json.total),
    "kenlm": Format(kenlm.scores, kenlm.total, needs_words=True),
    "srilm": Format(srilm.scores, srilm.total, needs_words=True),
}
