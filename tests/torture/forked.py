"""Trainings in processes forked from this one, through the real command line, and what they are held to.

This process has one thread and PyTorch (tests/torture/apart.py), so a training starts in some milliseconds and its
child can be harmed from within before it begins: limits, namespaces, a fault at a file operation.
"""

from __future__ import annotations

import io
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from rnncli.errors import ModelError
from rnncli.store import CONFIG, TRAINING, open_folder
from rnncli.training.runfile import RUN
from tests.killing import LONGEST, Result, Told, result

DEFAULT = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
Before = Callable[[], None]
"""Done in the child before its training begins."""


class Forked(Told):
    """A training in a process forked from this one."""

    def __init__(self, folder: Path, arguments: Sequence[str], before: Before | None = None) -> None:
        super().__init__(folder)
        self.code: int | None = None
        """What it ended with; minus the signal that killed it."""
        # A signal that comes before the command itself runs is not lost, and does not end what stands for Python here.
        known = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *DEFAULT))
        self.pid = os.fork()
        if not self.pid:
            _train(["train", *arguments, "--json"], self.out, before, known)
        signal.pthread_sigmask(signal.SIG_SETMASK, known)

    def running(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is None

    def end(self, seconds: float = LONGEST) -> int:
        """Wait for its end; the exit code."""
        while self.running():
            if time.monotonic() - self.started > seconds:
                self.send(signal.SIGKILL)
                self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                raise RuntimeError(f"still running after {seconds} s: {self.err.read_text()}")
            time.sleep(0.002)
        assert self.code is not None
        return self.code

    def send(self, number: int) -> None:
        """A signal, if it still runs."""
        if self.running():
            os.kill(self.pid, number)


def _train(arguments: list[str], out: Path, before: Before | None, mask: set[int]) -> NoReturn:
    """The child: the command line as a process of its own would run it, and never back into what was forked.

    ``mask``: the signals that are blocked once it runs.
    """
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for default in DEFAULT:
            signal.signal(default, signal.SIG_DFL)
        paths: tuple[Path, ...] = (Path(os.devnull), out, out.with_suffix(".err"))
        for number, path in enumerate(paths):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdin, sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(stream, "w" if stream else "r", closefd=False), write_through=bool(stream))
            for stream in range(3)
        )
        from rnncli.__main__ import call, leave
        from rnncli.cli import train

        vars(train)["STARTED"] = time.monotonic()
        if before is not None:
            before()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            code = call(arguments)
        except KeyboardInterrupt:  # as main() has it
            code = 130
        leave(code)
    finally:
        os._exit(70)


@dataclass
class Kind:
    """A training that is tried: its corpus and settings, and what comes of it when it is left alone."""

    name: str
    corpus: Path
    settings: tuple[str, ...]
    expected: Result | None = None
    seconds: float = 0.0
    operations: int = 0
    """Of files, in the run left alone (tests/torture/seams.py)."""
    bytes: int = 0
    """That its folder comes to."""
    alone: Path | None = None
    """The folder of the run left alone."""

    def start(self, folder: Path, before: Before | None = None, *, over: bool = False) -> Forked:
        """Begin it, or begin again where a run died too early to be gone on with."""
        more = ["--overwrite"] if over else []
        return Forked(folder, [str(self.corpus), "--out", str(folder), *self.settings, *more], before)

    def go_on(self, folder: Path, before: Before | None = None) -> Forked:
        """Resume it, or begin anew where there is nothing to resume."""
        if (folder / TRAINING / RUN).exists():
            return Forked(folder, ["--resume", str(folder)], before)
        return self.start(folder, before, over=True)


SMALL = (
    *("--steps", "24", "--batch-size", "4", "--bptt", "8", "--hidden-size", "16", "--embedding-size", "16"),
    *("--layers", "1", "--vocab-size", "60", "--precision", "fp32", "--ema", "0.9", "--learning-rate", "0.02"),
    *("--device", "cpu", "--threads", "1"),
)


