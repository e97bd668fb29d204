"""Trainings that are sent signals, stopped and let go on, whose terminal goes, whose clock jumps, whose memory ends.

Whatever comes of the process, the folder loads, says what it should, and the run goes on to the bits of one left alone.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from rnncli.arrays import load_arrays
from rnncli.store import WEIGHTS
from tests.cli.conftest import clean_env
from tests.killing import Training
from tests.torture.apart import apart
from tests.torture.forked import Attempt, Forked, Kind, lost_at_rest, one_line, randoms
from tests.torture.kills import known
from tests.torture.parts import Tried

STOPPED = 130
NEAR = 1e-5
"""Between two weights, whose last bits are 1e-7."""
NATIVE_ENDS = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, 127)
"""Of a process that a native library ended for want of memory; the last is glibc's."""
STOPPING = ("rnncli: stopping: ", "rnncli: stopped and saved; go on with: rnncli train --resume ")


def _spoken(err: Path, allowed: tuple[str, ...]) -> str:
    """What was said on stderr and should not have been."""
    lines = err.read_text(encoding="utf-8", errors="replace").splitlines()
    return " / ".join(line for line in lines if not line.startswith(allowed))


def _stopped(training: Forked, attempt: Attempt, *, silent: tuple[int, ...] = ()) -> str:
    """What is wrong with the end of a training that was asked to.

    ``silent``: what may end it before it has begun, or when all is done and only the process is still there.
    """
    code = training.end()
    if -code in silent and (training.events("done") or not attempt.folder.exists()):
        return ""
    if code not in (0, STOPPED):
        return f"ended with {code}: {one_line(training.err)}"
    if spoken := _spoken(training.err, STOPPING):
        return f"said {spoken}"
    done = training.events("done")
    interrupted = code == STOPPED and bool(done) and done[0]["reason"] == "interrupted"
    if interrupted and training.events("step") and not training.events("saved"):
        return "told of no save"
    return ""


def _after(attempt: Attempt, random: Random) -> Forked:
    """A process of the run, some way on."""
    training = attempt.next()
    time.sleep(random.uniform(0, 1.2 * attempt.kind.seconds))
    return training


def once(attempt: Attempt, random: Random) -> str:
    number = random.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    training = _after(attempt, random)
    training.send(number)
    return _stopped(training, attempt, silent=(number,))


def twice(attempt: Attempt, random: Random) -> str:
    """Ctrl-C and again, after a while: it leaves at once, or had already ended."""
    training = _after(attempt, random)
    for _ in range(2):
        training.send(signal.SIGINT)
        time.sleep(random.choice((0, 0.001, 0.02)))
    return _stopped(training, attempt, silent=(signal.SIGINT,))


def session(attempt: Attempt, random: Random) -> str:
    """The end of a session: SIGTERM and SIGHUP from several sides. It is saved, none counts as a second Ctrl-C."""
    training = _after(attempt, random)
    resumable = bool(training.events("saved"))
    for number in random.sample([signal.SIGTERM, signal.SIGHUP, signal.SIGHUP], 3):
        training.send(number)
    lost = _stopped(training, attempt, silent=(signal.SIGTERM, signal.SIGHUP))
    if not lost and training.code == STOPPED and resumable and not training.events("done"):
        return "left without an end, as if it had been asked twice"
    return lost


def core(attempt: Attempt, random: Random) -> str:
    """SIGQUIT ends it where it is."""
    training = _after(attempt, random)
    training.send(signal.SIGQUIT)
    code = training.end()
    return "" if code in (0, -signal.SIGQUIT) else f"ended with {code}"


def held(attempt: Attempt, random: Random) -> str:
    """Stopped for a while and let go on: nothing has happened."""
    training = attempt.next()
    for _ in range(random.randint(1, 4)):
        time.sleep(random.uniform(0, 0.3 * attempt.kind.seconds))
        training.send(signal.SIGSTOP)
        time.sleep(random.uniform(0, 0.05))
        training.send(signal.SIGCONT)
    return f"ended with {training.code}: {one_line(training.err)}" if training.end() else ""


def hung_up(attempt: Attempt, random: Random) -> str:
    """The terminal goes, in which it runs: the system sends SIGHUP, and no write to it works any more."""
    master, slave = os.openpty()

    def on_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        os.dup2(slave, 2)
        os.close(slave)
        os.close(master)

    training = attempt.next(on_terminal)
    os.close(slave)
    time.sleep(random.uniform(0, attempt.kind.seconds))
    os.close(master)
    return _stopped(training, attempt, silent=(signal.SIGHUP,))


def jumping(attempt: Attempt, random: Random) -> str:
    """The clock on the wall goes forward and back by up to a year, and stands at 1970: nobody asks it."""
    plain, offsets = time.time, [random.uniform(-3e7, 3e7) for _ in range(50)]

    def jump() -> None:
        at = iter(offsets * 1000)
        vars(time)["time"] = lambda: max(0.0, plain() + next(at))
        vars(time)["gmtime"] = lambda *given: plain_gmtime(*given or (max(0.0, plain() + next(at)),))

    plain_gmtime = time.gmtime
    training = attempt.next(jump)
    return f"ended with {training.code}: {one_line(training.err)}" if training.end() else ""


