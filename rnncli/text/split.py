"""A training and a validation part of one corpus: the same parts each time they are read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

from rnncli.config import Unit
from rnncli.errors import ConfigError, CorpusError
from rnncli.text.read import ended, read_blocks
from rnncli.text.sources import Source, find_sources
from rnncli.text.survey import CorpusFacts, survey

Part = Literal["train", "valid"]
Routed: TypeAlias = "Iterator[tuple[Part, str]]"

FRACTION = 0.1
ENOUGH_DOCUMENTS = 10
_MORE = "Give more text, or a validation file with --valid FILE."
_LINE_START = re.compile(r"^[^\S\n]*\S", re.MULTILINE)
_SPACE_AFTER_TEXT = re.compile(r"(?<=\S)\s")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Split:
    """What to validate on: files, or else a fraction of the corpus."""

    fraction: float = FRACTION
    valid: tuple[Source, ...] = ()


def parse_split(value: str | None) -> Split:
    """The Split that ``--valid`` asks for: a number between 0 and 1 is a fraction, all else a file."""
    if value is None:
        return Split()
    try:
        fraction = float(value)
    except ValueError:
        return Split(valid=tuple(find_sources([value])))
    if not 0 < fraction < 1:
        raise ConfigError(f"--valid must be a file or a fraction between 0 and 1; got {value}")
    return Split(fraction)


@dataclass(frozen=True)
class Parts:
    """Both parts of a corpus, as streams of blocks that may be read any number of times.

    ``how`` says in words what the validation part is. ``share`` below 1 leaves out blocks of the training
    part, evenly spread.
    """

    how: str
    share: float
    _route: Callable[[], Routed] = field(repr=False)
    _apart: Callable[[], Iterator[str]] | None = field(default=None, repr=False)
    """The validation part, where it can be had without the other."""

    def train(self) -> Iterator[str]:
        return _spread((text for part, text in self._route() if part == "train"), self.share)

    def valid(self) -> Iterator[str]:
        if self._apart is not None:
            return self._apart()
        return (text for part, text in self._route() if part == "valid")


def split_blocks(
    sources: Sequence[Source],
    encoding: str,
    unit: Unit,
    split: Split,
    *,
    facts: CorpusFacts | None = None,
    share: float = 1.0,
) -> Parts:
    """The parts of a corpus. ``facts`` of the same sources spare a reading of them.

    Lines: every so-many-th. Many documents: whole ones, evenly spread. Else the end of the text, from the
    start of a line. Neither part is ever blank: a CorpusError says what is missing.
    """
    facts = facts or survey(sources, encoding)
    lines = facts.lines - facts.blank_lines
    if not lines:
        raise CorpusError("the corpus holds no text", hint="Give a file with some text in it.")
    if split.valid:
        if not any(text.strip() for text in _read(split.valid, encoding)):
            raise CorpusError(f"the validation text {split.valid[0].name} is empty", hint=_MORE)
        names = [source.name for source in split.valid]
        how = ", ".join([os.path.basename(name) for name in names[:3]] + ["..."] * (len(names) > 3))
        return Parts(how, share, partial(_alone, sources, encoding), partial(_read, split.valid, encoding))
    if unit == "lines":
        if lines < 2:
            raise CorpusError("the corpus has 1 line, and it takes 2: to train on and to validate on", hint=_MORE)
        chosen = min(max(1, round(lines * split.fraction)), lines - 1)
        how = f"{chosen:,} of {lines:,} lines, evenly spread"
        return Parts(how, share, partial(_by_line, sources, encoding, lines, chosen))
    documents = _whole_documents(facts, split.fraction)
    if documents and _both_show(sources, encoding, documents):
        how = f"{len(documents):,} of {facts.documents:,} documents, evenly spread"
        return Parts(how, share, partial(_by_document, sources, encoding, documents))
    cut = _tail_start(sources, encoding, facts, split.fraction)
    how = f"the last {(facts.chars - cut) / facts.chars:.1%} of the text"
    return Parts(how, share, partial(_by_place, sources, encoding, cut))


def _read(sources: Iterable[Source], encoding: str) -> Iterator[str]:
    """The documents one after the other, each ended by a newline."""
    for source in sources:
        yield from ended(read_blocks(source, encoding))


def _spread(blocks: Iterator[str], share: float) -> Iterator[str]:
    """An evenly spread share of the blocks, the first always among them."""
    if share >= 1:
        yield from blocks
        return
    kept, last = 0, "\n"
    for number, block in enumerate(blocks, 1):
        if kept < number * share or not kept:  # of next to no time the share is 0
            yield block
            kept, last = kept + 1, block
        elif not last.endswith("\n"):  # the rest of an overlong line was left out
            yield "\n"
            last = "\n"


def _alone(sources: Sequence[Source], encoding: str) -> Routed:
    return (("train", block) for block in _read(sources, encoding))


def _by_line(sources: Sequence[Source], encoding: str, lines: int, chosen: int) -> Routed:
    """``chosen`` of ``lines`` lines are for validation; blank ones are not counted and stay in training."""
    index, unfinished = 0, None
    half = lines // 2
    for block in _read(sources, encoding):
        found: dict[Part, list[str]] = {"train": [], "valid": []}
        for line in _LINE.findall(block):
            part: Part = unfinished or "train"
            if unfinished is None and not line.isspace():
                due = ((index + 1) * chosen + half) // lines > (index * chosen + half) // lines
                part, index = "valid" if due else "train", index + 1
            found[part].append(line)
            unfinished = None if line.endswith("\n") else part
        for part, texts in found.items():
            if texts:
                yield part, "".join(texts)


def _whole_documents(facts: CorpusFacts, fraction: float) -> frozenset[int]:
    """Numbers of the documents to validate on; none where too few or too unequal."""
    if facts.documents < ENOUGH_DOCUMENTS:
        return frozenset()
    chosen: set[int] = set()
    seen = taken = 0
    for number, chars in enumerate(facts.document_chars):
        seen += chars
        if chars > 1 and fraction * seen - taken >= chars / 2:
            chosen.add(number)
            taken += chars
    near = fraction / 2 <= taken / facts.chars <= min(2 * fraction, (1 + fraction) / 2)
    return frozenset(chosen) if near else frozenset()


def _both_show(sources: Sequence[Source], encoding: str, chosen: frozenset[int]) -> bool:
    """Whether there is text in the documents that are chosen and in those that are not."""
    sides = ([source for n, source in enumerate(sources) if (n in chosen) == side] for side in (True, False))
    return all(any(text.strip() for text in _read(side, encoding)) for side in sides)


def _by_document(sources: Sequence[Source], encoding: str, chosen: frozenset[int]) -> Routed:
    for number, source in enumerate(sources):
        for block in _read([source], encoding):
            yield ("valid" if number in chosen else "train"), block


def _by_place(sources: Sequence[Source], encoding: str, cut: int) -> Routed:
    place = 0
    for block in _read(sources, encoding):
        before = min(max(0, cut - place), len(block))
        if before:
            yield "train", block[:before]
        if before < len(block):
            yield "valid", block[before:]
        place += len(block)


def _tail_start(sources: Sequence[Source], encoding: str, facts: CorpusFacts, fraction: float) -> int:
    """Where the validation part begins: the start of the line nearest the due place, text on both sides."""
    due = round(facts.chars * (1 - fraction))
    below, above = _line_starts_around(_read(sources, encoding), due)
    near = min((at for at in (below, above) if at is not None), key=lambda at: abs(at - due), default=None)
    # Lines so long that none begins near would give parts of quite another size.
    if near is None or abs(near - due) > max(1000, facts.chars * fraction / 2):
        return _inside_line(sources, encoding, fraction)
    return near


def _line_starts_around(blocks: Iterator[str], due: int) -> tuple[int | None, int | None]:
    """The last line start up to a place and the first after it; the start of the text is none."""
    place, fresh, first = 0, True, True
    below: int | None = None
    for block in blocks:
        for match in _LINE_START.finditer(block):
            if match.start() == 0 and not fresh:
                continue  # the block goes on with an overlong line
            at = place + match.start()
            if not first and at > due:
                return below, at
            below, first = (None if first else at), False
        place, fresh = place + len(block), block.endswith("\n")
    return below, None


def _inside_line(sources: Sequence[Source], encoding: str, fraction: float) -> int:
    """Where to cut a text of one line: before the space nearest to the due place, or right there."""
    place, begin, end = 0, -1, 0
    for block in _read(sources, encoding):
        shown = block.rstrip()
        if shown:
            begin = begin if begin >= 0 else place + len(block) - len(block.lstrip())
            end = place + len(shown)
        place += len(block)
    if end - begin < 2:
        raise CorpusError("the corpus is one character: there is nothing to train on", hint=_MORE)
    due = min(max(begin + 1, round(begin + (end - begin) * (1 - fraction))), end - 1)
    place, best = 0, -1
    for block in _read(sources, encoding):
        low, high = max(begin + 1, due - 1000) - place, min(end, due + 1000) - place
        if high > 0 and low < len(block):
            for match in _SPACE_AFTER_TEXT.finditer(block, max(0, low), high):
                at = place + match.start()
                best = at if best < 0 or abs(at - due) < abs(best - due) else best
        place += len(block)
    return best if best >= 0 else due
