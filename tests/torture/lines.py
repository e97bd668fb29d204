"""A day of scoring by volume: distinct lines through one ``rnncli score``, whose memory must stay as it was."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rnncli.api import load
from tests.cli.conftest import clean_env
from tests.conftest import TINY_TEXT, train_small
from tests.torture.parts import Tried

WORDS = (
    "Anna",
    "Bob",
    "the",
    "cat",
    "saw",
    "heard",
    "knew",
    "moon",
    "river",
    "old",
    "house",
    "small",
    "dog",
    "and",
    "sea",
)
BLOCK = 2_000
"""Lines that are written, read and looked at together."""
SPELLED = 10
"""Every so manieth line ends in a number that no vocabulary has."""
WARM, MOST_GROWN = 0.05, 8 << 20
"""After so much of the lines the process may grow by so many bytes."""
MOST_APART = 1e-4
"""Nats by which a line's score may differ from the one that it gets alone."""


def line(number: int) -> str:
    """A line that no other number has: the number in words."""
    words, rest = [], number
    while rest:
        rest, digit = divmod(rest, len(WORDS))
        words.append(WORDS[digit])
    return " ".join([*words, str(number)] if number % SPELLED == 0 else words)


def score(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """``count`` lines."""
    corpus = folder / "corpus.txt"
    corpus.write_text(TINY_TEXT)
    small = {"hidden_size": 4, "embedding_size": 4, "vocab_size": 400, "steps": 2}
    model = load(train_small(corpus, folder / "model", cell="gru", unit="lines", seed=seed, **small), threads=1)
    command = [sys.executable, "-m", "rnncli", "score", "-m", str(folder / "model"), "--json", "--threads", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_env()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        writer = threading.Thread(target=_write, args=(process.stdin, count), daemon=True)
        writer.start()
        warm = 0
        for begin in range(0, count, BLOCK):
            numbers = range(begin, min(begin + BLOCK, count))
            found = [process.stdout.readline() for _ in numbers]
            looked_at = numbers[(seed * 7919 + begin) % len(numbers)]
            [expected] = model.score([line(looked_at)])
            yield Tried(_wrong(found[looked_at - begin], looked_at, expected.tally.logprob), len(numbers))
            held = _resident(process.pid)
            if held and begin >= WARM * count:
                warm = warm or held
                if held - warm > MOST_GROWN:
                    yield Tried(f"after {begin:,} lines it holds {held:,} bytes, before {warm:,}", 0)
                    break
        if not warm:
            yield Tried("its memory was never seen", 0)
        if process.stdout.read() or process.wait():
            yield Tried(f"more lines than were given, or exit code {process.returncode}", 0)


def _write(stream: BinaryIO, count: int) -> None:
    for begin in range(0, count, BLOCK):
        numbers = range(begin, min(begin + BLOCK, count))
        stream.write("".join(f"{line(number)}\n" for number in numbers).encode())
    stream.close()


def _wrong(data: bytes, number: int, expected: float) -> str:
    found = json.loads(data or b"{}")
    if found.get("text") != line(number) or found["line"] != number + 1:
        return f"line {number + 1} came back as {data!r}"
    apart = abs(found["logprob"] - expected)
    return "" if apart <= MOST_APART else f"line {number + 1} has {found['logprob']}, alone {expected}"


def _resident(pid: int) -> int:
    """Bytes of a process in memory; 0 where it has ended."""
    for field in Path(f"/proc/{pid}/status").read_text().splitlines():
        if field.startswith("VmRSS:"):
            return int(field.split()[1]) * 1024
    return 0
