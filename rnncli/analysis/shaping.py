"""What is done to lines before they are scored, and to their scores afterwards."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from rnncli.analysis.columns import TextColumn
from rnncli.analysis.regions import by_region, unmark
from rnncli.inference.plan import Line
from rnncli.records import TextScore
from rnncli.text.units import lines_in_words, word_spans

_DIGIT = re.compile(r"\d")


def mask(text: str) -> str:
    """Every digit as its script's 0: so numbers, dates and times of one form are alike, and no place moves."""
    return _DIGIT.sub(lambda digit: chr(ord(digit.group()) - int(digit.group())), text)


class Shaping:
    """One way from lines to texts, and back from scores: ``before`` for each line, then ``after`` for all scores.

    ``prefix``: before every text. ``columns``: rows hold the text. ``regions``: the mark between regions, which take
    the place of words; with ``words`` it is only taken out. ``masked``: digits are read as 0. ``raw``: the bytes of
    each line, end included, stay with it, as Latin-1 in the last cell beside.
    """

    def __init__(
        self,
        *,
        prefix: str = "",
        columns: TextColumn | None = None,
        regions: str = "",
        words: bool = False,
        masked: bool = False,
        raw: bool = False,
    ) -> None:
        self._prefix, self._columns, self._regions = prefix, columns, regions
        self._masked, self._raw, self._words = masked, raw, words
        self._restores = bool(regions) or masked
        self.header = b""
        """The first line that names columns, as it came."""
        self._lines = self._marked = self._inside = self._touching = self._blank = 0

    def like(self) -> Shaping:
        """The same for another text."""
        columns = None if self._columns is None else self._columns.like()
        return Shaping(prefix=self._prefix, columns=columns, regions=self._regions, masked=self._masked, raw=self._raw)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns beside the text, known after the first line."""
        return () if self._columns is None else self._columns.names

    def before(self, line: Line, data: bytes) -> Line | None:
        """The line as it is scored; None where it only names columns. ``data``: its bytes, its end included."""
        taken = line if self._columns is None else self._columns.take(line)
        if taken is None:
            self.header = self.header or data
            return None
        text, hidden = taken.text, list[str]()
        self._lines += 1
        if self._restores:
            hidden.append(text)
            text = self._unmarked(text) if self._regions else text
            text = mask(text) if self._masked else text
        if self._raw:
            hidden.append(data.decode("latin-1"))
        prefix = taken.prefix or self._prefix
        self._touching += prefix[-1:].isalnum() and text[:1].isalnum() and prefix.isascii() and text.isascii()
        self._blank += prefix[-1:].isspace()
        prefix = mask(prefix) if self._masked else prefix
        return taken._replace(text=text, prefix=prefix, beside=(*taken.beside, *hidden))

    def _unmarked(self, text: str) -> str:
        plain, starts = unmark(text, self._regions)
        self._marked += len(starts) > 1
        if len(starts) > 1:
            spans = word_spans(plain)
            self._inside += any(begin < start < end for start in starts for begin, end in spans)
        return plain

    def warnings(self) -> Iterator[str]:
        """What of the lines so far was hardly meant so."""
        if self._touching:
            yield (
                f"in {lines_in_words(self._touching)} prefix and text touch, letter to letter, and are read as one "
                "word: the blank between them belongs to the text"
            )
        if self._blank:
            yield (
                f"in {lines_in_words(self._blank)} the prefix ends in a blank, which is then not the text's: "
                "candidates compare better with the blank before each"
            )
        if self._regions and self._lines and not self._marked:
            yield f"no line has the mark {self._regions!r}: each is one region"
        if self._inside:
            yield (
                f"in {lines_in_words(self._inside)} a mark stands inside a word (punctuation is part of one): "
                "the word counts where it begins"
            )

    def after(self, scores: Iterable[TextScore]) -> Iterator[TextScore]:
        """The scores with the texts as they came, and with regions in place of words."""
        if not self._restores:
            yield from scores
            return
        place = -2 if self._raw else -1
        for score in scores:
            given = str(score.beside[place])
            beside = (*score.beside[:place], *score.beside[len(score.beside) + place + 1 :])
            text = given
            if self._regions:
                marked = unmark(given, self._regions)
                score, text = score if self._words else by_region(score, marked), marked.text
            yield dataclasses.replace(score, text=text, beside=beside)
