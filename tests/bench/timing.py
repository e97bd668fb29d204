"""What the benchmarks share: alternating runs, their medians and spread, what a process took."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Figure(NamedTuple):
    """Seconds, or whatever was measured: median, least and most of the runs."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.4g} ({self.least:.4g} to {self.most:.4g})"


def alternate(cases: Mapping[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """Each case once, then each again, ``runs`` times: what disturbs the machine disturbs all alike."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):
        for name, case in cases.items():
            found[name].append(case())
    return found


def ratio(one: Sequence[float], other: Sequence[float]) -> Figure:
    """Of two cases run in turn: the ratio of each pair of runs."""
    return Figure.of([a / b for a, b in zip(one, other, strict=True)])


class Process(NamedTuple):
    """What a command took: seconds to its first output and to its end, and its output."""

    first: float
    seconds: float
    output: bytes


def run(command: Sequence[str], text: bytes = b"") -> Process:
    """Run a command to its end with text on its standard input; it must succeed."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text)
    process.stdin.close()
    output = process.stdout.read(1)
    first = time.perf_counter() - begin
    while part := process.stdout.read(1 << 16):
        output += part
    code = process.wait()
    assert code == 0, command
    return Process(first, time.perf_counter() - begin, output)


WATCHER = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)])
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_memory(command: Sequence[str], stdin: Any = subprocess.DEVNULL) -> float:
    """Megabytes that a command had resident at most. A small process starts it: a child is charged its parent's."""
    watcher = [sys.executable, "-S", "-c", WATCHER, *command]
    done = subprocess.run(watcher, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return int(done.stdout) * 1024 / 1e6


def gemm() -> float:
    """GF/s of a 2048 x 2048 float32 product in PyTorch, the median of five: how fast the machine is just now."""
    code = (
        "import torch, time; a = torch.randn(2048, 2048); t = []\n"
        "for _ in range(5):\n s = time.perf_counter(); a @ a; t.append(time.perf_counter() - s)\n"
        "print(2 * 2048**3 / sorted(t)[2] / 1e9)"
    )
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def row(*cells: object) -> None:
    """A line of a Markdown table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def some(items: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """So many of the items, spread over all of them."""
    if len(items) <= count:
        return list(items)
    chosen = np.sort(np.random.default_rng(seed).choice(len(items), count, replace=False))
    return [items[i] for i in chosen]
