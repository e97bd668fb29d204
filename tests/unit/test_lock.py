"""One training at a time in a folder, and no trace of one that died."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rnncli.errors import ConfigError, WriteError
from rnncli.store import TRAINING
from rnncli.training import lock
from rnncli.training.lock import LOCK, Lock
from rnncli.training.place import Place

HOLD = "import sys, time; from pathlib import Path; from rnncli.training.lock import Lock; "
HOLD += "lock = Lock(Path(sys.argv[1])); lock.take(); print('held', flush=True); time.sleep(300)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / TRAINING).mkdir(parents=True)
    return tmp_path / "model"


def test_of_two_the_second_is_told_until_the_first_has_gone(folder: Path) -> None:
    first, second = Lock(folder), Lock(folder)
    first.take()
    with pytest.raises(ConfigError, match=r"another training is at work in .*model") as caught:
        second.take()
    assert caught.value.hint is not None
    first.release()
    second.take()
    with pytest.raises(ConfigError):
        first.take()
    second.release()
    first.take()


def test_a_process_that_is_killed_leaves_no_lock(folder: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match="another training"):
            Lock(folder).take()
        holder.send_signal(signal.SIGKILL)
    Lock(folder).take()
    assert (folder / TRAINING / LOCK).exists()


def test_a_lock_whose_folder_was_moved_away_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = lock.fcntl.flock

    def moved(descriptor: int, how: int) -> None:
        real(descriptor, how)
        os.replace(folder, folder.with_name("elsewhere"))

    monkeypatch.setattr(lock.fcntl, "flock", moved)
    mine = Lock(folder)
    with pytest.raises(ConfigError, match="another training"):
        mine.take()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_there_are_no_locks_training_goes_on(folder: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    one, two = Lock(folder), Lock(folder)
    one.take()
    two.take()


def test_a_system_without_such_locks_has_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    one, two = Lock(folder), Lock(folder)
    one.take()
    two.take()


def test_a_lock_without_its_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"cannot write .*training/lock: No such file"):
        Lock(tmp_path / "gone").take()


def test_a_folder_in_which_a_training_works_is_not_overwritten(folder: Path) -> None:
    mine = Lock(folder)
    mine.take()
    with pytest.raises(ConfigError, match="another training is at work"):
        Place(folder, overwrite=True).take()
    mine.release()
    place = Place(folder, overwrite=True)
    place.take()
    for other in (Place(folder, overwrite=True).take, Place(folder, overwrite=False).take_again):
        with pytest.raises(ConfigError, match="another training is at work"):
            other()
    place.leave()
    again = Place(folder, overwrite=False)
    again.take_again()
    again.give_back()
    assert folder.exists()
