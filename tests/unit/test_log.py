"""log.jsonl: whole lines on the disk at each evaluation, cut where a run goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rnncli.errors import WriteError
from rnncli.events import Notice, Saved, StepDone
from rnncli.training.log import Log, cut_log


def step(number: int) -> StepDone:
    return StepDone(
        step=number, loss=1.0, nats_per_char=None, learning_rate=0.1, grad_norm=1.0, tokens_per_second=1.0,
        progress=0.1, seconds=1.0, seconds_left=1.0, skipped=0,
    )  # fmt: skip


def written(path: Path) -> list[int]:
    log = Log(path)
    for number in range(1, 8):
        log.write(step(number))
        if number % 3 == 0:
            log.write(Saved(step=number, folder="x", best=True, seconds=1.0))
    return [line.count('"event"') for line in path.read_text().splitlines()]


def test_lines_are_there_at_each_save_and_the_rest_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert written(path) == [1] * 8
    log = Log(path)
    log.write(Notice(message="the end"))
    assert len(path.read_text().splitlines()) == 8
    log.flush()
    log.flush()
    assert len(path.read_text().splitlines()) == 9


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    log = Log(tmp_path / "gone" / "log.jsonl")
    with pytest.raises(WriteError, match=r"cannot write .*gone/log\.jsonl: No such file"):
        log.write(Saved(step=1, folder="x", best=True, seconds=1.0))


def test_to_cut_it_is_to_have_it_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    written(path)
    with open(path, "a") as file:
        file.write('{"event": "StepDone", "st')
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(WriteError, match=r"log\.jsonl: No space"):
            cut_log(path, 4)
    assert path.read_bytes() == before
    cut_log(path, 4)
    assert len(path.read_text().splitlines()) == 5
    assert list(tmp_path.iterdir()) == [path]
