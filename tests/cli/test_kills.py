"""A real training, killed with SIGKILL and resumed again and again, comes to the bits of one left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnncli.store import TRAINING, open_folder
from rnncli.training.prepare import TRAIN_IDS
from rnncli.training.state import STATE
from tests.cli.conftest import clean_env
from tests.killing import Training, half_written, phase, result

# Much to save and little to compute, so that a save is long and the run is not.
SETTINGS = (
    *("--steps", "40", "--batch-size", "2", "--bptt", "6", "--hidden-size", "512", "--embedding-size", "32"),
    *("--layers", "1", "--vocab-size", "40", "--precision", "fp32", "--ema", "0.9", "--seed", "3"),
    *("--device", "cpu", "--threads", "1"),
)


@pytest.fixture
def start() -> Iterator[Callable[..., Training]]:
    """Starts a training that does not outlive the test."""
    made = []

    def call(folder: Path, *arguments: str) -> Training:
        made.append(Training(folder, [*arguments], clean_env()))
        return made[-1]

    yield call
    for training in made:
        training.kill()


def test_kills(tmp_path: Path, tiny_corpus: Path, start: Callable[..., Training]) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    whole = start(alone, str(tiny_corpus), "--out", str(alone), *SETTINGS)
    first = start(killed, str(tiny_corpus), "--out", str(killed), *SETTINGS)
    state, ids = killed / TRAINING / STATE, killed / TRAINING / TRAIN_IDS

    assert first.kill_when(lambda: ids.exists() and not state.exists())
    assert phase(first) in ("while the text was prepared", "before the first save")

    second = start(killed, "--resume", str(killed))
    assert second.kill_when(lambda: state.exists() and bool(half_written(killed, STATE)))
    assert phase(second) == "during a save"
    open_folder(killed, patience=0)

    third = start(killed, "--resume", str(killed))
    assert third.kill_when(lambda: len(third.events("step")) >= 9 and not half_written(killed))
    assert phase(third) == "between saves"

    last = start(killed, "--resume", str(killed))
    last.wait()
    whole.wait()
    trainings = [first, second, third, last]
    for training, words in zip(trainings, ("", "starts anew", "going on from step", "going on from step"), strict=True):
        notices = [event["message"] for event in training.events("notice")]
        assert notices == [] if not words else words in notices[-1]
    expected, found = result(alone, [whole]), result(killed, trainings)
    assert found == expected
    assert found.same
    assert sorted(found.evaluations) == list(range(4, 41, 4))
    assert half_written(killed) == []
    steps = sum(len(training.events("step")) for training in trainings)
    assert steps >= 40
