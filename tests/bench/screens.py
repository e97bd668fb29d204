"""The terminal app in a terminal of its own: how soon it shows, and how soon a key does while text streams.

    python -m tests.bench.screens --runs 11 --tokens 10000 --model models/starter

First screen: seconds from the command to the prompt in the terminal's output, against ``import textual.app``
in turn; and to the model being ready. Keys: while one answer of so many tokens streams into the chat, a letter that no
model here writes is typed into the prompt, and the time taken until the terminal is sent it; then it is deleted. The
figures are of quarters of the answer, with the memory that the process had at their ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench.timing import alternate, ratio, row

SIZE = (30, 100)
ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=:]*[A-Za-z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()].|[=>])")
OPENING, READY = b"opening the model", b"type a line"
LETTERS = "ЖЩЪЫЭЮЯЦ"
"""In turn: a letter that was deleted may still be on its way to the screen."""
PAUSE_S = 0.03
"""Between a letter's glyph and the next key."""


class Terminal:
    """A command in a pseudo-terminal, and what it sent there of late."""

    def __init__(self, command: list[str], home: Path) -> None:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RNNCLI", "COLUMNS", "LINES"))
        }
        env = {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_STATE_HOME": str(home)}
        self.begin = time.perf_counter()
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
            os.execvpe(command[0], command, env)
        self.sent = b""

    def read(self, seconds: float) -> bytes:
        """What comes within that time, or nothing."""
        if not select.select([self.file], [], [], seconds)[0]:
            return b""
        part = os.read(self.file, 1 << 20)
        self.sent = (self.sent + part)[-(1 << 16) :]
        return part

    def until(self, wanted: bytes, seconds: float = 60) -> float:
        """Seconds from the start of the command until the terminal was sent this."""
        while wanted not in ESCAPES.sub(b"", self.sent):
            if time.perf_counter() - self.begin > seconds:
                raise AssertionError(ESCAPES.sub(b"", self.sent)[-2000:])
            self.read(0.05)
        return time.perf_counter() - self.begin

    def type(self, keys: str) -> None:
        os.write(self.file, keys.encode())

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.file)


@contextlib.contextmanager
def chat(model: str, *options: str) -> Iterator[Terminal]:
    """``rnncli chat`` in a terminal, from the command to when it is no longer looked at."""
    with tempfile.TemporaryDirectory() as home:
        command = [str(Path(sys.executable).with_name("rnncli")), "chat", model, *options]
        terminal = Terminal(command, Path(home))
        try:
            yield terminal
        finally:
            terminal.close()


def first_screen(model: str, runs: int) -> None:
    """The start of the app against an import of its library."""

    def textual() -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
        return time.perf_counter() - begin

    def shown() -> float:
        with chat(model) as terminal:
            return terminal.until(OPENING)

    def ready() -> float:
        with chat(model) as terminal:
            return terminal.until(READY)

    cases = {"import textual.app": textual, "first screen": shown, "model ready": ready}
    for case in cases.values():  # into the file cache
        case()
    found = alternate(cases, runs)
    row("start-up", "seconds: median (least to most)", "over the import")
    row("---", "---", "---")
    for name, values in found.items():
        middle = f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"
        row(name, middle, ratio(values, found["import textual.app"]))


class Key(NamedTuple):
    """A letter typed: when, and seconds until its glyph."""

    at: float
    took: float


def keys_while(terminal: Terminal, done: bytes) -> tuple[list[Key], list[tuple[float, float]]]:
    """Type until the terminal was sent ``done``. Keys, and (when, megabytes) now and then."""
    keys: list[Key] = []
    memory: list[tuple[float, float]] = []
    number = 0
    while True:
        letter = LETTERS[number % len(LETTERS)]
        number += 1
        begin = time.perf_counter()
        terminal.type(letter)
        seen = b""
        while letter.encode() not in seen:
            seen += terminal.read(0.2)
            assert time.perf_counter() - begin < 20, ESCAPES.sub(b"", seen)[-500:]
        keys.append(Key(begin, time.perf_counter() - begin))
        terminal.type("\x7f")
        if number % 10 == 0:
            memory.append((begin, terminal.memory()))
        pause = time.perf_counter() + PAUSE_S * (0.5 + np.random.default_rng(number).random())
        while (left := pause - time.perf_counter()) > 0:
            seen += terminal.read(left)
        if done in ESCAPES.sub(b"", seen):
            return keys, memory


def streaming(model: str, tokens: int) -> None:
    """Keys while an answer streams."""
    with chat(model, "-n", str(tokens), "--until", "text", "--seed", "1") as terminal:
        terminal.until(READY)
        before = terminal.memory()
        terminal.type("The sea\r")
        begin = time.perf_counter()
        keys, memory = keys_while(terminal, b"stopped at its length")
        end = time.perf_counter()
    row(f"{tokens:,} tokens in {end - begin:.1f} s", "keys", "median ms", "95 % ms", "most ms", "MB at its end")
    row(*["---"] * 6)
    row("before", "", "", "", "", f"{before:.0f}")
    quarter = (end - begin) / 4
    for part in range(4):
        low, high = begin + part * quarter, begin + (part + 1) * quarter
        took = np.array([key.took for key in keys if low <= key.at < high]) * 1000
        resident = [megabytes for at, megabytes in memory if at < high][-1]
        figures = [f"{value:.1f}" for value in (np.median(took), np.quantile(took, 0.95), took.max())]
        row(f"quarter {part + 1}", len(took), *figures, f"{resident:.0f}")
    took = np.array([key.took for key in keys]) * 1000
    row("all", len(took), *[f"{value:.1f}" for value in (np.median(took), np.quantile(took, 0.95), took.max())], "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--tokens", type=int, default=10_000)
    parser.add_argument("--model", default="models/starter")
    given = parser.parse_args()
    if given.runs:
        first_screen(given.model, given.runs)
        print()
    streaming(given.model, given.tokens)


if __name__ == "__main__":
    main()
