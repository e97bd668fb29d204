"""Errors as a person sees them, one line and one hint, and the exit code a script sees."""

from __future__ import annotations

import errno
import os
import sys

from rnncli.cli.terminal import has_color, one_line, paint, tell
from rnncli.errors import ConfigError, CorpusError, DeviceError, ModelError, RnncliError

DONE, FAILED, USAGE, MODEL, CORPUS, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 3, 4, 130, 141

CODES: dict[type[RnncliError], int] = {
    ConfigError: USAGE,
    DeviceError: USAGE,
    ModelError: MODEL,
    CorpusError: CORPUS,
}


_NO_MEMORY = (
    *("out of memory", "can't allocate memory"),  # torch: of a GPU it has a class for it, of main memory none
    *("could not create a primitive", "could not execute a primitive"),  # oneDNN, within torch
    *("bad_alloc", "bad allocation"),  # C++, within ONNX Runtime
    *("Cannot allocate memory", "can't start new thread"),  # the system; Python, where a thread's stack does not fit
)
"""What an error says that is for want of memory, and of no class that would say so."""


class ClosedPipeError(Exception):
    """Whoever read our output has gone. (Typer would turn the BrokenPipeError itself into exit code 1.)"""


def code_of(error: RnncliError) -> int:
    """The exit code of a mistake."""
    return next((code for kind, code in CODES.items() if isinstance(error, kind)), FAILED)


def report(message: str, hint: str | None = None) -> None:
    """``rnncli: error: MESSAGE`` on stderr, and the hint on the next line."""
    label = paint("rnncli: error:", 1, 31, on=has_color("stderr"))
    tell(f"{label} {one_line(message)}\n" + (f"{one_line(hint)}\n" if hint else ""))


def is_foreseen(error: BaseException) -> bool:
    """Whether an error says itself what to do: not one of a file that only could not be read for want of memory."""
    return isinstance(error, RnncliError) and os.strerror(errno.ENOMEM) not in error.message


def report_unexpected(error: BaseException) -> int:
    """One line for an error that nobody foresaw, and its exit code."""
    text = str(error).strip().split("\n")[0]
    if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY):
        report("out of memory", "Use a smaller model or batch, or a machine with more memory.")
    elif isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        report(f"{where}{error.strerror or error}")
    else:
        report(f"{type(error).__name__}: {text}" if text else type(error).__name__, "--debug shows where.")
    return FAILED


def fill_stderr() -> None:
    """Where stderr is closed, point it at nothing: else the next file opened gets its number, and its talk."""
    if sys.stderr is None:
        try:
            os.fstat(2)
        except OSError:
            silence(2)


def silence(*streams: int) -> None:
    """Point file descriptors at nothing, so that the interpreter's last flush cannot fail."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in streams:
            os.dup2(nothing, stream)
    except OSError:
        pass
