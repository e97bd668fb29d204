"""Two trainings that want one folder: one has it, the other says so in one line; a lock dies with its process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from rnncli.errors import ModelError
from rnncli.store import CONFIG, TRAINING, open_folder
from rnncli.training.runfile import RUN
from tests.killing import Told
from tests.torture.apart import apart
from tests.torture.forked import Forked, Kind, finished, lost_in_the_end, one_line, randoms
from tests.torture.kills import known
from tests.torture.parts import Tried

REFUSALS = ("another training is at work in ", "another training has just taken ", " holds a model")
MISSING = ("there is no model", "has no run to go on with")
"""What --resume may say of a folder that has just been made, or moved out of the way."""


def _refused(training: Forked, *also: str) -> str:
    """What is wrong with a training's refusal; nothing where it is none, or a good one."""
    said = training.err.read_text(encoding="utf-8")
    if training.code == 0:
        return ""
    good = training.code in (2, 3) and len(said.splitlines()) == 2 and said.startswith("rnncli: error: ")
    if good and any(words in said for words in (*REFUSALS, *also)):
        return ""
    return f"refused with {training.code}: {one_line(training.err)}"


def _both(one: Forked, two: Forked, kind: Kind, folder: Path, *also: str) -> str:
    """Both have ended: one at least did its work, alone, and none did the other harm."""
    codes = [one.end(), two.end()]
    lost = _refused(one, *also) or _refused(two, *also)
    if lost or 0 not in codes:
        return lost or f"none was trained: {codes}"
    # One that came when the other had ended resumes what is done, or trains the same anew.
    winners: list[Told] = [training for training in (one, two) if training.code == 0]
    return lost_in_the_end(kind, folder, winners)


def fresh(kind: Kind, folder: Path, random: Random) -> str:
    """Two that begin at once."""
    one = kind.start(folder)
    time.sleep(random.choice((0, 0, 0.005, 0.02)))
    return _both(one, kind.start(folder), kind, folder)


def over(kind: Kind, folder: Path, random: Random) -> str:
    """One that would overwrite what another is making."""
    one = kind.start(folder, over=random.random() < 0.5)
    time.sleep(random.uniform(0, kind.seconds))
    return _both(one, kind.start(folder, over=True), kind, folder)


def overs(kind: Kind, folder: Path, random: Random) -> str:
    """Two that would overwrite a model at once."""
    first = kind.start(folder)
    if first.end():
        return f"the first ended with {first.code}"
    one = kind.start(folder, over=True)
    time.sleep(random.choice((0, 0, 0.005, 0.02)))
    lost = _both(one, kind.start(folder, over=True), kind, folder)
    left = sorted(path.name for path in folder.parent.glob(f".{folder.name}*"))
    return lost or (f"left behind: {left}" if left else "")


def resumes(kind: Kind, folder: Path, random: Random) -> str:
    """Two that go on with a run at once."""
    first = _killed(kind, folder, random)
    if not (folder / TRAINING / RUN).exists():
        return ""
    one, two = (Forked(folder, ["--resume", str(folder)]) for _ in range(2))
    codes = [one.end(), two.end()]
    lost = _refused(one) or _refused(two)
    if lost or 0 not in codes:
        return lost or f"none went on: {codes}"
    winners = [training for training in (one, two) if training.code == 0]
    return lost_in_the_end(kind, folder, [first, *winners])


def resumed(kind: Kind, folder: Path, random: Random) -> str:
    """One that goes on with a run that is not at its end; and one that would overwrite it."""
    one = kind.start(folder)
    time.sleep(random.uniform(0, kind.seconds))
    two = Forked(folder, ["--resume", str(folder)])
    return _both(one, two, kind, folder, *MISSING)


def after_a_kill(kind: Kind, folder: Path, random: Random) -> str:
    """The lock of a process that was killed, or is about to be, is free at once."""
    first = _killed(kind, folder, random)
    return finished(kind, folder, [first])


def read_meanwhile(kind: Kind, folder: Path, random: Random) -> str:
    """Who reads while it is written finds a whole model each time, once there is one."""
    training, times = kind.start(folder), 0
    while training.running():
        told = any(event["best"] for event in training.events("eval"))
        try:
            open_folder(folder, patience=0).load()
            times += 1
        except ModelError as error:
            # Between two looks at it a file may be replaced: a reader is told, and tries again.
            if (told or (folder / CONFIG).exists()) and "was replaced while it was read" not in error.message:
                training.send(signal.SIGKILL)
                return f"not to be read after {times} times: {error.message}"
        time.sleep(random.uniform(0, 0.004))
    return f"ended with {training.code}: {one_line(training.err)}" if training.code else ""


def _killed(kind: Kind, folder: Path, random: Random) -> Forked:
    training = kind.start(folder)
    time.sleep(random.uniform(0.2, 0.9) * kind.seconds)
    os.kill(training.pid, signal.SIGKILL)
    training.end()
    return training


WAYS: tuple[Callable[[Kind, Path, Random], str], ...] = (
    *(fresh, over, overs, resumes, resumed, after_a_kill),
    read_meanwhile,
)


def inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Pairs of forked trainings."""
    found = known(folder, min(count, 2))
    for number, random in randoms(seed, count):
        kind, way = found[number % len(found)], WAYS[number % len(WAYS)]
        lost = way(kind, folder / f"run{number}", random)
        yield Tried(f"{kind.name}, {way.__name__}: {lost}" if lost else "")


forked = apart(inside)
