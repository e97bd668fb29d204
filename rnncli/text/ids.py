"""Texts as ids on the disk: written once in bounded memory, then mapped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncli.errors import ModelError
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
    counts, number = _Counts(), 0
    with replacing(path) as file, ThreadPoolExecutor(1) as pool:
        for batch in _batches(_pieces(blocks, tokenizer)):
            # It lets other threads run: count meanwhile. But for the last one, which may be the only one: a thread that
            # finds no memory to begin with is waited for in vain (CPython's Thread.start).
            full = sum(map(len, batch)) >= BATCH
            encoding = pool.submit(tokenizer.encode_batch, batch) if full else None
            for piece in batch:
                counts.add(piece)
            for ids in encoding.result() if encoding else tokenizer.encode_batch(batch):
                file.write(ids.astype(dtype).tobytes())
                number += len(ids)
    return IdsInfo(
        count=number,
        dtype=name,
        words=counts.words.words,
        chars=counts.chars,
        bytes=counts.bytes,
        lines=counts.lines,
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


def open_ids(path: Path, info: IdsInfo) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """The ids of a file, mapped into memory and read-only; a ModelError where its length is wrong."""
    dtype = np.dtype(info.dtype).newbyteorder("<")
    cure = "Remove it: it is written again from the corpus."
    try:
        size = path.stat().st_size
        if size != info.count * dtype.itemsize:
            message = f"{path} has {size:,} bytes and should have {info.count * dtype.itemsize:,}"
            raise ModelError(message, hint=cure)
        # An empty file cannot be mapped.
        return np.memmap(path, dtype, mode="r") if size else np.zeros(0, dtype)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint=cure) from None


def write_turned(ids: NDArray[np.uint16] | NDArray[np.uint32], path: Path) -> None:
    """Write ids, a last newline among them, as a backward model reads them: all but that from the last to the first."""
    size, end = 1 << 22, len(ids) - 1
    with replacing(path) as file:
        for stop in range(end, 0, -size):
            file.write(ids[max(0, stop - size) : stop][::-1].tobytes())
        file.write(ids[end:].tobytes())


def line_starts(ids: NDArray[np.uint16] | NDArray[np.uint32], newline_id: int) -> NDArray[np.int64]:
    """Where each line begins: at 0 and after each newline but a last one."""
    size = 1 << 22
    ends = (np.flatnonzero(ids[at : at + size] == newline_id) + at for at in range(0, len(ids), size))
    starts = np.concatenate([np.zeros(1, np.int64), *(found + 1 for found in ends)])
    return starts[starts < len(ids)]
