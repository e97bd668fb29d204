"""Documents as text, block by block, and as lines. Memory stays bounded whatever the files hold."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from rnncli.errors import ConfigError, CorpusError
from rnncli.text.escapes import AS_ESCAPES, has_lone, text_of
from rnncli.text.sources import Source, chunks, find_sources, looks_binary, many_nuls

__all__ = [
    "Source",
    "check_encoding",
    "decode_line",
    "ended",
    "find_sources",
    "is_line",
    "iter_lines",
    "joined",
    "raw_lines",
    "read_blocks",
    "trim",
]

BLOCK = 1 << 18
_BINARY_HINT = "Give plain text; where this is text, name its encoding, for instance --encoding utf-16-le."
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that one's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def check_encoding(encoding: str) -> str:
    """Python's name of a text encoding, or a ConfigError."""
    try:
        name = codecs.lookup(encoding).name
        codecs.getincrementaldecoder(name)
        "a".encode(name)  # refuses base64 and its like, which are no text encodings
    except (LookupError, ValueError):
        hint = "Python's names are meant: utf-8, latin-1, cp1252, gb18030, shift_jis, utf-16..."
        raise ConfigError(f"--encoding {encoding!r} is not known", hint=hint) from None
    return name


def read_blocks(source: Source, encoding: str = "utf-8", block: int = BLOCK) -> Iterator[str]:
    """The text of a source in blocks that end at a newline.

    Lines end in LF; a byte order mark is dropped, and where the encoding is UTF-8 one of UTF-16 or UTF-32 is
    believed. A line longer than a block comes in pieces, cut between any two code points.
    """
    name = check_encoding(encoding)
    pending = ""
    for text in _lf(_decoded(source, name, block)):
        end = text.rfind("\n") + 1
        if end:
            yield pending + text[:end]
            pending = text[end:]
        else:
            pending += text
        if len(pending) >= block:
            yield pending
            pending = ""
    if pending:
        yield pending


def ended(blocks: Iterable[str]) -> Iterator[str]:
    """The blocks, and a newline where the text lacks its last one."""
    block = ""
    for block in blocks:
        yield block
    if block and not block.endswith("\n"):
        yield "\n"


def _lf(texts: Iterator[str]) -> Iterator[str]:
    """The texts with \\r\\n as \\n. A \\r before the end of the text counts as the end of its last line."""
    held = ""
    for text in texts:
        text = held + text
        held = "\r" if text.endswith("\r") else ""
        text = text[: len(text) - len(held)]
        if text:
            yield text.replace("\r\n", "\n") if "\r" in text else text
    if held:
        yield "\n"


def _decoded(source: Source, name: str, size: int) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    done = 0
    chunk = b""
    with source.open() as stream:
        for chunk in _filled(chunks(stream, source.name, size), size):
            if decoder is None:
                if name == "utf-8":
                    name = next((wide for mark, wide in _MARKS if chunk.startswith(mark)), name)
                decoder = codecs.getincrementaldecoder(name)(AS_ESCAPES if source.own else "strict")
            done += len(chunk)
            text = _decode(decoder, chunk, done, source, name)
            if done == len(chunk):
                text = text.removeprefix("\ufeff")
            if text:
                yield text
    if decoder is not None:
        last = _decode(decoder, b"", done, source, name)
        if last:
            yield last


def _filled(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in chunks of ``size`` and one that is left: the same blocks however a file is packed."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, done: int, source: Source, name: str) -> str:
    """The text of a chunk, where ``done`` bytes have been read with it; an empty chunk is the end."""
    wide = name.startswith(("utf-16", "utf-32"))
    if not wide and not source.own and (many_nuls(chunk) or (done == len(chunk) and looks_binary(chunk))):
        raise CorpusError(f"{source.name} looks like binary data, not text", hint=_BINARY_HINT)
    try:
        return decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError as error:
        # The decoder's own buffer stands before the chunk in error.object.
        offset = max(0, done - len(error.object)) + error.start
        hint = "Name its encoding, for instance --encoding latin-1, cp1252, gb18030 or shift_jis."
        message = f"{source.name} is not {name} text at byte {offset:,}: {error.reason}"
        raise CorpusError(message, hint=hint) from None
    except UnicodeError as error:
        raise CorpusError(f"{source.name} is not {name} text: {error}", hint="Name its --encoding.") from None


def iter_lines(source: Source | BinaryIO, name: str = "standard input") -> Iterator[bytes]:
    """The lines of a source or an open stream, without their ends, each as soon as it is there.

    A line ends in \\n or \\r\\n; the last one needs no end. A UTF-8 byte order mark is dropped.
    """
    return trimmed(raw_lines(source, name))


def raw_lines(source: Source | BinaryIO, name: str = "standard input") -> Iterator[bytes]:
    """The same lines byte for byte, their ends included."""
    if isinstance(source, Source):
        with source.open() as stream:
            yield from _lines(stream, source.name)
    else:
        yield from _lines(source, name)


def trimmed(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of one file without their ends, the first without the mark that may open a file."""
    return (trim(line, first=number == 0) for number, line in enumerate(lines))


def trim(line: bytes, *, first: bool) -> bytes:
    """One of them."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    return line.removeprefix(codecs.BOM_UTF8) if first else line


def _lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    begun: list[bytes] = []  # pieces of a line whose end has not come yet
    first = True
    for chunk in chunks(stream, name, 1 << 16):
        head, *rest = chunk.split(b"\n")
        begun.append(head)
        for piece in rest:
            begun.append(b"\n")
            yield joined(begun)
            first = False
            begun.append(piece)
    if is_line(begun, first=first):
        yield joined(begun)


def joined(pieces: list[bytes]) -> bytes:
    """The pieces as one. The list is empty then: of a line that fills the memory there is no second copy."""
    whole = b"".join(pieces)
    pieces.clear()
    return whole


def is_line(pieces: list[bytes], *, first: bool) -> bool:
    """Whether what is left at the end of a file is a line: not where it is nothing, or the mark that may open it."""
    nothing = (b"", codecs.BOM_UTF8) if first else (b"",)
    return sum(map(len, pieces)) > len(codecs.BOM_UTF8) or b"".join(pieces) not in nothing


def decode_line(line: bytes, encoding: str = "utf-8") -> tuple[str, bool]:
    """A line as text and whether it was valid; where not, bytes that are no UTF-8 are lone surrogates."""
    try:
        text = line.decode(encoding)
    except UnicodeError:
        return text_of(line), False
    return text, not has_lone(text)
