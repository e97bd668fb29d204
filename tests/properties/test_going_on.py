"""What a run goes on with where something of it is gone or has changed: its corpus, files of training/, the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnncli.api import TrainRequest, open_run, resume_run
from rnncli.arrays import sha256
from rnncli.errors import ConfigError, CorpusError, ModelError, RnncliError, WriteError
from rnncli.events import Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.store import CONFIG, TOKENIZER, TRAINING, WEIGHTS, open_folder, read_json, write_json
from rnncli.training import log, trainer
from rnncli.training.lock import LOCK
from rnncli.training.prepare import PREPARED, TRAIN_IDS, VALID_IDS, VALID_TEXT
from rnncli.training.runfile import RUN
from rnncli.training.state import STATE
from tests.properties.test_resume import looks, request

ANEW = "it starts anew"
AGAIN = "it is prepared again"
GOES_ON = "going on from step"


@pytest.fixture
def corpus(tiny_corpus: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy2(tiny_corpus, tmp_path / "book.txt"))


@pytest.fixture
def stopped(corpus: Path, tmp_path: Path) -> Path:
    """A run that was stopped after its second save, and its folder as it was then."""
    return stop_at(corpus, tmp_path / "stopped", saves=2)


def stop_at(corpus: Path, folder: Path, saves: int, **given: Any) -> Path:
    """The folder of a run that died after so many saves."""
    events: Iterator[TrainEvent] = iter(open_run(request(corpus, folder.with_name("whole"), **given)).events())
    for event in events:
        saves -= isinstance(event, Saved)
        if not saves:
            shutil.copytree(folder.with_name("whole"), folder)
            break
    for _ in events:
        pass
    return folder


def go_on(folder: Path, **given: Any) -> list[str]:
    """Resume it to its end; its notices."""
    events = list(resume_run(str(folder), given).events())
    assert any(isinstance(event, StepDone) for event in events)
    return [event.message for event in events if isinstance(event, Notice)]


def same_in_the_end(folder: Path) -> bool:
    return sha256(folder / WEIGHTS) == sha256(folder.with_name("whole") / WEIGHTS)


# -- the corpus


def test_a_corpus_that_is_as_it_was_is_not_told_of(corpus: Path, stopped: Path) -> None:
    assert len(read_json(stopped / TRAINING / RUN)["stamps"]) == 1
    os.utime(corpus, (1, 1))
    [notice] = go_on(stopped)
    assert notice.startswith(GOES_ON)
    assert same_in_the_end(stopped)


@pytest.mark.parametrize("how", ["changed", "truncated", "replaced", "removed"])
def test_a_run_whose_corpus_has_changed_says_so_and_goes_on_with_the_text_it_has(
    how: str, corpus: Path, stopped: Path
) -> None:
    text = corpus.read_text()
    corpus.unlink()
    if how != "removed":
        corpus.write_text({"changed": text.replace("moon", "Moon"), "truncated": text[:-200]}.get(how, "abc\n" * 400))
    first, second = go_on(stopped)
    assert first.endswith(": the run goes on with the text that it has")
    assert first.startswith(f"there is no file {corpus}" if how == "removed" else "the corpus has changed since")
    assert second.startswith(GOES_ON)
    assert same_in_the_end(stopped)


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_text_that_is_to_be_prepared_again_must_be_the_same(how: str, corpus: Path, stopped: Path) -> None:
    (stopped / TRAINING / PREPARED).unlink()
    corpus.unlink()
    if how == "changed":
        corpus.write_text("abc\n" * 400)
    with pytest.raises(CorpusError, match="there is no file" if how == "removed" else "has changed"):
        go_on(stopped)
    open_folder(stopped, patience=0)


def test_a_run_of_before_there_were_stamps_and_coverage_goes_on(stopped: Path) -> None:
    values = read_json(stopped / TRAINING / RUN)
    del values["stamps"], values["facts"]["coverage"]
    write_json(stopped / TRAINING / RUN, values)
    go_on(stopped)
    assert same_in_the_end(stopped)


# -- files of training/


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (PREPARED, [AGAIN, GOES_ON]),
        (TRAIN_IDS, [AGAIN, GOES_ON]),
        (VALID_IDS, [AGAIN, GOES_ON]),
        (VALID_TEXT, [GOES_ON]),
        ("log.jsonl", [GOES_ON]),
        (LOCK, [GOES_ON]),
        (STATE, [ANEW]),
        (f"../{TOKENIZER}", [AGAIN, GOES_ON]),
        (f"../{WEIGHTS}", [GOES_ON, "it is written anew"]),
        (f"../{CONFIG}", [GOES_ON, "it is written anew"]),
    ],
)
def test_a_run_goes_on_without_any_of_its_files_but_its_plan(name: str, told: list[str], stopped: Path) -> None:
    (stopped / TRAINING / name).unlink()
    notices = go_on(stopped)
    assert len(notices) == len(told)
    assert all(words in notice for notice, words in zip(notices, told, strict=True))
    assert same_in_the_end(stopped)
    open_folder(stopped, patience=0)


def test_without_its_plan_a_run_is_refused(stopped: Path) -> None:
    (stopped / TRAINING / RUN).unlink()
    with pytest.raises(ModelError, match=r"no run to go on with: there is no .*run\.json"):
        go_on(stopped)


@pytest.mark.parametrize("name", [TRAIN_IDS, VALID_IDS])
def test_ids_that_are_harmed_are_named_and_the_cure_cures(name: str, stopped: Path) -> None:
    path = stopped / TRAINING / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ModelError, match=name) as caught:
        go_on(stopped)
    assert "Remove it" in str(caught.value.hint)
    path.unlink()
    go_on(stopped)
    assert same_in_the_end(stopped)


# -- a disk that is full, another training, a run that diverges


def full(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, when: int) -> None:
    """The disk is full when a function is called for the so many-th time."""
    plain, calls = getattr(module, name), iter(range(1, 10_000))

    def call(*arguments: Any, **options: Any) -> Any:
        if next(calls) >= when:
            raise WriteError("cannot write it: No space left on device", hint="Free some space.")
        return plain(*arguments, **options)

    monkeypatch.setattr(module, name, call)


def test_a_saved_run_without_a_model_is_kept_where_the_disk_is_full(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_SECONDS", -1.0)  # after each step
    full(monkeypatch, trainer, "save_state", 2)
    with pytest.raises(WriteError) as caught:
        list(open_run(request(corpus, tmp_path / "run")).events())
    assert caught.value.hint == f"Free some space, then: rnncli train --resume {tmp_path / 'run'}"
    assert not (tmp_path / "run" / CONFIG).exists()
    monkeypatch.undo()
    [notice] = go_on(tmp_path / "run")[:1]
    assert notice == "going on from step 1"


def test_a_run_that_was_never_saved_leaves_nothing_where_the_disk_is_full(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(monkeypatch, log.Log, "write", 1)
    with pytest.raises(WriteError) as caught:
        list(open_run(request(corpus, tmp_path / "run")).events())
    assert caught.value.hint == "Free some space."
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverges_without_a_model_leaves_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_SECONDS", -1.0)
    wild = {"optimizer": "sgd", "learning_rate": 1000.0, "clip_norm": 0.0, "cell": "rnn", "activation": "relu"}
    with pytest.raises(RnncliError, match="diverged"):
        list(open_run(request(corpus, tmp_path / "run", **wild, steps=200)).events())
    assert not (tmp_path / "run").exists()


def test_two_trainings_of_one_process_want_one_folder(corpus: Path, tmp_path: Path) -> None:
    one = iter(open_run(request(corpus, tmp_path / "run")).events())
    while not isinstance(next(one), Evaluated):
        pass
    folder = str(tmp_path / "run")
    over = TrainRequest(**{**vars(request(corpus, tmp_path / "run")), "overwrite": True})
    for other in (resume_run(folder, {}), open_run(over)):
        with pytest.raises(ConfigError, match="another training is at work"):
            list(other.events())
    for _ in one:
        pass
    assert list(resume_run(folder, {}).events())


# -- a clock


def test_a_clocked_run_that_died_after_its_best_keeps_it_until_a_better_one_comes(corpus: Path, tmp_path: Path) -> None:
    """Its steps come out otherwise: what would pass for the best after the state that it goes on from may be worse."""
    minutes = {"steps": None, "minutes": 0.05}
    folder = stop_at(corpus, tmp_path / "stopped", saves=2, **minutes)
    config = read_json(folder / CONFIG)
    assert config["status"] == "training"
    config["metrics"]["valid"]["token_perplexity"] = 1.001  # better than anything to come
    config["metrics"]["step"] = 7
    write_json(folder / CONFIG, config)
    before = sha256(folder / WEIGHTS)
    events = list(resume_run(str(folder), {}).events())
    assert [event.best for event in events if isinstance(event, Evaluated)].count(True) == 0
    assert len(looks(events)) > 0
    assert sha256(folder / WEIGHTS) == before
    assert read_json(folder / CONFIG)["metrics"]["step"] == 7