def kinds(folder: Path, text: str) -> list[Kind]:
    """The three cells on both kinds of corpus."""
    corpus = folder / "corpus.txt"
    corpus.write_text(text, encoding="utf-8")
    return [
        Kind(f"{cell} {unit}", corpus, (*SMALL, "--cell", cell, "--unit", unit))
        for cell in ("rnn", "gru", "lstm")
        for unit in ("stream", "lines")
    ]


def left_alone(kind: Kind, folder: Path, before: Before | None = None) -> None:
    """Run it once without harm, and keep what came of it."""
    training = kind.start(folder, before)
    if training.end():
        raise RuntimeError(f"left alone, {kind.name} ended with {training.code}: {training.err.read_text()}")
    kind.alone = folder
    kind.seconds = time.monotonic() - training.started
    kind.expected = result(folder, [training])
    kind.bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def lost_at_rest(folder: Path, trainings: Sequence[Told]) -> str:
    """What a folder whose training has died lacks: it loads once a model was told of, and none older than that."""
    best = [event["step"] for training in trainings for event in training.events("eval") if event["best"]]
    if not (folder / CONFIG).exists():
        return f"no model, and one of step {best[-1]} was told of" if best else ""
    try:
        config = open_folder(folder, patience=0).config
    except ModelError as error:
        return f"it does not load: {error.message}"
    if best and config["metrics"]["step"] < best[-1]:
        return f"the model is of step {config['metrics']['step']}, and one of {best[-1]} was told of"
    return ""


def lost_in_the_end(kind: Kind, folder: Path, trainings: Sequence[Told]) -> str:
    """How a run that came to its end differs from the one left alone."""
    found = result(folder, trainings)
    if not found.same:
        return "evaluations made again came out otherwise, or the log lacks some"
    assert kind.expected is not None
    if found.digest != kind.expected.digest:
        return "other weights than the run left alone"
    # One that was stopped before its first evaluation has looked at that step, so as to leave a model.
    looked = {training.events("eval")[0]["step"] for training in trainings if _stopped_early(training)}
    expected = kind.expected.evaluations
    made = {step: event for step, event in found.evaluations.items() if step in expected or step not in looked}
    return "" if made == expected else "other evaluations than the run left alone"


def _stopped_early(training: Told) -> bool:
    """Whether a run was asked to stop, and looked at its validation text only then."""
    done = training.events("done")
    return bool(done) and done[0]["reason"] == "interrupted" and len(training.events("eval")) == 1


def finished(kind: Kind, folder: Path, trainings: list[Told]) -> str:
    """Go on to the end, unharmed; what was lost."""
    last = kind.go_on(folder)
    trainings.append(last)
    if last.end():
        return f"going on ended with {last.code}: {one_line(last.err)}"
    left = [path.name for path in (*folder.glob(".*"), *(folder / TRAINING).glob(".*"))]
    return f"left behind: {left}" if left else lost_in_the_end(kind, folder, trainings)


def one_line(err: Path) -> str:
    """What was said on stderr."""
    return " / ".join(err.read_text(encoding="utf-8", errors="replace").split("\n"))[-300:]


def randoms(seed: int, count: int) -> list[tuple[int, random.Random]]:
    """For each attempt its number and its own randomness."""
    return [(number, random.Random(f"{seed} {number}")) for number in range(1, count + 1)]


@dataclass
class Attempt:
    """One attempt: the processes that worked on a folder, one after the other."""

    kind: Kind
    folder: Path
    trainings: list[Told] = field(default_factory=list)

    def next(self, before: Before | None = None) -> Forked:
        """The next process: it begins the run, or goes on with it."""
        training = self.kind.go_on(self.folder, before) if self.trainings else self.kind.start(self.folder, before)
        self.trainings.append(training)
        return training

    def lost(self) -> str:
        """What its folder lacks now."""
        return lost_at_rest(self.folder, self.trainings)

    def finish(self) -> str:
        """Go on to the end; what was lost."""
        return finished(self.kind, self.folder, self.trainings)
