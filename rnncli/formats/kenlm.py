"""What KenLM's ``query -v`` writes: lines and the summary, or with words too, or the summary alone.

Plain is ``-v 1``, with words ``-v 2``, the total ``-v 0``. A word is ``word=ID LENGTH LOG10`` and a tab. Two fields
have no counterpart: ID is 0 for an OOV, as there, and 1 for every other word and the line's end; LENGTH, there of the
n-gram that matched, is the number of the word's tokens. "Total" is of the whole line, OOVs and end included, and so is
"Perplexity including OOVs", over all "Tokens": words, OOVs among them, and ends. "Excluding" leaves OOVs out above and
below. Without ends it is ``query -n``. What has no value is nan. What remains of control characters in a word is
escaped as in TSV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rnncli.formats.layout import Layout
from rnncli.formats.spaced import SpacedWord, Sums, number, perplexity, spaced
from rnncli.formats.tsv import escape
from rnncli.records import TextScore


def scores(scores: Iterable[TextScore], layout: Layout) -> Iterator[str]:
    """A line for each line, as it comes, and the summary."""
    sums = Sums()
    for score in scores:
        line = spaced(score)
        words = "".join(map(_word, line.all)) if layout.words else ""
        yield f"{words}Total: {number(line.sums.logprob)} OOV: {line.sums.oovs}"
        sums = sums.plus(line.sums)
    yield from _summary(sums)


def total(scores: Iterable[TextScore], definition: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """The summary alone."""
    sums = Sums()
    for score in scores:
        sums = sums.plus(spaced(score).sums)
    yield from _summary(sums)


def _word(word: SpacedWord) -> str:
    return f"{escape(word.word)}={int(not word.spelled)} {word.tokens} {number(word.logprob)}\t"


def _summary(sums: Sums) -> Iterator[str]:
    tokens = sums.words + sums.ends
    yield f"Perplexity including OOVs:\t{_figure(sums.perplexity)}"
    yield f"Perplexity excluding OOVs:\t{_figure(perplexity(sums.known_logprob, tokens - sums.oovs))}"
    yield f"OOVs:\t{sums.oovs}"
    yield f"Tokens:\t{tokens}"


def _figure(value: float | None) -> str:
    return "nan" if value is None else number(value)