def starved(attempt: Attempt, random: Random) -> str:
    """No memory is to be had any more, from some moment on: one line, and the run goes on when there is some.

    Libraries in C and Rust may find none where they cannot say so, and end the process: then it was killed, as by the
    kernel's own killer, and the run goes on, too.
    """
    training = attempt.next()
    time.sleep(random.uniform(0.05, 1) * attempt.kind.seconds)
    if training.running():
        pages = int(Path(f"/proc/{training.pid}/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + random.choice((0, 0, 1 << 12, 1 << 17, 1 << 20))
        resource.prlimit(training.pid, resource.RLIMIT_AS, (limit, limit))
    code = training.end()
    said = training.err.read_text(encoding="utf-8", errors="replace")
    if code == 0 and not said:
        return ""
    if code == 1 and said.startswith("rnncli: error: out of memory\n") and len(said.splitlines()) == 2:
        return ""
    if code in NATIVE_ENDS and "Traceback" not in said:
        return ""
    return f"ended with {code}: {one_line(training.err)}"


HARMS: tuple[Callable[[Attempt, Random], str], ...] = (once, twice, session, core, held, hung_up, jumping, once)


def _starved(attempt: Attempt, random: Random) -> str:
    """Let its memory end, perhaps twice, and go on; what was lost.

    Where MKL finds no memory for its buffers it multiplies without them, and says nothing: a run that was short of
    memory for some steps has other last bits.
    """
    lost = ""
    for _ in range(random.choice((1, 1, 2))):
        lost = lost or starved(attempt, random) or attempt.lost()
    lost = lost or attempt.finish()
    if lost.startswith(("other ", "evaluations made again")) and _is_near(attempt):
        return ""
    return f"{attempt.kind.name}, starved: {lost}" if lost else ""


def _is_near(attempt: Attempt) -> bool:
    """Whether its weights are those of the run left alone but for their last bits."""
    assert attempt.kind.alone is not None
    one, two = (load_arrays(folder / WEIGHTS) for folder in (attempt.folder, attempt.kind.alone))
    return one.keys() == two.keys() and all(float(abs(one[name] - two[name]).max()) < NEAR for name in one)


def _tried(harm: Callable[[Attempt, Random], str], attempt: Attempt, random: Random) -> str:
    """Harm a run, perhaps twice, and go on; what was lost."""
    lost = ""
    for _ in range(random.choice((1, 1, 2))):
        lost = lost or harm(attempt, random) or lost_at_rest(attempt.folder, attempt.trainings)
    lost = lost or attempt.finish()
    return f"{attempt.kind.name}, {harm.__name__}: {lost}" if lost else ""


def inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Signals to forked trainings; of each fifteen one is held over its budget, and one is the real command."""
    found = known(folder, count)
    for number, random in randoms(seed, count):
        attempt = Attempt(found[number % len(found)], folder / f"run{number}")
        if number % 15 == 0:
            lost = _over_budget(found[0], attempt.folder)
        elif number % 15 == 8:
            lost = _real(found[0], attempt.folder, random)
        else:
            lost = _tried(HARMS[number % len(HARMS)], attempt, random)
        yield Tried(lost)


def memory_inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Trainings whose memory ends."""
    found = known(folder, count)
    for number, random in randoms(seed, count):
        yield Tried(_starved(Attempt(found[number % len(found)], folder / f"run{number}"), random))


def _over_budget(kind: Kind, folder: Path) -> str:
    """A run that has three seconds and is held for four: then it ends soon, with a model."""
    settings = [word for word in kind.settings if word not in ("--steps", "24")]
    training = Forked(folder, [str(kind.corpus), "--out", str(folder), *settings, "--minutes", "0.05"])
    while training.running() and not training.events("step"):
        time.sleep(0.01)
    training.send(signal.SIGSTOP)
    time.sleep(4)
    before = os.times()
    training.send(signal.SIGCONT)
    if training.end():
        return f"over its budget it ended with {training.code}: {one_line(training.err)}"
    after = os.times()
    spent = after.children_user - before.children_user  # of all its life: it may have used three seconds before
    return lost_at_rest(folder, [training]) or (f"it went on for {spent:.0f} s of work" if spent > 12 else "")


def _real(kind: Kind, folder: Path, random: Random) -> str:
    """The command itself, as a process: stopped at some moment, its imports included, and gone on with."""
    begun = [str(kind.corpus), "--out", str(folder), *kind.settings]
    training = Training(folder, begun, {**clean_env(), "OMP_NUM_THREADS": "1"})
    time.sleep(random.uniform(0.2, 4))
    training.process.send_signal(random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
    code = training.process.wait(300)
    spoken = _spoken(training.err, STOPPING)
    if code not in (0, STOPPED, -signal.SIGTERM, -signal.SIGHUP) or spoken or (code < 0 and folder.exists()):
        return f"the real command ended with {code}: {one_line(training.err)}"
    attempt = Attempt(kind, folder, [training])
    return attempt.lost() or attempt.finish()


forked = apart(inside)
memory = apart(memory_inside)
