"""Lines to score, from files and stdin, as they come."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rnncli.cli.terminal import check_stdin, flush, say, say_waiting
from rnncli.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from rnncli.inference.plan import Line
    from rnncli.text.sources import Source

STDIN = "-"
READ = 1 << 16


class Lines:
    """A source of lines for the scorer. ``invalid`` counts those that were not in the encoding."""

    def __init__(
        self,
        files: Sequence[str],
        *,
        encoding: str,
        strict: bool,
        quiet: bool,
        before: Callable[[Line, bytes], Line | None] | None = None,
    ) -> None:
        self.files = files or (STDIN,)
        self.encoding = encoding
        self.strict = strict
        self.quiet = quiet
        self.invalid = 0
        self.wide: str | None = None
        """A file that begins as UTF-16 and UTF-32 do."""
        self._before = before
        """Makes of a line and its bytes, end included, the line that is scored, or none."""
        self._found = [self._find(file) for file in self.files]

    def _find(self, file: str) -> list[Source] | None:
        """What a file stands for: a missing one is an error before any line is read. None: a pipe, read in turn."""
        from rnncli.text.sources import find_sources

        if file == STDIN or (os.path.exists(file) and not os.path.isfile(file) and not os.path.isdir(file)):
            return None
        return find_sources([file])

    def __iter__(self) -> Iterator[Any]:
        """``Line`` records, and FLUSH where nothing more is waiting."""
        from rnncli.inference.plan import FLUSH, Line
        from rnncli.text.read import check_encoding, decode_line, trim
        from rnncli.text.sources import WIDE_MARKS

        if check_encoding(self.encoding).startswith(("utf-16", "utf-32")):
            raise ConfigError(f"lines cannot be told apart in {self.encoding}", hint="Convert the text to UTF-8.")
        last, number = 0, 0
        for document, file, data in self._raw():
            if data is None:
                yield FLUSH
                flush()  # the scorer is back for more, so all rows so far were written
                continue
            last, number = document, number + 1 if document == last else 1
            text, valid = decode_line(trim(data, first=number == 1), self.encoding)
            if not valid:
                self.invalid += 1
                self.wide = file if number == 1 and data.startswith(WIDE_MARKS) else self.wide
                if self.strict:
                    yield FLUSH
                    raise CorpusError(
                        f"{file}, line {number} is not {self.encoding.upper()}",
                        hint="Say --encoding NAME, or leave --strict out to score it by its bytes.",
                    )
            try:
                line = self._shaped(Line(text, file, number, document), data)
            except CorpusError:
                yield FLUSH  # what came before it is answered
                raise
            text, data = "", b""  # a line may fill the memory: nothing holds it while it is scored, nor afterwards
            if line is not None:
                yield line
            line = None

    def _shaped(self, line: Line, data: bytes) -> Line | None:
        return line if self._before is None else self._before(line, data)

    def _raw(self) -> Iterator[tuple[int, str, bytes | None]]:
        """Documents by number from 1, their names and their lines, ends included; None where nothing is waiting."""
        from rnncli.text.read import find_sources, raw_lines

        document = 0
        for file, found in zip(self.files, self._found, strict=True):
            if file == STDIN:
                document += 1
                say_waiting("lines", quiet=self.quiet)
                yield from map(partial(_of, document, STDIN), _stdin_lines())
                continue
            for source in find_sources([file]) if found is None else found:
                document += 1
                yield from map(partial(_of, document, source.name), raw_lines(source))

    def warn(self) -> None:
        """Say once, at the end, how many lines were not in the encoding, and why if that is plain."""
        if self.invalid:
            lines = "1 line was" if self.invalid == 1 else f"{self.invalid:,} lines were"
            say(f"{lines} not {self.encoding.upper()}, and scored by the bytes", quiet=self.quiet)
        if self.wide is not None:
            say(f"{self.wide} begins as UTF-16 does: score it as UTF-8, iconv -f utf-16 converts it", quiet=self.quiet)


def _of(document: int, file: str, line: bytes | None) -> tuple[int, str, bytes | None]:
    return document, file, line


def _stdin_lines() -> Iterator[bytes | None]:
    """Lines of stdin with their ends, each as soon as it is there; None before a wait."""
    from rnncli.text.read import is_line, joined

    fd = check_stdin().fileno()
    first, pieces = True, list[bytes]()
    while True:
        if not _is_waiting(fd):
            yield None
        data = os.read(fd, READ)
        if not data:
            break
        *lines, rest = data.split(b"\n")
        for line in lines:
            pieces += (line, b"\n")
            yield joined(pieces)
            first = False
        if rest:
            pieces.append(rest)
    if is_line(pieces, first=first):
        yield joined(pieces)


def _is_waiting(fd: int) -> bool:
    """Whether a read would give something at once. Where the system cannot say, it may not."""
    try:
        return bool(select.select([fd], [], [], 0)[0])
    except (OSError, ValueError):
        return False
