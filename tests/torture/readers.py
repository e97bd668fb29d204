"""What the readers of tables and texts make of any bytes: records, or a refusal that names the place; never else.

Each target takes bytes and raises where the program does what it must not. ``tables.py`` makes the bytes.
"""

from __future__ import annotations

import io
import json
import math
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rnncli.analysis.calibrate import number_of, percent_of
from rnncli.analysis.columns import TextColumn
from rnncli.analysis.lists import Pair, read_candidates, read_pairs
from rnncli.analysis.nbest import best, groups
from rnncli.analysis.pairs import accuracies, judged
from rnncli.analysis.shaping import Shaping
from rnncli.analysis.tuning import fit
from rnncli.config import TokenizerKind
from rnncli.errors import ConfigError, CorpusError
from rnncli.formats import json as as_json
from rnncli.formats import tsv
from rnncli.inference.plan import Flush, Line
from rnncli.records import Tally, TextScore
from rnncli.text.escapes import text_of
from rnncli.text.read import decode_line, iter_lines, raw_lines, read_blocks, trim
from rnncli.text.sources import Source
from rnncli.text.survey import survey
from rnncli.text.tokenizers import TOKENIZERS
from tests.torture import strings

REFUSED = (CorpusError, ConfigError)
ENCODINGS = (
    *("utf-8", "utf-8", "utf-8", "latin-1", "utf-16", "utf-16-le", "utf-32", "gb18030", "shift_jis"),
    *("cp1252", "utf-7", "utf-8-sig", "euc_kr", "iso2022_jp", "unicode_escape", "cp037"),
)
ENDINGS = (".txt", ".txt", ".gz", ".xz", ".bz2", ".zst")
BLOCKS = (7, 64, 1000, 1 << 18)
KINDS: tuple[TokenizerKind, ...] = tuple(TOKENIZERS)
MOST = 1 << 22
"""Bytes of a text that are looked at: a few may expand to very many."""

FEW = 20_000
"""Code points of a text that is read in small blocks, too."""


class NotHeldError(AssertionError):
    """Something that is promised did not hold."""


def hold(what: str, held: object) -> None:
    """Raise where it did not."""
    if not held:
        raise NotHeldError(what)


def _take(data: bytes) -> tuple[int, bytes]:
    """A choice, from the first byte, and the rest."""
    return (data[0], data[1:]) if data else (0, b"")


def lines_of(data: bytes) -> Iterator[Line]:
    """The lines of a file as ``rnncli score`` reads them."""
    for number, line in enumerate(raw_lines(io.BytesIO(data), "f"), 1):
        yield Line(decode_line(trim(line, first=number == 1))[0], "f", number)


def score(lines: Iterable[Line | Flush]) -> Iterator[TextScore]:
    """A stand-in for a model: what a text says decides its figure, some are infinite, many tie."""
    for line in lines:
        if isinstance(line, Line):
            logprob = -math.inf if "inf" in line.text else -float(sum(map(ord, line.text)) % 97)
            yield TextScore(text=line.text, tally=Tally(logprob=logprob, tokens=1, lines=1), beside=line.beside)


def written(names: tuple[str, ...], record: tuple[object, ...]) -> None:
    """What is written of a record can be read: strict JSON, and a row with as many cells as names, on one line."""
    value = json.loads(as_json.dumps(dict(zip(names, record, strict=True))), parse_constant=_refuse)
    hold("JSON has all", value.keys() == set(names))
    row = tsv.row(record)  # type: ignore[arg-type]
    hold("a row is a line", len(row.splitlines()) <= 1 and row.count("\t") == len(names) - 1)


def _refuse(name: str) -> None:
    raise NotHeldError(f"{name} in JSON")


