"""Trainings that are killed with SIGKILL, at an instant or at an operation on a file, and gone on with.

After each kill the folder loads, if a model was told of, and holds none that is older; in the end the weights and
all evaluations are those of the run left alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.cli.conftest import clean_env
from tests.conftest import TINY_TEXT
from tests.killing import Told, Training
from tests.torture.apart import apart
from tests.torture.forked import Attempt, Kind, finished, kinds, left_alone, lost_at_rest, randoms
from tests.torture.parts import Tried
from tests.torture.seams import Counter, counting, dying

MOST_KILLS = 3
"""Of one run, before it is let go on to its end."""
REAL_CHAIN = 3
"""Kills of one run through the real command, each of them an attempt."""


def known(folder: Path, count: int) -> list[Kind]:
    """The kinds of run, each run once and left alone; no more of them than there are attempts."""
    found = kinds(folder, TINY_TEXT)[:count]
    for number, kind in enumerate(found):
        counter, alone = Counter(), folder / f"alone{number}"
        left_alone(kind, alone, counting(alone, counter))
        kind.operations = counter.value
    return found


def kill(attempt: Attempt, random: Random) -> str:
    """Let the next process of a run be killed; how."""
    if random.random() < 0.5:
        number = random.randint(1, attempt.kind.operations)
        attempt.next(dying(attempt.folder, number)).end()
        return f"at operation {number}"
    after = random.uniform(0, attempt.kind.seconds)
    training = attempt.next()
    time.sleep(after)
    training.send(9)
    training.end()
    return f"after {after:.3f} s"


def _try_one(attempt: Attempt, random: Random) -> str:
    """What was lost; the words to repeat it."""
    how: list[str] = [attempt.kind.name]
    for _ in range(random.randint(1, MOST_KILLS)):
        how.append(kill(attempt, random))
        if lost := attempt.lost():
            return f"{', killed '.join(how)}: {lost}"
    lost = attempt.finish()
    return f"{', killed '.join(how)}: {lost}" if lost else ""


def inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Kills of forked trainings, one run an attempt."""
    found = known(folder, count)
    for number, random in randoms(seed, count):
        yield Tried(_try_one(Attempt(found[number % len(found)], folder / f"run{number}"), random))


def real_inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Kills of processes that were started as a person starts them, some kills a run."""
    [kind] = known(folder, 1)
    env = {**clean_env(), "OMP_NUM_THREADS": "1"}
    for first in range(1, count + 1, REAL_CHAIN):
        place, trainings = folder / f"real{first}", list[Told]()
        begun = [str(kind.corpus), "--out", str(place), *kind.settings, "--overwrite"]
        for number in range(first, min(first + REAL_CHAIN, count + 1)):
            resumed = (place / "training" / "run.json").exists()
            training = Training(place, ["--resume", str(place)] if resumed else begun, env)
            trainings.append(training)
            _kill_real(training, Random(f"{seed} {number}"))
            yield Tried(lost_at_rest(place, trainings))
        if lost := finished(kind, place, trainings):
            yield Tried(f"the run that was killed {len(trainings) - 1} times from number {first} on: {lost}", 0)


def _kill_real(training: Training, random: Random) -> None:
    """Once it has told of a number of events, at an instant after that."""
    events, after = random.choice((0, 0, 1, 3, 9, 20, 40)), random.uniform(0, 0.03)
    while training.running() and len(training.out.read_bytes().splitlines()) <= events:
        time.sleep(0.005)
    time.sleep(after)
    training.kill()


forked = apart(inside)
real = apart(real_inside)
