"""What a corpus is like, from one pass over it: the numbers that the recipe chooses by."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncli.config import Unit
from rnncli.text.characters import CharacterCounts, code_points
from rnncli.text.coverage import Coverage
from rnncli.text.read import ended, read_blocks
from rnncli.text.sources import Source
from rnncli.text.units import WordCount, count_words, distinct_words

FEW_LINES = 20
LONGEST = 1 << 16
_VISIBLE = np.array([not chr(code).isspace() for code in range(0x3002)])
"""Whether a code point shows; all from the last entry on do."""
_OPEN = frozenset(",;:—–-，、；：،")
_ENDS = frozenset(".!?…。！？।॥؟。")
_CLOSERS = "\"'”’»)]」』）】*_ "


@dataclass(frozen=True, kw_only=True)
class CorpusFacts:
    """A corpus in numbers. Lengths are code points without the line's end, of lines that are not blank.

    ``chars`` and ``bytes`` are of the text as read: LF line ends, and each document ends in one. Shares and
    ``distinct_words`` are of an evenly spread sample where the corpus is large.
    """

    documents: int
    document_chars: tuple[int, ...]
    bytes: int
    chars: int
    lines: int
    blank_lines: int
    longest_line: int
    mean_line: float
    median_line: int
    p95_line: int
    words: int
    distinct_words: int
    sampled_words: int
    distinct_chars: int
    common_chars: int
    """Those that come often enough to be tokens of the hybrid tokenizer."""
    coverage: tuple[float, ...]
    """Tokens a character, with so many words as wholes as ``coverage.SIZES`` tells; empty where there is no text."""
    repeats: tuple[int, ...]
    """How many words come so often as ``coverage.TIMES`` tells; empty where that is not known."""
    ends_sentence: float
    """Share of lines that end in a full stop or its like."""
    ends_open: float
    """Share of lines that end in a comma, semicolon, colon or dash: the sentence goes on."""
    continued: float
    """Share of lines that end without one and go on in the next with a word in small letters."""
    indented: float
    duplicates: float
    """Share of lines that stood in the sample before."""
    fingerprint: str
    """SHA-256 of the text."""

    def in_words(self) -> str:
        """How long it is."""
        return f"{_count(self.chars)} characters, {_count(self.lines)} lines"

    seconds: float


def guess_unit(facts: CorpusFacts) -> tuple[Unit, str]:
    """Whether the text runs on or each line stands alone, and the reason in words.

    Text that runs on shows it: paragraphs have blank lines between them, sentences go on in the next line,
    code is indented. Where nothing of the kind is seen, a line is a record.
    """
    shown = facts.lines - facts.blank_lines
    blank = facts.blank_lines / max(1, facts.lines)
    words = facts.words / max(1, shown)
    if shown < FEW_LINES:
        return "stream", f"it has {shown} line{'' if shown == 1 else 's'} only"
    if blank >= 0.02:
        return "stream", f"blank lines divide it ({blank:.0%} of its lines)"
    longer = facts.p95_line * facts.words / max(1, facts.chars)
    if longer >= 150:
        return "stream", f"its lines are passages (one in twenty has {longer:.0f} words and more)"
    if 0.15 <= facts.indented < 0.98:
        return "stream", f"{facts.indented:.0%} of its lines are indented"
    if facts.ends_open >= 0.2:
        return "stream", f"{facts.ends_open:.0%} of its lines break off at a comma or its like"
    wrapped = facts.median_line >= 0.7 * facts.p95_line and facts.ends_sentence >= 0.02
    if facts.continued >= 0.2 and words >= 4 and wrapped:
        return "stream", f"sentences run on over line ends ({facts.continued:.0%} of its lines)"
    return "lines", f"{shown:,} lines of {facts.median_line} characters, and nothing runs on over their ends"


def _goes_on(line: str) -> bool:
    """Whether it begins as the rest of a sentence does: with a word in small letters, and not as a record of a log."""
    return line[0].islower() and not any(char.isdigit() for char in line.split(None, 1)[0])


class _Shape:
    """How lines begin and end, from a sample of blocks."""

    def __init__(self, lines: int) -> None:
        self._limit, self._stride, self._index = lines, 1, -1
        self.lines = self.ends = self.open = self.continued = self.indented = self.again = self.words = 0
        self.vocabulary: set[str] = set()
        self._seen: set[int] = set()

    def add(self, block: str) -> None:
        self._index += 1
        if self._index % self._stride:
            return
        self.words += count_words(block)
        self.vocabulary |= distinct_words(block)
        lines = [line for line in block.split("\n") if line and not line.isspace()]
        last = [line.rstrip(_CLOSERS)[-1:] for line in lines]
        ends = [char in _ENDS for char in last]
        self.ends += sum(ends)
        self.open += sum(char in _OPEN for char in last)
        pairs = zip(ends, lines[1:], strict=False)
        self.continued += sum(not end and _goes_on(after) for end, after in pairs)
        self.indented += sum(line[0] in " \t" for line in lines)
        known = {hash(line) for line in lines}
        self.again += len(lines) - len(known - self._seen)
        self._seen |= known
        self.lines += len(lines)
        while self.lines > self._limit * self._stride:
            self._stride *= 2

    def share(self, number: int) -> float:
        """So many lines, of those that were looked at."""
        return number / max(1, self.lines)


class _Lengths:
    """A histogram of line lengths, and how many lines are blank."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(LONGEST + 1, np.int64)
        self.total = self.blank = self.longest = 0
        self._open = 0
        self._open_blank = True

    def add(self, codes: NDArray[np.uint8] | NDArray[np.uint32]) -> None:
        """Lines of a block; what stands after its last newline waits for the next block."""
        ends = np.flatnonzero(codes == 10)
        visible = np.cumsum(_VISIBLE.take(codes, mode="clip"), dtype=np.int64)
        if not len(ends):
            self._wait(len(codes), int(visible[-1]) if len(visible) else 0)
            return
        lengths = np.diff(ends, prepend=-1) - 1
        shown = np.diff(visible[ends], prepend=0)
        lengths[0] += self._open
        blank = shown == 0
        blank[0] &= self._open_blank
        self._open, self._open_blank = 0, True
        self._wait(len(codes) - int(ends[-1]) - 1, int(visible[-1] - visible[ends[-1]]))
        self.total += len(ends)
        self.blank += int(blank.sum())
        lengths = lengths[~blank]
        if len(lengths):
            self.longest = max(self.longest, int(lengths.max()))
            found = np.bincount(np.minimum(lengths, LONGEST))
            self._counts[: len(found)] += found

    def _wait(self, length: int, shown: int) -> None:
        self._open += length
        self._open_blank &= shown == 0

    def quantile(self, share: float) -> int:
        reached = np.cumsum(self._counts)
        return int(np.searchsorted(reached, share * reached[-1])) if reached[-1] else 0

    @property
    def mean(self) -> float:
        number = int(self._counts.sum())
        return float(self._counts @ np.arange(LONGEST + 1)) / number if number else 0.0


