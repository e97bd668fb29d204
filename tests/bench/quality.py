"""The best model for the minutes given: the figure of each corpus and budget, by the real commands.

    python -m tests.bench.quality DATA [--row NAME]... [--seeds 3] [--device cuda] [--keep FOLDER]

DATA holds the corpora as tests/bench/RESULTS.md names them (classic-books, names, tang-poems, tinyshakespeare,
wikitext-2). Each row trains with ``rnncli train`` and nothing but the minutes and the validation text, then scores with
``rnncli score --total``. Prints a Markdown table: the figure of each seed, how long the command took against the
minutes that it was given, and the speed of a float32 matrix product just before.
"""

from __future__ import annotations

import argparse
import json
import lzma
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.timing import gemm, row


@dataclass(frozen=True)
class Row:
    """A training and what it is measured on. ``figure``: the field of a total that counts."""

    corpus: str
    train: str
    valid: str
    test: str
    minutes: float
    figure: str
    options: tuple[str, ...] = ()
    context: str = "file"


def _books(minutes: float, *options: str) -> Row:
    parts = ("train.txt.xz", "valid.txt.xz", "test.txt.xz")
    return Row("classic-books", *parts, minutes, "bits_per_byte", options)


def _shakespeare(minutes: float, *options: str) -> Row:
    # By custom the figure is the validation text's (nanoGPT); the best checkpoint was chosen on it.
    return Row("tinyshakespeare", "train.txt", "valid.txt", "valid.txt", minutes, "nats_per_char", options)


def _tang(minutes: float, *options: str) -> Row:
    parts = ("train.txt.xz", "valid.txt.xz", "test.txt.xz")
    return Row("tang-poems", *parts, minutes, "bits_per_byte", options, "line")


ROWS = {
    "tinyshakespeare-1": _shakespeare(1),
    "tinyshakespeare-5": _shakespeare(5),
    "tinyshakespeare-10": _shakespeare(10),
    # A line's end counts as a character, as in makemore.
    "names-1": Row("names", "train.txt", "valid.txt", "test.txt", 1, "nats_per_char", (), "line"),
    "tang-poems-5": _tang(5),
    "tang-poems-5-char": _tang(5, "--tokenizer", "char"),
    "wikitext-2": Row(
        "wikitext-2",
        "wiki.train.tokens.xz",
        "wiki.valid.tokens.xz",
        "wiki.test.tokens.xz",
        25,
        "token_perplexity",
        ("--tokenizer", "word"),
    ),
    "classic-books-1": _books(1),
    "classic-books-20": _books(20),
}


def rnncli(*arguments: str, text: bytes = b"") -> bytes:
    """Standard output of the real command."""
    command = [sys.executable, "-m", "rnncli", *arguments]
    return subprocess.run(command, input=text, capture_output=True, check=True).stdout


def read(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def measure(case: Row, data: Path, out: Path, seed: int, device: str) -> tuple[dict[str, Any], dict[str, Any], float]:
    """The ``done`` event, the total on the test text, and the seconds that training took from start to end."""
    folder = data / case.corpus
    options = ["--minutes", str(case.minutes), "--seed", str(seed), "--device", device, *case.options]
    begin = time.perf_counter()
    training = ["train", str(folder / case.train), "--valid", str(folder / case.valid), "--out", str(out), "--json"]
    done = json.loads(rnncli(*training, *options).splitlines()[-1])
    seconds = time.perf_counter() - begin
    scoring = ["score", "-m", str(out), "--total", "--context", case.context, "--format", "json"]
    return done, json.loads(rnncli(*scoring, text=read(folder / case.test))), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--row", action="append", choices=ROWS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--keep", type=Path, help="where the models go; without it they are thrown away")
    given = parser.parse_args()
    row("row", "seed", "figure", "steps", "parameters", "tokens/s", "seconds / given", "GEMM GF/s")
    row(*["---"] * 8)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.row or ROWS:
            case = ROWS[name]
            for seed in range(1, given.seeds + 1):
                speed = gemm()
                out = (given.keep or Path(folder)) / f"{name}-{seed}"
                done, total, seconds = measure(case, given.data, out, seed, given.device)
                row(
                    name,
                    seed,
                    f"{total[case.figure]:.4f} {case.figure}",
                    f"{done['steps']:,}",
                    f"{done['params'] / 1e6:.2f} M",
                    f"{done['tokens_per_second']:,.0f}",
                    f"{seconds:.1f} / {60 * case.minutes:.0f}",
                    f"{speed:.0f}",
                )


if __name__ == "__main__":
    main()
