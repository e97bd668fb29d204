"""Tries everything in SECURITY.md in earnest and prints a table: what, how many tried, survived, lost.

    python -m tests.torture [NAME...] [--seed 1] [--share 1.0] [--workers 2] [--record]

Each part runs in a process of its own, two at a time. ``--share 0.1`` makes a tenth of the attempts. ``--record``
writes the table of a whole run into SECURITY.md and tests/bench/RESULTS.md. What was lost is told on stderr as it
happens, with the part's name, seed and number: the same seed tries the same again. Exits with 1 where anything was
lost. With names, ``--record`` puts the rows of these parts in the place of those that stand there, and says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tests.torture.parts import PARTS, Part

ROOT = Path(__file__).parents[2]
RECORDS = (ROOT / "SECURITY.md", ROOT / "tests" / "bench" / "RESULTS.md")
BEGIN, END = "<!-- torture: make torture RECORD=--record -->", "<!-- /torture -->"
SHOWN = 20
"""Losses of a part that are told one by one."""
LONGEST = 600
"""Characters of each."""


@dataclass
class Row:
    """What came of a part."""

    part: Part
    tried: int = 0
    lost: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def cells(self) -> tuple[str, ...]:
        survived = self.tried - len(self.lost)
        return self.part.what, f"{self.tried:,}", f"{survived:,}", f"{self.seconds:.0f} s", f"{len(self.lost):,}"


def try_part(part: Part, count: int, seed: int) -> None:
    """Make the attempts here, and write each as JSON, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            for tried in part.attempts(count, seed, Path(folder)):
                print(json.dumps({"lost": tried.lost, "times": tried.times}), flush=True)
        except Exception:
            traceback.print_exc()
            last = traceback.format_exc().strip().splitlines()[-1]
            print(json.dumps({"lost": f"the attempt itself failed: {last}", "times": 0}), flush=True)


def run_part(part: Part, count: int, seed: int) -> Row:
    """The same in a process of its own."""
    row, begin = Row(part), time.monotonic()
    command = [sys.executable, "-m", "tests.torture", part.name, "--here", str(count), "--seed", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = json.loads(line)
            row.tried += found["times"]
            if found["lost"]:
                row.lost.append(found["lost"])
                if len(row.lost) <= SHOWN:
                    tell(f"{part.name}, seed {seed}, number {row.tried}: LOST: {found['lost'][:LONGEST]}")
    if process.returncode:
        row.lost.append(f"ended with {process.returncode}")
    if row.tried < count:
        row.lost.append(f"only {row.tried} of {count} were tried")
    row.seconds = time.monotonic() - begin
    tell(f"{part.name}: {row.tried:,} tried, {len(row.lost)} lost, {row.seconds:.0f} s")
    return row


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(rows: list[Row]) -> str:
    """In Markdown."""
    head = "| what | tried | survived | time | lost |\n|---|---:|---:|---:|---:|\n"
    return head + "".join(f"| {' | '.join(row.cells())} |\n" for row in rows)


def record(text: str) -> None:
    """Put the table where it stands in the documents."""
    for path in RECORDS:
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        _, found, after = rest.partition(END)
        if not found:
            raise ValueError(f"{path} has no place for the table")
        path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def renewed(rows: list[Row]) -> str:
    """The table that stands there with these rows in it."""
    text = RECORDS[0].read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    for row in rows:
        [old] = [line for line in text.splitlines() if line.startswith(f"| {row.part.what} |")]
        text = text.replace(old, f"| {' | '.join(row.cells())} |")
    return f"{text} Taken anew by itself: {', '.join(row.part.name for row in rows)}.\n"


def run_all(parts: list[Part], share: float, seed: int, workers: int) -> list[Row]:
    """Those that bear company side by side, the first the longest, then the others one by one."""

    def one(part: Part) -> Row:
        return run_part(part, max(1, round(part.whole * share)), seed)

    with ThreadPoolExecutor(workers) as pool:
        found = {row.part.name: row for row in pool.map(one, [part for part in parts if not part.alone])}
    found |= {part.name: one(part) for part in parts if part.alone}
    return [found[part.name] for part in parts]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(part.name for part in PARTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the attempts")
    parser.add_argument("--workers", type=int, default=2, help="parts at a time")
    parser.add_argument("--record", action="store_true", help="write the table into the documents")
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = set(given.names) - {part.name for part in PARTS}
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    parts = [part for part in PARTS if not given.names or part.name in given.names]
    if given.here is not None:
        try_part(parts[0], given.here, given.seed)
        return 0
    begin = time.monotonic()
    rows = run_all(parts, given.share, given.seed, given.workers)
    minutes = (time.monotonic() - begin) / 60
    text = f"{table(rows)}\n{date.today()}, seed {given.seed}, {given.workers} at a time, {minutes:.1f} minutes.\n"
    print(text)
    if given.record:
        if given.share < 1:
            parser.error("--record is for all attempts")
        record(renewed(rows) if given.names else text)
    return int(any(row.lost for row in rows))


if __name__ == "__main__":
    sys.exit(main())
