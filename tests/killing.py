"""Real ``rnncli train`` processes that are killed: starting them, watching them, and what they leave behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnncli.arrays import sha256
from rnncli.store import CONFIG, TRAINING, WEIGHTS
from rnncli.training.prepare import PREPARED, RUN
from rnncli.training.state import STATE

COMMAND = [sys.executable, "-m", "rnncli", "train"]
LONGEST = 300.0
"""Seconds after which a process that should have ended or shown something is given up."""


class Training:
    """One process that trains a model into ``folder``; what it says lies in a file, line by line."""

    def __init__(self, folder: Path, arguments: Sequence[str], env: dict[str, str] | None = None) -> None:
        number = len(list(folder.parent.glob(f"{folder.name}.*.out")))
        self.folder, self.out = folder, folder.parent / f"{folder.name}.{number}.out"
        self.started = time.monotonic()
        with open(self.out, "wb") as out, open(self.out.with_suffix(".err"), "wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments, "--json"], stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env
            )

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind so far; half a line at the end is none."""
        lines = self.out.read_bytes().split(b"\n")[:-1]
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> float:
        """Let it end well; return its seconds."""
        code = self.process.wait(LONGEST)
        if code:
            raise RuntimeError(f"exit code {code}: {self.out.with_suffix('.err').read_text()}")
        return time.monotonic() - self.started

    def kill(self) -> None:
        """SIGKILL, now."""
        self.process.kill()
        self.process.wait(LONGEST)

    def kill_when(self, due: Callable[[], bool]) -> bool:
        """Kill it as soon as ``due`` says so, of a process that is held meanwhile; False where it ended before."""
        while self.running():
            if time.monotonic() - self.started > LONGEST:
                self.kill()
                raise RuntimeError("the moment to kill did not come")
            if due():
                self.process.send_signal(signal.SIGSTOP)
                time.sleep(0.002)  # until it is held, it goes on
                if due():
                    self.kill()
                    return True
                self.process.send_signal(signal.SIGCONT)
        return False


def half_written(folder: Path, name: str = "") -> list[Path]:
    """Files of a run that are being written, or were."""
    return [path for inner in (folder, folder / TRAINING) for path in inner.glob(f".{name}*.tmp")]


def phase(training: Training) -> str:
    """Where a run that was killed had come to."""
    inner = training.folder / TRAINING
    if training.events("done"):
        return "after its end"
    if not (inner / RUN).exists():
        return "before there was a run"
    if not (inner / PREPARED).exists():
        return "while the text was prepared"
    if half_written(training.folder):
        return "during a save"
    return "between saves" if (inner / STATE).exists() else "before the first save"


@dataclass(frozen=True)
class Result:
    """What a run came to: the digest of its weights, and each evaluation as it was told, by step."""

    digest: str
    evaluations: dict[int, dict[str, Any]]
    same: bool
    """Evaluations that were made again came out the same, and all in the log are among those told."""


def result(folder: Path, trainings: Sequence[Training]) -> Result:
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
