r"""What SRILM's ``ngram -ppl`` writes: ``-debug 1``, with words ``-debug 2``, the total ``-debug 0``.

As there, an OOV is not scored: its line says ``<unk>``, ``[OOV] 0 [ -inf ]``, and logprob, ppl and ppl1 are without
it, though "words" counts it. So with W words, O OOVs, Z zeroprobs and S sentences, ppl is
10^(-logprob / (W - O - Z + S)) and ppl1 10^(-logprob / (W - O - Z)), undefined where nothing is left to divide by.
Text with OOVs looks good by this; so one line that SRILM does not have, "Perplexity including OOVs:" as KenLM writes
it, stands after the last block, with everything in it above and W + S below.

The number before "gram", there the length of the n-gram that matched, is the number of the word's tokens. Sentences
are line ends that count: with --no-eos there are 0, and ppl is ppl1. Empty lines are sentences too. Of several files
the last block is the sum. A sentence is written with a space for every blank; what remains of control characters is
escaped as in TSV.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rnncli.formats.layout import Layout
from rnncli.formats.spaced import Spaced, Sums, number, perplexity, spaced
from rnncli.formats.tsv import escape
from rnncli.records import TextScore

UNKNOWN, BEGIN = "<unk>", "<s>"
_BLANK = re.compile(r"\s")


def scores(scores: Iterable[TextScore], layout: Layout) -> Iterator[str]:
    """A block for each line, as it comes, and one for all."""
    whole = _Whole()
    for score in scores:
        line = spaced(score)
        yield escape(_BLANK.sub(" ", score.text))
        if layout.words:
            yield from _words(line)
        yield from _block(line.sums, _scored(line))
        yield ""
        whole.add(score.file, line)
    yield from whole.lines()


def total(scores: Iterable[TextScore], definition: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """The last block alone."""
    whole = _Whole()
    for score in scores:
        whole.add(score.file, spaced(score))
    yield from whole.lines()


class _Whole:
    """The sum of all lines, and where they came from."""

    def __init__(self) -> None:
        self._sums, self._scored = Sums(), 0.0
        self._first: str | None = None
        self._last: str | None = None
        self._files = 0

    def add(self, file: str | None, line: Spaced) -> None:
        if not self._files:
            self._first = file
        if not self._files or file != self._last:
            self._files += 1
        self._last = file
        self._sums = self._sums.plus(line.sums)
        self._scored += _scored(line)

    def lines(self) -> Iterator[str]:
        name = escape(self._first or "-") + (f" and {self._files - 1} more" if self._files > 1 else "")
        first, *rest = _block(self._sums, self._scored)
        yield f"file {name}: {first}"
        yield from rest
        yield f"Perplexity including OOVs:\t{_figure(self._sums.perplexity)}"


def _scored(line: Spaced) -> float:
    """The log-probability of what SRILM scores."""
    return math.fsum(part.logprob for part in line.all if not part.spelled and part.logprob > -math.inf)


def _block(sums: Sums, logprob: float) -> Iterator[str]:
    yield f"{sums.ends} sentences, {sums.words} words, {sums.oovs} OOVs"
    words = sums.words - sums.oovs - sums.zeros
    ppl, ppl1 = perplexity(logprob, words + sums.ends), perplexity(logprob, words)
    yield f"{sums.zeros} zeroprobs, logprob= {number(logprob)} ppl= {_figure(ppl)} ppl1= {_figure(ppl1)}"


def _words(line: Spaced) -> Iterator[str]:
    context = f"{BEGIN} "
    for part in line.all:
        name = UNKNOWN if part.spelled else escape(part.word)
        if part.spelled:
            value = "[OOV] 0 [ -inf ]"
        else:
            value = f"[{part.tokens}gram] {number(10.0**part.logprob)} [ {number(part.logprob)} ]"
        yield f"\tp( {name} | {context}) \t= {value}"
        context = f"{name} ..."


def _figure(value: float | None) -> str:
    return "undefined" if value is None else number(value)
