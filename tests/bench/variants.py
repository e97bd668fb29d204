"""Nats per character of the recipe and of its variants, each trained for the same minutes.

    python -m tests.bench.variants TRAIN VALID [--minutes 3] [--only NAME]

Each variant is trained by the real command, one after the other, and scored by ``rnncli score --total --context file``
on VALID; the figure is held against the ``done`` event's. Prints a Markdown table and the speed of a float32 matrix
product before each run, which tells how busy the machine was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.timing import gemm

VARIANTS: dict[str, list[str]] = {
    "recipe": [],
    "gru": ["--cell", "gru"],
    "rnn": ["--cell", "rnn"],
    "char": ["--tokenizer", "char"],
    "bpe": ["--tokenizer", "bpe"],
    "byte": ["--tokenizer", "byte"],
}


def rnncli(*arguments: str) -> str:
    """Standard output of the real command."""
    command = [sys.executable, "-m", "rnncli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def measure(name: str, train: str, valid: str, minutes: float, out: Path) -> str:
    """One row of the table."""
    speed = gemm()
    begin = time.perf_counter()
    options = ["--minutes", str(minutes), "--out", str(out / name), "--json", *VARIANTS[name]]
    done = json.loads(rnncli("train", train, "--valid", valid, *options).splitlines()[-1])
    seconds = time.perf_counter() - begin
    total = json.loads(
        rnncli("score", "-m", str(out / name), "--total", "--context", "file", "--format", "json", valid)
    )
    difference = abs(total["nats_per_char"] - done["valid"]["nats_per_char"])
    return (
        f"| {name} | {total['nats_per_char']:.4f} | {difference:.0e} | {done['params'] / 1e6:.2f} M "
        f"| {done['steps']:,} "
        f"| {done['tokens_per_second']:,.0f} | {seconds:.1f} | {speed:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("valid")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--only", choices=VARIANTS)
    given = parser.parse_args()
    print("| variant | nats/char | score - done | parameters | steps | tokens/s | seconds | GEMM GF/s |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in [given.only] if given.only else VARIANTS:
            print(measure(name, given.train, given.valid, given.minutes, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
