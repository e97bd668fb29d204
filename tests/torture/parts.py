"""The parts of the torture: what each tries, how often, and what an attempt comes to.

A part is a function ``attempts(count, seed, folder) -> Iterator[Tried]`` that makes ``count`` attempts, each decided by
the seed and its number, and may write into an empty folder. It raises where the harness itself is at fault: then the
whole part counts as lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NamedTuple


class Tried(NamedTuple):
    """What came of an attempt, or of ``times`` of them. ``lost``: what went wrong, one line; nothing where all held."""

    lost: str = ""
    times: int = 1


Attempts = Callable[[int, int, Path], Iterator[Tried]]


@dataclass(frozen=True)
class Part:
    """A row of the table. ``whole``: attempts of ``make torture``; ``slice``: of ``make test``."""

    name: str
    what: str
    where: str
    """The function, as module:name in this package."""
    whole: int
    slice: int
    alone: bool = False
    """It needs all cores: nothing runs beside it."""

    def attempts(self, count: int, seed: int, folder: Path) -> Iterator[Tried]:
        """Make the attempts."""
        module, _, name = self.where.partition(":")
        function: Attempts = getattr(import_module(f"tests.torture.{module}"), name)
        return function(count, seed, folder)


# fmt: off
PARTS = (
    Part("lines", "distinct lines through one score, its memory flat", "lines:score", 10_000_000, 6_000),
    Part("strings", "hostile strings through the five tokenizers", "strings:encode", 500_000, 600),
    Part("commands", "random command lines, in one process", "commands:here", 2_000, 25),
    Part("real-commands", "random command lines as processes, with pipes and terminals", "streams:real", 100, 2),
    Part("escapes", "commands on a terminal, their texts, names and words hostile", "escapes:terminal", 500, 12),
    Part("tables", "tables and texts made wrong, for their readers", "tables:tries", 10_000, 250),
    Part("fuzzed-tables", "runs of a fuzzer over those readers and the tokenizers", "tables:fuzz", 40_000, 10),
    Part("sizes", "endless lines, packed files, very many words: memory bounded", "sizes:bounded", 16, 1),
    Part("crowd", "processes that score with one model folder at once", "crowd:score", 100, 6, alone=True),
    Part("switches", "models opened one after the other in Python, none left behind", "switches:in_python", 1_000, 20),
    Part("app", "models opened one after the other in the app, none left behind", "switches:in_the_app", 1_000, 5),
    Part("threads", "networks scored and trained on 1, 2 and 7 threads, alike to 1e-4", "numerics:threads", 100, 2),
    Part("overflow", "networks whose weights overflow: an error, or numbers", "numerics:overflow", 500, 8),
    Part("folders", "model folders harmed, forged, swapped, linked elsewhere", "hostile:attempts", 2_000, 14),
    Part("fuzz-folders", "inputs of a model folder's readers, guided by coverage", "fuzz_folders:attempts", 40_000, 1),
    Part("kills", "trainings killed up to three times each, at an instant or at a file", "kills:forked", 300, 1),
    Part("real-kills", "kills of trainings that the command itself started", "kills:real", 30, 1),
    Part("signals", "signals, a terminal that goes, a clock that jumps, in a training", "signals:forked", 60, 2),
    Part("memory", "trainings whose memory ends", "signals:memory", 30, 1),
    Part("disks", "disks that are full at some point of a training (a tmpfs in a namespace)", "disks:tmpfs", 50, 2),
    Part("writes", "quotas, read-only folders, files that fail (limits, rights, a seam)", "disks:other", 60, 2),
    Part("locks", "two trainings that want one folder, or one that reads it meanwhile", "locks:forked", 42, 2),
)
# fmt: on