def survey(sources: Sequence[Source], encoding: str = "utf-8", sample: int = 100_000) -> CorpusFacts:
    """What the text of ``sources`` is like; about ``sample`` lines are looked at for the costlier shares."""
    started = time.monotonic()
    characters, lengths, shape, digest = CharacterCounts(), _Lengths(), _Shape(sample), hashlib.sha256()
    document_chars, size, words, coverage = [0] * len(sources), 0, WordCount(), Coverage()
    for number, source in enumerate(sources):
        for block in ended(read_blocks(source, encoding)):
            data = block.encode("utf-8", "surrogatepass")
            codes = code_points(block)
            digest.update(data)
            characters.add(codes)
            lengths.add(codes)
            document_chars[number] += len(block)
            size += len(data)
            for count in (shape, words, coverage):
                count.add(block)
    return CorpusFacts(
        documents=len(sources),
        document_chars=tuple(document_chars),
        bytes=size,
        chars=sum(document_chars),
        lines=lengths.total,
        blank_lines=lengths.blank,
        longest_line=lengths.longest,
        mean_line=lengths.mean,
        median_line=lengths.quantile(0.5),
        p95_line=lengths.quantile(0.95),
        words=words.words,
        distinct_words=len(shape.vocabulary),
        sampled_words=shape.words,
        distinct_chars=characters.distinct,
        common_chars=characters.common,
        coverage=coverage.tokens_a_char(characters.seldom / max(1, sum(document_chars))),
        repeats=coverage.repeats(),
        ends_sentence=shape.share(shape.ends),
        ends_open=shape.share(shape.open),
        continued=shape.share(shape.continued),
        indented=shape.share(shape.indented),
        duplicates=shape.share(shape.again),
        fingerprint=digest.hexdigest(),
        seconds=time.monotonic() - started,
    )


def _count(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"
