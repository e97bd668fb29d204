"""Kills trainings with SIGKILL at random instants, resumes each, and compares with one that is left alone.

    python tests/bench/kills.py [CORPUS] [--kills 20] [--steps 200] [--seed 1] [-- MORE OPTIONS OF TRAIN]

Each instant is uniform over the time that the run left alone took, its start included. A run that was killed before
there was anything to resume is started again. Prints a Markdown table: what the run was at, how often that was hit,
how many came to the same model.safetensors and the same evaluations, and the steps that had to be done again. Exits
with 1 where one did not.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.killing import Result, Training, phase, result  # noqa: E402

SMALL = [
    *("--hidden-size", "256", "--embedding-size", "64", "--batch-size", "4", "--bptt", "16", "--vocab-size", "300"),
    *("--precision", "fp32", "--device", "cpu", "--threads", "1"),
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", default=str(ROOT / "corpora" / "stories-en.txt"), help="text to train on")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the instants")
    # What follows -- is train's, by default a small network: argparse would take its first word for the corpus.
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    given = parser.parse_args(words[:end])
    given.more = words[end + 1 :]
    return given


def killed(folder: Path, start: list[str], after: float, env: dict[str, str]) -> tuple[str, int, Result]:
    """A run killed after so many seconds and gone on with: where that was, steps done twice, what it came to."""
    first = Training(folder, start, env)
    while first.running() and time.monotonic() - first.started < after:
        time.sleep(0.001)
    first.kill()
    where = phase(first)
    fresh = where == "before there was a run"
    second = Training(folder, start if fresh else ["--resume", str(folder)], env)
    second.wait()
    steps = [len(training.events("step")) for training in (first, second)]
    final = second.events("done")[0]["steps"]
    return where, sum(steps) - final, result(folder, [first, second])


def main() -> int:
    given = arguments()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    rows: dict[str, list[tuple[bool, int]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:

        def command(folder: Path) -> list[str]:
            # --overwrite: a run that died too early to be resumed leaves a folder.
            options = ["--steps", str(given.steps), *(given.more or SMALL)]
            return [given.corpus, "--out", str(folder), "--overwrite", *options]

        alone = Path(temporary, "alone")
        whole = Training(alone, command(alone), env)
        seconds = whole.wait()
        expected = result(alone, [whole])
        print(f"left alone: {seconds:.1f} s, {given.steps} steps, {len(expected.evaluations)} evaluations", flush=True)
        instants = random.Random(given.seed)
        for number in range(given.kills):
            after = instants.uniform(0, seconds)
            folder = Path(temporary, f"killed{number}")
            where, again, found = killed(folder, command(folder), after, env)
            rows[where].append((found == expected and found.same, again))
            print(
                f"{number + 1}: after {after:.2f} s, {where}: {'equal' if rows[where][-1][0] else 'NOT EQUAL'}",
                flush=True,
            )
    print("\n| killed | tried | equal | steps done again, at most |\n|---|---|---|---|")
    for where, tried in rows.items():
        print(f"| {where} | {len(tried)} | {sum(ok for ok, _ in tried)} | {max(again for _, again in tried)} |")
    equal = sum(ok for tried in rows.values() for ok, _ in tried)
    print(f"| all | {given.kills} | {equal} | |")
    return 0 if equal == given.kills else 1


if __name__ == "__main__":
    sys.exit(main())
