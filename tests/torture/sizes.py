"""Inputs larger than memory should be for them: endless lines, files that expand a thousandfold, very many words.

Each is scored, or trained on, by a real command in a process of its own, whose peak memory is measured. With all
attempts they are as large as told here; a slice has them small.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import random
import signal
import string
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from rnncli.config import TokenizerConfig
from rnncli.text.tokenizers import train_tokenizer
from tests.cli.conftest import clean_env
from tests.folders import save_folder, train_briefly
from tests.nets import config_of
from tests.torture.parts import Tried

MEASURE = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump({"code": code, "memory": used.ru_maxrss >> 10, "seconds": used.ru_utime + used.ru_stime}, file)
"""
"""Run by a small process: what a large one forks counts as large, whatever it does."""
TINY = 1
"""MB of all inputs in a slice."""
LONGEST = 900
MODEL = "model"
WORDS = ["".join(random.Random(number).choices(string.ascii_lowercase, k=40)) for number in range(24)]
TEXT = (" ".join(WORDS[number % 24] for number in range(250)) + " ").encode()
"""10 kB without an end."""
LINE = b"the moon and the river " * 20 + b"\n"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
SCORE = ("score", "-m", MODEL, "--threads", "1")
TRAIN = ("train", "--out", "made", "--threads", "1", "--hidden-size", "8", "--embedding-size", "8", "--layers", "1")


@dataclass(frozen=True)
class Case:
    """A command, and what it is given: on standard input, or as a file of that name."""

    arguments: tuple[str, ...]
    write: Callable[[IO[bytes], int], None]
    megabytes: int
    """Of the input, unpacked."""
    memory: int
    """MB that the process may take at most; beside it ``copies`` times the input."""
    copies: float = 0.0
    file: str = ""
    code: int = 0


def _one_line(out: IO[bytes], megabytes: int) -> None:
    for _ in range(megabytes * 100):
        out.write(TEXT)


def _lines(out: IO[bytes], megabytes: int) -> None:
    for _ in range(megabytes * 1_000_000 // len(LINE)):
        out.write(LINE)


def _packed(kind: str) -> Callable[[IO[bytes], int], None]:
    def write(out: IO[bytes], megabytes: int) -> None:
        member = PACKERS[kind](LINE * (1_000_000 // len(LINE)))
        for _ in range(megabytes):  # one after the other they are a file of that kind, too
            out.write(member)

    return write


def _empty_lines(out: IO[bytes], megabytes: int) -> None:
    out.write(b"\n" * 100_000)


def _distinct_words(out: IO[bytes], megabytes: int) -> None:
    for number in range(megabytes * 1000):
        out.write(" ".join(f"w{number}x{place}" for place in range(100)).encode() + b"\n")


def _wide(out: IO[bytes], megabytes: int) -> None:
    out.write("\ufeff".encode("utf-16-le"))
    for _ in range(megabytes):
        out.write((LINE.decode() * (500_000 // len(LINE))).encode("utf-16-le"))


CASES = (
    Case(SCORE, _one_line, 96, 150, copies=3.5),
    Case((*TRAIN, "-", "--steps", "5"), _one_line, 100, 900),
    Case((*SCORE, "--context", "file", "--total"), _one_line, 32, 150, copies=3.5),
    Case((*SCORE, "--total", "text.gz"), _packed("gz"), 1000, 150, file="text.gz"),
    *(
        Case((*SCORE, "--total", f"text.{kind}"), _packed(kind), 200, 150, file=f"text.{kind}")
        for kind in ("xz", "bz2", "zst")
    ),
    Case((*TRAIN, "text.gz", "--steps", "5"), _packed("gz"), 60, 900, file="text.gz"),
    *(
        Case((*TRAIN, f"text.{kind}", "--steps", "5"), _packed(kind), 10, 900, file=f"text.{kind}")
        for kind in ("xz", "bz2", "zst")
    ),
    Case(SCORE, _empty_lines, 1, 150),
    Case((*TRAIN, "-", "--steps", "5"), _empty_lines, 1, 150, code=4),
    Case((*SCORE, "--total"), _distinct_words, 10, 150),
    Case((*TRAIN, "-", "--steps", "5"), _distinct_words, 10, 900),
    Case((*TRAIN, "text.txt", "--steps", "5"), _wide, 24, 900, file="text.txt"),
)
"""A line that is scored is held whole, for its text is written behind its figures: that, and no more than that, is
what a long one costs. A corpus is never held."""


def bounded(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """The first so many; all of them: in full size."""
    _model(folder / MODEL)
    for number, case in enumerate(CASES[:count]):
        megabytes = case.megabytes if count >= len(CASES) else min(TINY, case.megabytes)
        yield Tried(_try(case, megabytes, folder, folder / str(number)))


def _model(folder: Path) -> None:
    """One that knows the long words, so that there are few tokens to read."""
    text = f"{TEXT.decode()}\n{LINE.decode()}" * 3
    tokenizer = train_tokenizer([text], TokenizerConfig(kind="hybrid", vocab_size=60))
    model = config_of(
        "lstm", "tanh", vocab_size=tokenizer.vocab_size, layers=1, hidden_size=6, embedding_size=6, tie=True
    )
    save_folder(folder, train_briefly(model, tokenizer), model, tokenizer)


def _try(case: Case, megabytes: int, folder: Path, work: Path) -> str:
    work.mkdir()
    (work / MODEL).symlink_to(folder / MODEL)
    if case.file:
        with open(work / case.file, "wb") as file:
            case.write(file, megabytes)
    command = [sys.executable, "-c", MEASURE, str(work / "used"), sys.executable, "-m", "rnncli", *case.arguments]
    with (
        open(work / "err", "wb") as err,
        subprocess.Popen(
            command,
            cwd=work,
            env=clean_env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=err,
            start_new_session=True,
        ) as child,
    ):
        feeder = threading.Thread(target=_feed, args=(child, None if case.file else case, megabytes))
        feeder.start()
        try:
            child.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # and with it the command that it measures
            return f"rnncli {' '.join(case.arguments)} with {megabytes} MB took longer than {LONGEST} s"
        finally:
            feeder.join()
    used = json.loads((work / "used").read_text())
    told = f"rnncli {' '.join(case.arguments)} with {megabytes} MB ({used['seconds']:.1f} s)"
    if used["code"] != case.code:
        return f"{told}: exit code {used['code']}: {(work / 'err').read_text()[-300:]!a}"
    most = case.memory + case.copies * megabytes
    return f"{told}: {used['memory']} MB of memory, more than {most:.0f}" if used["memory"] > most else ""


def _feed(child: subprocess.Popen[bytes], case: Case | None, megabytes: int) -> None:
    assert child.stdin is not None
    try:
        with child.stdin as stdin:
            if case is not None:
                case.write(stdin, megabytes)
    except BrokenPipeError:
        pass  # it has refused what it was given
