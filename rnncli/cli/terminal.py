"""The three streams: what may be shown on a terminal, where colour goes, and talk on stderr."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Literal, TextIO

from rnncli.errors import ConfigError, CorpusError
from rnncli.text.glyphs import one_line as one_line
from rnncli.text.glyphs import visible as visible

PIECE = 1 << 20
"""Characters that are encoded at once."""
ColorStream = Literal["stdout", "stderr"]


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person looks at (or types into) this stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def open_terminal(what: str, hint: str) -> int | None:
    """The terminal that a person types at, where stdin is none; None where it is. An error without one, or to draw on.

    ``what`` needs it.
    """
    if not is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":  # where an app draws
        raise ConfigError(f"{what} needs a terminal to draw on", hint=hint)
    if is_terminal(sys.stdin):
        return None
    try:
        return os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise ConfigError(f"{what} needs a terminal to be typed at", hint=hint) from None


def has_color(which: ColorStream) -> bool:
    """Whether to colour a stream: never under NO_COLOR, always under FORCE_COLOR, else on a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(getattr(sys, which)) and os.environ.get("TERM") != "dumb"


def paint(text: str, *codes: int, on: bool) -> str:
    """The text between ANSI colour codes, or as it is."""
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if on and text else text


def tell(text: str) -> None:
    """Talk on stderr, as it is; nothing where that is closed."""
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def tell_in_a_signal(text: str) -> None:
    """The same from a signal handler: a signal may come amid a write to sys.stderr, which lets no other one in."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            os.write(2, text.encode())


def say(message: str, *, quiet: bool = False) -> None:
    """One line of talk on stderr."""
    if not quiet:
        tell(f"rnncli: {one_line(message)}\n")


def say_waiting(what: str, *, quiet: bool = False) -> None:
    """Tell a person at the keyboard what is waited for; nothing where stdin is a file or a pipe."""
    if is_terminal(sys.stdin):
        say(f"reading {what} from the terminal; end it with Ctrl-D", quiet=quiet)


def check_stdin() -> TextIO:
    """Standard input, or a CorpusError where it is closed."""
    if sys.stdin is None:
        raise CorpusError("standard input is closed", hint="Name a file, or pipe some text in.")
    return sys.stdin


def read_stdin(what: str, *, quiet: bool) -> bytes:
    """All of standard input, without the mark that may open it; a person at the keyboard is told what is read."""
    stream = check_stdin()
    say_waiting(what, quiet=quiet)
    return stream.buffer.read().removeprefix(codecs.BOM_UTF8)


def write(text: str) -> None:
    """Data on stdout: a terminal sees control characters as glyphs, a pipe the text as it is, in UTF-8."""
    draw(visible(text) if is_terminal(sys.stdout) else text)


def draw(text: str) -> None:
    """Text on stdout as it is, ANSI codes included; all else in it must have been made visible."""
    if is_terminal(sys.stdout):
        sys.stdout.write(text)
        return
    for start in range(0, len(text), PIECE):  # of a line that fills the memory there is no second copy
        sys.stdout.buffer.write(text[start : start + PIECE].encode("utf-8", errors="surrogateescape"))


def with_ends(lines: Iterable[str]) -> Iterator[str]:
    """The lines with their ends, to be written; of one that fills the memory there is no second copy."""
    for line in lines:
        if len(line) < PIECE:
            yield line + "\n"
        else:
            yield line
            yield "\n"


def write_bytes(data: bytes) -> None:
    """Data on stdout, raw into a pipe."""
    if is_terminal(sys.stdout):
        write(data.decode("utf-8", errors="surrogateescape"))
    else:
        sys.stdout.buffer.write(data)


def flush() -> None:
    """Hand on what was written to stdout."""
    sys.stdout.flush()
