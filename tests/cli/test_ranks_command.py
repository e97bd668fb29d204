"""``rnncli train`` under torchrun: two processes make the model that one makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rnncli.api import TrainRequest, open_run
from rnncli.events import StepDone
from rnncli.store import open_folder
from tests.cli.conftest import clean_env

LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
SETTINGS: dict[str, Any] = {
    "steps": 14,
    "seed": 3,
    "precision": "fp32",
    "hidden_size": 16,
    "embedding_size": 16,
    "layers": 1,
}
STOPPED = 5


def alone(corpus: Path, folder: Path, *, stop: bool) -> None:
    """Train in this process, to the end or some steps."""
    given = {**SETTINGS, "unit": "stream"}
    run = open_run(TrainRequest(corpora=(str(corpus),), given=given, out=str(folder), device="cpu", threads=1))
    for event in run.events():
        if stop and isinstance(event, StepDone) and event.step == STOPPED:
            run.stop()


def launch(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [*LAUNCHER, "-m", "rnncli", "train", *arguments, "--threads", "1", "--device", "cpu", "--json"]
    return subprocess.run(command, capture_output=True, env=clean_env(), timeout=120, check=False)


def figures(folder: Path) -> tuple[dict[str, Any], int]:
    """What the model came to, and after how many steps."""
    config = open_folder(folder).config
    assert config["status"] == "done"
    return config["metrics"]["valid"], config["metrics"]["steps"]


def test_two_processes_go_on_with_what_one_began(tiny_corpus: Path, tmp_path: Path) -> None:
    """The second process has rows of the recurrent state that the first one saved."""
    alone(tiny_corpus, tmp_path / "alone", stop=False)
    expected, steps = figures(tmp_path / "alone")
    alone(tiny_corpus, tmp_path / "two", stop=True)
    done = launch("--resume", str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr.decode()
    found, found_steps = figures(tmp_path / "two")
    assert found == pytest.approx(expected, rel=1e-4)
    assert found_steps == steps == SETTINGS["steps"]
    events = [line for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert sum(b'"event":"done"' in line.replace(b" ", b"") for line in events) == 1, "one process tells, not both"


def test_a_mistake_ends_them_all(tmp_path: Path) -> None:
    done = launch(str(tmp_path / "nothing.txt"))
    assert done.returncode
    assert b"there is no file" in done.stderr
    assert not list(tmp_path.iterdir())
