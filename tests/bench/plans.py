"""The recipe's plans for real corpora, held against ranges that were written down before looking.

    python -m tests.bench.plans DATA

Runs ``rnncli train CORPUS --dry-run --json`` for each corpus in DATA and three budgets and prints each setting with its
range; exits with 1 where one lies outside. The ranges are what a person who trains such networks by hand would start
from on two processor cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.timing import row

Range = tuple[float, float]
PROSE: dict[str, Range] = {"bptt": (32, 128), "batch size": (8, 64), "learning rate": (0.002, 0.02)}
EXPECTED: dict[str, tuple[str, str, dict[float, dict[str, Range]]]] = {
    "tinyshakespeare/train.txt": (
        "stream",
        "hybrid",
        {
            1: {**PROSE, "vocabulary": (800, 4000), "hidden size": (128, 384), "dropout": (0, 0.3)},
            5: {**PROSE, "vocabulary": (500, 4000), "hidden size": (256, 640), "dropout": (0.15, 0.5)},
            60: {**PROSE, "vocabulary": (300, 4000), "hidden size": (384, 1024), "dropout": (0.3, 0.6)},
        },
    ),
    "names/train.txt": (
        "lines",
        "hybrid",
        {
            1: {"bptt": (10, 40), "batch size": (16, 512), "vocabulary": (0, 0), "hidden size": (64, 384)},
            5: {"bptt": (10, 40), "batch size": (16, 512), "vocabulary": (0, 0), "dropout": (0.15, 0.6)},
            60: {"bptt": (10, 40), "batch size": (16, 512), "vocabulary": (0, 0), "dropout": (0.3, 0.6)},
        },
    ),
    "tang-poems/train.txt.xz": (
        "lines",
        "hybrid",
        {
            1: {"vocabulary": (0, 1000), "hidden size": (64, 384), "dropout": (0, 0.15), "bptt": (30, 256)},
            5: {"vocabulary": (0, 1000), "hidden size": (128, 640), "dropout": (0, 0.3), "bptt": (30, 256)},
            60: {"vocabulary": (0, 1000), "hidden size": (256, 1024), "dropout": (0.1, 0.5), "bptt": (30, 256)},
        },
    ),
    "wikitext-2/wiki.train.tokens.xz": (
        "stream",
        "hybrid",
        {
            1: {**PROSE, "vocabulary": (1000, 8000), "hidden size": (128, 384), "dropout": (0, 0.1)},
            5: {**PROSE, "vocabulary": (3000, 12000), "hidden size": (192, 640), "dropout": (0, 0.2)},
            60: {**PROSE, "vocabulary": (4000, 20000), "hidden size": (384, 1024), "dropout": (0.1, 0.5)},
        },
    ),
    "classic-books/train.txt.xz": (
        "stream",
        "hybrid",
        {
            1: {**PROSE, "vocabulary": (1000, 10000), "hidden size": (128, 384), "dropout": (0, 0.06)},
            5: {**PROSE, "vocabulary": (3000, 20000), "hidden size": (256, 768), "dropout": (0, 0.06)},
            60: {**PROSE, "vocabulary": (8000, 30000), "hidden size": (512, 1024), "dropout": (0, 0.1)},
        },
    ),
}


def plan_of(path: Path, minutes: float) -> dict[str, Any]:
    """The settings by name, as ``--dry-run --json`` prints them."""
    command = [sys.executable, "-m", "rnncli", "train", str(path), "--minutes", str(minutes), "--dry-run", "--json"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    settings = json.loads(lines[0])
    return {name.replace("_", " "): value["value"] for name, value in settings.items() if isinstance(value, dict)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    outside = 0
    row("corpus", "minutes", "setting", "plan", "expected")
    row(*["---"] * 5)
    for name, (unit, kind, budgets) in EXPECTED.items():
        for minutes, ranges in budgets.items():
            plan = plan_of(given.data / name, minutes)
            wrong = [
                (key, plan[key], value) for key, value in (("unit", unit), ("tokenizer", kind)) if plan[key] != value
            ]
            outside += len(wrong)
            for key, found, value in wrong:
                row(name, minutes, key, found, f"{value}, not so")
            for key, (low, high) in ranges.items():
                inside = low <= plan[key] <= high
                outside += not inside
                row(name, minutes, key, plan[key], f"{low:g} to {high:g}{'' if inside else ', outside'}")
    print(f"\n{outside} outside")
    sys.exit(bool(outside))


if __name__ == "__main__":
    main()
