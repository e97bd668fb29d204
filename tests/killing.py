"""Real ``rnncli train`` processes that are killed: starting them, watching them, and what they leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnncli.arrays import sha256
from rnncli.store import CONFIG, TRAINING, WEIGHTS

COMMAND = [sys.executable, "-m", "rnncli", "train"]
LONGEST = 300.0
"""Seconds after which a process that should have ended or shown something is given up."""


def _event(line: bytes) -> dict[str, Any]:
    """What a line tells of; a ValueError that shows it where it is none."""
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise ValueError(f"no event: {line!r:.1000}") from error
    return event


class Told:
    """What a process that trains a model into ``folder`` says lies in a file, line by line; and its talk in another."""

    def __init__(self, folder: Path) -> None:
        # Not on a disk that the model has for itself, and that may be full.
        place = folder.parent.parent if folder.parent.is_mount() else folder.parent
        number = len(list(place.glob(f"{folder.name}.*.out")))
        self.folder, self.out = folder, place / f"{folder.name}.{number}.out"
        self.err = self.out.with_suffix(".err")
        self.out.touch()
        self.started = time.monotonic()

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind so far; half a line at the end is none."""
        lines = self.out.read_bytes().split(b"\n")[:-1]
        return [event for event in map(_event, lines) if event["event"] == kind]


class Training(Told):
    """A training in a process of its own, by the real command."""

    def __init__(self, folder: Path, arguments: Sequence[str], env: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments, "--json"], stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env
            )

    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> float:
        """Let it end well; return its seconds."""
        code = self.process.wait(LONGEST)
        if code:
            raise RuntimeError(f"exit code {code}: {self.err.read_text()}")
        return time.monotonic() - self.started

    def kill(self) -> None:
        """SIGKILL, now."""
        self.process.kill()
        self.process.wait(LONGEST)


@dataclass(frozen=True)
class Result:
    """What a run came to: the digest of its weights, and each evaluation as it was told, by step."""

    digest: str
    evaluations: dict[int, dict[str, Any]]
    same: bool
    """Evaluations that were made again came out the same, and all in the log are among those told."""


def result(folder: Path, trainings: Sequence[Told]) -> Result:
    """Of all the processes that worked on a folder together."""
    found: dict[int, dict[str, Any]] = {}
    same = True
    for event in (event for training in trainings for event in training.events("eval")):
        same &= found.setdefault(event["step"], event) == event
    lines = (folder / TRAINING / "log.jsonl").read_text(encoding="utf-8").splitlines()
    logged = [event["step"] for event in map(json.loads, lines) if event["event"] == "Evaluated"]
    same &= logged == sorted(found)
    same &= json.loads((folder / CONFIG).read_bytes())["status"] == "done"
    return Result(sha256(folder / WEIGHTS), found, same)
