"""Tables and texts made wrong in many ways, at random and by what a fuzzer sees, for the readers in readers.py."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zstandard

from rnncli.text.escapes import bytes_of
from tests.torture import fuzzing, readers
from tests.torture.fuzzing import Fuzzed
from tests.torture.hostile_text import BYTES, PLAIN, SEQUENCES, hostile
from tests.torture.parts import Tried

CELLS = (
    *("good", "bad", "sentence_good", "Good ", "group", "text", "other", "", " ", "a", "b", "a|b", "1", "0", "inf"),
    *("-0.5", "1e99", "1e100", "1.1e100", "1e308", "-1e308", "1e999", "nan", "-inf", "5e-324", "1_0", "0x1", "9" * 400),
    *("９", "1\x0b", '"', '"a\tb"', "\\t", "\ufeff", "\r", "\x00"),
)
BREAKS = ("\n", "\n", "\n", "\r\n", "\n\n", "\r", "", "\u2028", "\x85", "\t\n")
PACK: tuple[Callable[[bytes], bytes], ...] = (
    *(bytes, bytes, gzip.compress, lzma.compress, bz2.compress, zstandard.ZstdCompressor().compress),
)
"""As readers.ENDINGS."""


def tries(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many tables and texts, each made by its number."""
    targets = (_lists, _lists, _columns, _texts, _texts)
    for number in range(count):
        r = random.Random(f"{seed}:{number}")
        make = targets[number % len(targets)]
        target, data = make(r)
        try:
            target(data)
        except Exception as error:
            yield Tried(f"{target.__name__}: {type(error).__name__}: {error!s:.200}: {data[:500]!r}")
        else:
            yield Tried()


Made = tuple[Callable[[bytes], None], bytes]


def _lists(r: random.Random) -> Made:
    kind = r.randrange(3)
    numbers = r.random() < 0.7
    data = _table(r, (r.choice((2, 3)), 3, 4)[kind], numbers=numbers and kind > 0)
    return readers.lists, bytes([kind + 3 * r.randrange(10)]) + data


def _columns(r: random.Random) -> Made:
    wanted = "\t".join(r.choices(("1", "2", "3", "text", "other", "a", "²", "9" * 30, "99%"), k=r.randint(1, 3)))
    return readers.columns, bytes([r.randrange(16)]) + wanted.encode() + b"\n" + _table(r, r.randint(1, 4))


def _table(r: random.Random, width: int, *, numbers: bool = False) -> bytes:
    rows = []
    for number in range(r.randint(0, 8)):
        cells = [r.choice(CELLS) if r.random() < 0.6 else _cell(r) for _ in range(width)]
        if numbers:
            cells[0] = str(number // 2)
            for place in range(1, width, 2):
                cells[place] = r.choice(("0", "1", "-0.5", "2.25", "1e99", "-1e99", "5e-324", "1e-99"))
        if r.random() < 0.05:
            cells = cells[1:] if r.random() < 0.5 else [*cells, ""]
        rows.append("\t".join(cells) + r.choice(BREAKS[:4] if r.random() < 0.95 else BREAKS))
    return _harmed(bytes_of("".join(rows)), r)


def _cell(r: random.Random) -> str:
    text = hostile(r)
    return text if r.random() < 0.05 else text.replace("\t", " ").replace("\n", " ")


def _texts(r: random.Random) -> Made:
    name = r.randrange(256)
    encoding = readers.ENCODINGS[name % len(readers.ENCODINGS)]
    text = (hostile(r) + PLAIN * r.randrange(3)) * r.choice((1, 1, 1, 9))
    packing = r.randrange(len(PACK))
    data = text.encode(encoding, "replace") if r.random() < 0.7 and encoding != "utf-8" else bytes_of(text)
    packed = PACK[packing](data * r.choice((1, 1, 1, 1, 30)))
    return readers.texts, bytes([packing, name]) + (_harmed(packed, r) if r.random() < 0.7 else packed)


def _harmed(data: bytes, r: random.Random) -> bytes:
    """Cut off, changed, or with something in it that has no place there."""
    place = r.randint(0, len(data))
    match r.randrange(8):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + r.choice(BYTES) + data[place:]
        case 2:
            return data[:place] + bytes([r.randrange(256)]) + data[place + 1 :]
        case 3:
            return data + data[:place]
        case 4:
            return r.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"\x1f\x8b\x08")) + data
    return data


def _list_seeds() -> Sequence[bytes]:
    return (
        b"\x00good\tbad\nAnna saw.\tsaw Anna.\n",
        b"\x00group\tgood\tbad\na\tb\tc\n",
        b"\x011\t-0.5\ta\n1\t-0.4\tb\n2\t0\tc\n",
        b"\x02g\tother\ttext\terrors\n1\t-0.5\ta\t1\n1\t-0.4\tb\t0\n",
    )


def _column_seeds() -> Sequence[bytes]:
    return (b"\x00text\tother\nother\ttext\na\tb\nc\td\n", b"\x0a2\nx|y\tz|w 12\n", b"\x011\nplain\n")


def _text_seeds() -> Sequence[bytes]:
    data = PLAIN[:200].encode()
    packed = [bytes([kind, 0]) + pack(data) for kind, pack in enumerate(PACK)]
    return [*packed, b"\x00\x04" + PLAIN[:60].encode("utf-16"), b"\x00\x0a" + "é+中".encode("utf-7"), *_edges()]


def _edges() -> Iterator[bytes]:
    return (b"\0\0a" + bad + b"\r\n" for bad in BYTES)


def _token_seeds() -> Sequence[bytes]:
    return [bytes([kind]) + bytes_of(text) for kind in range(5) for text in (PLAIN[:120], *SEQUENCES[::7])]


FUZZED = (
    Fuzzed("lists", "readers:lists", _list_seeds, 0.35, 1024),
    Fuzzed("columns", "readers:columns", _column_seeds, 0.25, 1024),
    Fuzzed("texts", "readers:texts", _text_seeds, 0.1, 2048),
    Fuzzed("tokens", "readers:tokens", _token_seeds, 0.3, 256),
)


def fuzz(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """What was found before, and so many runs of atheris."""
    return fuzzing.attempts(FUZZED, count, seed, folder)
