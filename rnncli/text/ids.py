"""Texts as ids on the disk: written once in bounded memory, then mapped."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnncli.errors import ModelError
from rnncli.guarded import open_file
from rnncli.text.escapes import bytes_of
from rnncli.text.files import replacing
from rnncli.text.tokenizers.base import Tokenizer
from rnncli.text.units import WordCount

PIECE = 1 << 15
BATCH = 1 << 20
"""Characters that are encoded at a time."""


@dataclass(frozen=True, kw_only=True)
class IdsInfo:
    """How many ids a file holds, of what type, and the text's own counts (line ends apart, as in a Tally)."""

    count: int
    dtype: Literal["uint16", "uint32"]
    words: int
    chars: int
    bytes: int
    lines: int
    checksum: str | None = None
    """CRC-32 of the file, where it was noted: a resumed run reads the text that it began with."""


class _Counts:
    """Words, characters, bytes and lines of a text that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self.words = WordCount()
        self.chars = self.bytes = self.lines = 0

    def add(self, piece: str) -> None:
        lines = piece.count("\n")
        self.lines += lines
        self.chars += len(piece) - lines
        self.bytes += (len(piece) if piece.isascii() else len(bytes_of(piece))) - lines
        self.words.add(piece)


def write_ids(blocks: Iterable[str], tokenizer: Tokenizer, path: Path) -> IdsInfo:
    """Write the ids of a text, little-endian; a last newline is added where it lacks one.

    Blocks may end anywhere: the ids are those of the whole text.
    """
    name: Literal["uint16", "uint32"] = "uint16" if tokenizer.vocab_size <= 1 << 16 else "uint32"
    dtype = np.dtype(name).newbyteorder("<")
    counts, number, found = _Counts(), 0, 0
    with replacing(path) as file, ThreadPoolExecutor(1) as pool:
        for batch in _batches(_pieces(blocks, tokenizer)):
            # It lets other threads run: count meanwhile. But for the last one, which may be the only one: a thread that
            # finds no memory to begin with is waited for in vain (CPython's Thread.start).
            full = sum(map(len, batch)) >= BATCH
            encoding = pool.submit(tokenizer.encode_batch, batch) if full else None
            for piece in batch:
                counts.add(piece)
            for ids in encoding.result() if encoding else tokenizer.encode_batch(batch):
                data = ids.astype(dtype).tobytes()
                file.write(data)
                found = zlib.crc32(data, found)
                number += len(ids)
    return IdsInfo(
        count=number,
        dtype=name,
        words=counts.words.words,
        chars=counts.chars,
        bytes=counts.bytes,
        lines=counts.lines,
        checksum=f"{found:08x}",
    )


def _pieces(blocks: Iterable[str], tokenizer: Tokenizer) -> Iterator[str]:
    """The text cut where ids do not change; what follows a block's last cut goes before the next block."""
    tail, text = "", ""
    for block in blocks:
        text = tail + block
        pieces = list(tokenizer.cut(text, PIECE))
        tail = pieces.pop() if pieces and not text.endswith("\n") else ""
        yield from pieces
    if tail:
        yield tail
        yield "\n"


def _batches(pieces: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def spread(ids: NDArray[np.unsignedinteger], pieces: int, size: int) -> NDArray[np.unsignedinteger]:
    """That many pieces of a text, evenly spread from its start to its end, one after the other."""
    starts = np.linspace(0, len(ids) - size, pieces).astype(np.int64)
    return np.concatenate([ids[start : start + size] for start in starts])


def open_ids(path: Path, info: IdsInfo, vocab_size: int | None = None) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """The ids of a file, mapped into memory and read-only; a ModelError where they are not those that were written.

    ``vocab_size``: what every id is below. They are read through once.
    """
    dtype = np.dtype(np.uint16 if info.dtype == "uint16" else np.uint32).newbyteorder("<")
    cure = "Remove it: it is written again from the corpus."
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != info.count * dtype.itemsize:
                message = f"{path} has {size:,} bytes and should have {info.count * dtype.itemsize:,}"
                raise ModelError(message, hint=cure)
            if not size:  # an empty file cannot be mapped
                return np.zeros(0, dtype)
            ids = np.memmap(file, dtype, mode="r")
    except FileNotFoundError:
        raise ModelError(f"{path} is not there", hint=cure) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint=cure) from None
    _check_ids(path, ids, info, vocab_size, cure)
    return ids


def _check_ids(path: Path, ids: NDArray[Any], info: IdsInfo, vocab_size: int | None, cure: str) -> None:
    found, size = 0, 1 << 22
    for at in range(0, len(ids), size):
        some = ids[at : at + size]
        found = zlib.crc32(some.data, found)
        if vocab_size is not None and int(some.max()) >= vocab_size:
            raise ModelError(f"{path} has ids that the tokenizer does not have", hint=cure)
    if info.checksum not in (None, f"{found:08x}"):
        raise ModelError(f"{path} is not the file that {path.parent.name}/prepared.json tells of", hint=cure)


def write_turned(ids: NDArray[np.uint16] | NDArray[np.uint32], path: Path) -> None:
    """Write ids, a last newline among them, as a backward model reads them: all but that from the last to the first."""
    size, end = 1 << 22, len(ids) - 1
    with replacing(path) as file:
        for stop in range(end, 0, -size):
            file.write(ids[max(0, stop - size) : stop][::-1].tobytes())
        file.write(ids[end:].tobytes())


def are_turned(turned: NDArray[np.unsignedinteger], ids: NDArray[np.unsignedinteger]) -> bool:
    """Whether ``turned`` is what ``write_turned`` writes of ``ids``."""
    size, end = 1 << 22, len(ids) - 1
    pieces = (
        np.array_equal(turned[end - stop : end - max(0, stop - size)], ids[max(0, stop - size) : stop][::-1])
        for stop in range(end, 0, -size)
    )
    return len(turned) == len(ids) and bool(turned[end] == ids[end]) and all(pieces)


def line_starts(ids: NDArray[np.uint16] | NDArray[np.uint32], newline_id: int) -> NDArray[np.int64]:
    """Where each line begins: at 0 and after each newline but a last one."""
    size = 1 << 22
    ends = (np.flatnonzero(ids[at : at + size] == newline_id) + at for at in range(0, len(ids), size))
    starts = np.concatenate([np.zeros(1, np.int64), *(found + 1 for found in ends)])
    return starts[starts < len(ids)]
