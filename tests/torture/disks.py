"""Trainings whose disk is full, whose quota is used up, whose folder turns read-only, whose disk fails.

They say so in one line that names the file, the reason and the cure, and exit with 1; what was told of stays; given
space, the run goes on to the bits of one left alone.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from rnncli.store import TRAINING
from rnncli.training.runfile import RUN
from tests.torture.apart import apart
from tests.torture.forked import Attempt, Forked, Kind, one_line, randoms
from tests.torture.kills import known
from tests.torture.parts import Tried
from tests.torture.seams import at_operations, failing
from tests.torture.space import own_mounts, resize, small_disk, unmount, without_rights

PLENTY = 64 << 20
PAGE = 4096
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES)


def _said(training: Forked, *numbers: int) -> str:
    """What is wrong with how a training ended that could not write; nothing where it was not in need."""
    code, said = training.end(), training.err.read_text(encoding="utf-8", errors="replace")
    if code == 0 and not said:
        return ""
    first, *rest = said.splitlines() or [""]
    named = first.startswith(f"rnncli: error: cannot write {training.folder}")
    reason = any(first.endswith(f": {os.strerror(number)}") for number in numbers)
    if code != 1 or not named or not reason or len(rest) != 1:
        return f"ended with {code}: {one_line(training.err)}"
    if (training.folder / TRAINING / RUN).exists() and "--resume" not in rest[0]:
        return f"did not say how to go on: {one_line(training.err)}"
    return ""


def _left(folder: Path) -> str:
    """What a training that ended by an error left half written."""
    left = [path.name for inner in (folder, folder / TRAINING) for path in inner.glob(".*.tmp")]
    return f"left behind: {left}" if left else ""


def full(attempt: Attempt, random: Random) -> str:
    """A disk too small for the run, or one that others fill up at some moment."""
    disk, kind = attempt.folder.parent, attempt.kind
    # Beside the largest file a new one is written: that much more is needed. (A page a file is the least.)
    if random.random() < 0.6:
        room = os.statvfs(disk)
        used = (room.f_blocks - room.f_bfree) * room.f_frsize
        resize(disk, used + random.randrange(PAGE, int(1.3 * kind.bytes), PAGE))
        training = attempt.next()
    else:
        when, free = random.randint(1, kind.operations), random.choice((0, 0, 1, 3, 10)) * PAGE
        training = attempt.next(lambda: _fill(disk, attempt.folder, when, free))
    lost = _said(training, errno.ENOSPC) or _left(attempt.folder)
    (disk / "ballast").unlink(missing_ok=True)
    resize(disk, PLENTY)
    return lost


def _fill(disk: Path, folder: Path, when: int, free: int) -> None:
    """Done in a child: at an operation on its files the disk is filled up by somebody else, but for so many bytes."""

    def act(number: int, name: str) -> None:
        if number == when:
            room = os.statvfs(disk)
            with os.fdopen(os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT), "wb") as ballast:
                ballast.write(bytes(max(0, room.f_bavail * room.f_frsize - free)))

    at_operations(folder, act)


def quota(attempt: Attempt, random: Random) -> str:
    """No file may be longer than so much (RLIMIT_FSIZE, whose signal Python ignores)."""
    most = random.randrange(1, max(2, attempt.kind.bytes // 3))

    def limit() -> None:
        # What it says goes into files, too, and is let be.
        said = os.pipe()
        if os.fork() == 0:
            os.close(said[1])
            with open(1, "wb", buffering=0, closefd=False) as out:
                while piece := os.read(said[0], 1 << 16):
                    out.write(piece)
            os._exit(0)
        os.close(said[0])
        os.dup2(said[1], 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return _said(attempt.next(limit), errno.EFBIG) or _left(attempt.folder)


def forbidden(attempt: Attempt, random: Random) -> str:
    """Its folders turn read-only at some moment; as root, with root's rights given up."""
    training = attempt.next(without_rights)
    time.sleep(random.uniform(0, attempt.kind.seconds))
    folders = [folder for folder in (attempt.folder, attempt.folder / TRAINING) if folder.is_dir()]
    chosen = random.choice((folders, folders[:1], folders[1:]))
    for folder in chosen:
        folder.chmod(0o555)
    lost = _said(training, errno.EACCES)
    for folder in folders:
        if folder.is_dir():
            folder.chmod(0o755)
    return lost or _left_forbidden(attempt.folder)


def _left_forbidden(folder: Path) -> str:
    """Half a file may be left where it may not be removed: it is when the run goes on, which is looked at there."""
    return "" if len([*folder.glob(".*.tmp"), *(folder / TRAINING).glob(".*.tmp")]) <= 1 else _left(folder)


def seam(attempt: Attempt, random: Random) -> str:
    """One operation on a file fails, or all from then on: fsync and rename, too, which a tmpfs does not let fail."""
    number, when = random.choice(ERRORS), random.randint(1, attempt.kind.operations)
    training = attempt.next(failing(attempt.folder, when, number, from_then_on=random.random() < 0.5))
    lost = _said(training, number)
    return f"{errno.errorcode[number]} at operation {when}: {lost}" if lost else ""


Harm = Callable[[Attempt, Random], str]


def _tried(harm: Harm, kind: Kind, folder: Path, random: Random) -> str:
    """Harm a run, perhaps twice, and go on with space given back; what was lost."""
    attempt = Attempt(kind, folder)
    lost = ""
    for _ in range(random.choice((1, 1, 2))):
        lost = lost or harm(attempt, random) or attempt.lost()
    lost = lost or attempt.finish()
    return f"{kind.name}, {harm.__name__}: {lost}" if lost else ""


def tmpfs_inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Disks that are full: each a tmpfs in a mount namespace that this process has for itself."""
    found = known(folder, min(count, 6))
    allowed = own_mounts()
    if not allowed:
        print("no mount namespace is to be had here: files fail by a seam instead", file=sys.stderr)
    for number, random in randoms(seed, count):
        disk = folder / f"disk{number}"
        disk.mkdir()
        if allowed:
            small_disk(disk, PLENTY)
        yield Tried(_tried(full if allowed else seam, found[number % len(found)], disk / f"run{number}", random))
        if allowed:
            unmount(disk)
        else:
            shutil.rmtree(disk)


def other_inside(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Quotas, folders that turn read-only, operations that fail."""
    found, harms = known(folder, min(count, 6)), (seam, quota, forbidden, seam)
    for number, random in randoms(seed, count):
        harm = harms[number % len(harms)]
        yield Tried(_tried(harm, found[number % len(found)], folder / f"run{number}", random))


tmpfs = apart(tmpfs_inside)
other = apart(other_inside)
