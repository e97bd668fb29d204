"""Files, folders, compressed files and standard input as sources that can be read again and again."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

from rnncli.errors import CorpusError

SNIFF = 8192
_MAGIC = (
    # Pictures, documents, programs, sound.
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"%PDF-", b"\x7fELF", b"OggS\x00"),
    # Archives that are not named as such, or that are not read.
    *(
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"BZh91AY&SY",
        b"\xfd7zXZ\x00",
        b"\x28\xb5\x2f\xfd",
        b"7z\xbc\xaf",
        b"Rar!\x1a\x07",
    ),
)
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
"""How files in UTF-16 and UTF-32 begin."""
_INPUT_LEFT = "Give a file, a folder, or - for standard input."


class _Decompressor(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes) -> bytes: ...


class Spool:
    """An anonymous temporary file that several readers share, each at its own place."""

    def __init__(self, stream: BinaryIO) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the source
        while chunk := stream.read(1 << 20):
            self._file.write(chunk)
        self.size = self._file.tell()

    def __del__(self) -> None:
        self._file.close()

    def read(self, at: int, into: Any) -> int:
        self._file.seek(at)
        return self._file.readinto(into)  # type: ignore[attr-defined, no-any-return]


class _SpoolReader(io.RawIOBase):
    def __init__(self, spool: Spool) -> None:
        self._spool, self._at = spool, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        count = self._spool.read(self._at, into)
        self._at += count
        return count


class _ZstdReader(io.RawIOBase):
    """A .zst stream, over any number of frames. The library's own reader is silent about a truncated one."""

    def __init__(self, raw: BinaryIO) -> None:
        import zstandard

        self._raw = raw
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._frame = cast(_Decompressor, self._new())
        self._left = b""
        self._ready = b""
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._ready and self._fill():
            pass
        count = min(len(into), len(self._ready))
        into[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _fill(self) -> bool:
        if self._begun and self._frame.eof:
            self._left = self._frame.unused_data
            self._frame, self._begun = cast(_Decompressor, self._new()), False
        data, self._left = self._left or self._raw.read(SNIFF), b""
        if not data and self._begun:
            raise EOFError("the last frame has no end")
        if data:
            self._ready, self._begun = self._frame.decompress(data), True
        return bool(data)

    def close(self) -> None:
        self._raw.close()
        super().close()


@dataclass(frozen=True)
class Source:
    """One document: a name to show, its size on the disk (of standard input: as read), and ``open``."""

    name: str
    size: int
    path: Path | None = None
    spool: Spool | None = field(default=None, repr=False, compare=False)
    own: bool = False
    """Written by this program (``bytes_of``): text, whatever it looks like."""

    def open(self) -> BinaryIO:
        """A new stream of its bytes, decompressed."""
        if self.spool is not None:
            return io.BufferedReader(_SpoolReader(self.spool))
        assert self.path is not None
        try:
            return _open(self.path)
        except OSError as error:
            raise CorpusError(f"{self.name} cannot be read: {error.strerror or error}") from None


def _open(path: Path) -> BinaryIO:
    match path.suffix:
        case ".gz":
            import gzip

            return cast(BinaryIO, gzip.open(path))
        case ".xz":
            import lzma

            return cast(BinaryIO, lzma.open(path))
        case ".bz2":
            import bz2

            return cast(BinaryIO, bz2.open(path))
        case ".zst":
            return io.BufferedReader(_ZstdReader(open(path, "rb")), 1 << 17)
    return open(path, "rb")


def chunks(stream: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    """What a stream holds, as it comes, at most ``size`` bytes at a time; broken archives are errors."""
    read = getattr(stream, "read1", stream.read)
    while True:
        try:
            chunk = read(size)
        except EOFError:
            raise CorpusError(f"{name} is truncated", hint="Copy or download it again.") from None
        except Exception as error:  # each decompressor has its own class, some of them lazily imported
            if isinstance(error, OSError) and error.errno is not None:
                raise CorpusError(f"{name} cannot be read: {error.strerror}") from None
            if isinstance(error, OSError) or type(error).__name__ in ("LZMAError", "ZstdError", "error"):
                message = f"{name} is damaged, or not compressed as its ending says ({error})"
                raise CorpusError(message, hint="Copy or download it again.") from None
            raise
        if not chunk:
            return
        yield chunk


def find_sources(paths: Sequence[str], skipped: list[str] | None = None) -> list[Source]:
    """The documents that files, folders and ``-`` stand for, in order.

    Folders are walked in sorted order; ``skipped`` gets the names of what is left out there: models, files
    that are plainly no text, hidden files.
    """
    if not paths:
        raise CorpusError("no text was given", hint=_INPUT_LEFT)
    if list(paths).count("-") > 1:
        raise CorpusError("standard input was given twice", hint="Give - once.")
    found: list[Source] = []
    for path in paths:
        found += _walk(Path(path), skipped) if path != "-" and os.path.isdir(path) else [_source(path)]
    return found


def _source(path: str) -> Source:
    if path == "-":
        if sys.stdin is None:
            raise CorpusError("standard input is closed", hint=_INPUT_LEFT)
        return _spooled("standard input", sys.stdin.buffer)
    try:
        status = os.stat(path)
        with open(path, "rb") as file:
            # A pipe or <(command) can be read once only.
            if not stat.S_ISREG(status.st_mode):
                return _spooled(path, file)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise CorpusError(f"there is no file {path}", hint=_INPUT_LEFT) from None
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CorpusError(f"{path!r} is no file name: {error}") from None
    return Source(path, status.st_size, Path(path))


def _spooled(name: str, stream: BinaryIO) -> Source:
    try:
        spool = Spool(stream)
    except OSError as error:
        raise CorpusError(f"{name} cannot be read: {error.strerror}") from None
    return Source(name, spool.size, None, spool)


def _walk(folder: Path, skipped: list[str] | None) -> list[Source]:
    found: list[Source] = []
    names, models, binary, hidden = list[str](), list[str](), list[str](), list[str]()
    for root, folders, files in os.walk(folder):
        if _is_model(root):
            models.append(root)
            folders.clear()
            continue
        hidden += [os.path.join(root, name) for name in sorted(folders + files) if name.startswith(".")]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names += [os.path.join(root, name) for name in files if not name.startswith(".")]
    for name in sorted(names):
        if os.path.isfile(name) and (source := _source(name)).size:
            if looks_binary(_head(source)):
                binary.append(name)
            else:
                found.append(source)
    if not found:
        what = "no file that holds text" if names else "a model and no text" if models else "no file"
        raise CorpusError(f"the folder {folder} has {what}", hint="Give a folder with .txt files, or a file.")
    if skipped is not None:
        skipped += [*models, *binary, *hidden]
    return found


def _is_model(folder: str) -> bool:
    """Whether a folder holds a model or a training: its texts are the program's, or were held out by it."""
    marks = (("config.json", "model.safetensors"), (os.path.join("training", "run.json"),))
    return any(all(os.path.isfile(os.path.join(folder, name)) for name in names) for names in marks)


def without(sources: Sequence[Source], others: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """The sources that are none of ``others``, by whatever name, and the names of those that are."""
    kept, dropped = list[Source](), list[str]()
    for source in sources:
        if any(_same(source, other) for other in others):
            dropped.append(source.name)
        else:
            kept.append(source)
    if not kept:
        message = "the corpus is the validation text, and nothing is left to train on"
        raise CorpusError(message, hint="Give --valid another file, or a fraction such as 0.1 to hold out.")
    return kept, dropped


def _same(one: Source, other: Source) -> bool:
    if one.path is None or other.path is None:
        return one.spool is not None and one.spool is other.spool
    try:
        return os.path.samefile(one.path, other.path)
    except OSError:
        return False


def _head(source: Source) -> bytes:
    with source.open() as stream:
        return next(chunks(stream, source.name, SNIFF), b"")


def looks_binary(head: bytes) -> bool:
    """Whether the beginning of a file is plainly no text: a known format, or NUL bytes in quantity."""
    return head.startswith(_MAGIC) or (not head.startswith(WIDE_MARKS) and many_nuls(head))


def many_nuls(data: bytes) -> bool:
    """More than one NUL in a thousand bytes; one or two may stray into a text."""
    return data.count(0) > len(data) // 1000 + 1