def lists(data: bytes) -> None:
    """Pairs, candidates, candidates to tune with."""
    choice, data = _take(data)
    skip = bool(choice & 4)
    try:
        match choice % 3:
            case 0:
                _pairs(data, skip)
            case 1:
                weight = (0.0, 1.0, 1e9, 5e-324)[choice >> 3 & 3]
                for members in groups(read_candidates(lines_of(data), "f", skip_empty=skip), score):
                    found = best(members, weight)
                    hold("a sum is a number", found.combined == found.combined)
                    written(found._fields, found)
            case 2:
                read = read_candidates(lines_of(data), "f", with_errors=True, skip_empty=skip)
                found_fit = fit(groups(read, score))
                hold("a weight is finite", math.isfinite(found_fit.weight) and 0 <= found_fit.low <= found_fit.weight)
                hold("errors are", found_fit.errors_oracle <= found_fit.errors <= found_fit.errors_without)
                written(found_fit._fields, found_fit)
    except REFUSED:
        pass


def _pairs(data: bytes, skip: bool) -> None:
    pairs = [one for one in read_pairs(lines_of(data), "f", skip_empty=skip) if isinstance(one, Pair)]
    verdicts = list(judged(pairs, score))
    hold("each pair is judged", [one.line for one in verdicts] == [pair.line for pair in pairs])
    rows = accuracies(verdicts)
    hold("groups make up the whole", rows[-1].pairs == len(pairs) and rows[-1].right <= len(pairs))
    for verdict in verdicts:
        written(verdict._fields, verdict)
    for row in rows:
        written(row._fields, row)


def columns(data: bytes) -> None:
    """Rows of which a column is the text, chosen by the first line; and numbers as they are typed."""
    choice, data = _take(data)
    wanted, _, data = data.partition(b"\n")
    names = [name or None for name in decode_line(wanted)[0].split("\t")[:3]]
    text, prefix, label = (*names, None, None, None)[:3]
    try:
        number_of(text or "")
        percent_of(text or "")
    except ConfigError:
        pass
    try:
        taken = TextColumn(text or "1", prefix, label, or_plain=bool(choice & 1))
        shaping = Shaping(
            columns=taken, regions="|" if choice & 2 else "", masked=bool(choice & 4), raw=bool(choice & 8)
        )
        for number, raw in enumerate(raw_lines(io.BytesIO(data), "f"), 1):
            line = shaping.before(Line(decode_line(trim(raw, first=number == 1))[0], "f", number), raw)
            hold("bytes stay with a line", line is None or not choice & 8 or line.beside[-1].encode("latin-1") == raw)
        list(shaping.warnings())
    except REFUSED:
        pass


def texts(data: bytes) -> None:
    """A file in some encoding, packed or not: text in bounded blocks, the same whatever their size; and its lines."""
    choice, data = _take(data)
    encoding, data = _take(data)
    _lines(data)
    with TemporaryDirectory() as folder:
        path = Path(folder, "f" + ENDINGS[choice % len(ENDINGS)])
        path.write_bytes(data)
        source = Source("f", len(data), path)
        name = ENCODINGS[encoding % len(ENCODINGS)]
        try:
            found = _blocks(source, name, 1 << 18)
            survey([source], name)
        except REFUSED:
            return
        block = BLOCKS[encoding >> 6]
        # What looks binary is told by the first block; with small ones less is seen at once.
        if name == "utf-8" and "\0" not in found and len(found) < FEW:
            hold("blocks do not matter", _blocks(source, name, block) == found)
        if (
            name == "utf-8"
            and path.suffix == ".txt"
            and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
        ):
            text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
            hold("the text is the file's", found == (text[:-1] + "\n" if text.endswith("\r") else text))


def _blocks(source: Source, name: str, size: int) -> str:
    found, length = [], 0
    for block in read_blocks(source, name, size):
        hold("blocks are bounded", len(block) <= 8 * size + 8)
        found.append(block)
        length += len(block)
        if length > MOST:
            break
    return "".join(found)


def _lines(data: bytes) -> None:
    whole = b"".join(raw_lines(io.BytesIO(data), "f"))
    hold("lines make up the file", whole == data or (not whole and data == b"\xef\xbb\xbf"))
    for line in iter_lines(io.BytesIO(data), "f"):
        hold("a line has no end", b"\n" not in line)


def tokens(data: bytes) -> None:
    """Any bytes through a tokenizer, there and back."""
    choice, data = _take(data)
    kind = KINDS[choice % len(KINDS)]
    made = strings.tokenizer_of(kind, lowercase=choice > 200)
    for what in strings.losses(made, [text_of(data)], random.Random(choice)):
        raise NotHeldError(what)
