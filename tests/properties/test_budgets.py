"""What a run may be told when it is resumed, and when its budget begins."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnncli.api import TrainRequest, open_run, resume_run
from rnncli.errors import ConfigError, CorpusError
from rnncli.events import Done, Evaluated, Notice, StepDone, TrainEvent
from rnncli.store import CONFIG, TRAINING, WEIGHTS, open_folder
from rnncli.training.prepare import PREPARED

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "vocab_size": 20, "batch_size": 4, "bptt": 8}


def request(corpus: Path, folder: Path, **given: Any) -> TrainRequest:
    return TrainRequest(corpora=(str(corpus),), given={**SMALL, **given}, out=str(folder), device="cpu", threads=1)


def train(corpus: Path, folder: Path, **given: Any) -> list[TrainEvent]:
    return list(open_run(request(corpus, folder, **given)).events())


def done(events: list[TrainEvent]) -> Done:
    [found] = [event for event in events if isinstance(event, Done)]
    return found


def test_a_budget_begins_with_the_call_and_not_with_the_process(tiny_corpus: Path, tmp_path: Path) -> None:
    late = replace(request(tiny_corpus, tmp_path / "late", minutes=0.05), started=time.monotonic() - 600)
    spent = done(list(open_run(late).events()))
    fresh = done(train(tiny_corpus, tmp_path / "fresh", minutes=0.05))
    assert spent.seconds > 600 > fresh.seconds
    assert fresh.steps > spent.steps >= 1


def test_more_steps_than_are_done_must_be_asked_for(tiny_corpus: Path, tmp_path: Path) -> None:
    train(tiny_corpus, tmp_path / "a", steps=6)
    with pytest.raises(ConfigError, match="6 steps already"):
        list(resume_run(str(tmp_path / "a"), {"steps": 6}).events())
    run = resume_run(str(tmp_path / "a"), {"steps": 9})
    assert run.plan.as_dict()["budget"]["value"] == "9 steps"
    assert done(list(run.events())).steps == 9


def test_a_run_that_had_ceased_to_improve_goes_on_when_asked_to(tiny_corpus: Path, tmp_path: Path) -> None:
    given = {"optimizer": "sgd", "learning_rate": 1e-9, "schedule": "constant", "patience": 2}
    first = done(train(tiny_corpus, tmp_path / "a", steps=200, **given))
    assert first.reason == "patience"
    again = done(list(resume_run(str(tmp_path / "a"), {"steps": 400}).events()))
    assert again.steps > first.steps


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_resume_mends_a_damaged_folder(tiny_corpus: Path, tmp_path: Path, name: str) -> None:
    train(tiny_corpus, tmp_path / "a", steps=6)
    (tmp_path / "a" / name).write_bytes(b"{")
    events = list(resume_run(str(tmp_path / "a"), {}).events())
    assert any(isinstance(event, Notice) and name in event.message for event in events)
    assert any(isinstance(event, Evaluated) and event.best for event in events)
    assert open_folder(tmp_path / "a").fingerprint


def test_overwriting_with_a_corpus_that_fails_keeps_the_model(tiny_corpus: Path, tmp_path: Path) -> None:
    train(tiny_corpus, tmp_path / "a", steps=2)
    before = (tmp_path / "a" / WEIGHTS).read_bytes()
    bad = replace(request(tiny_corpus, tmp_path / "a", steps=2, valid=str(tmp_path / "nosuch.txt")), overwrite=True)
    with pytest.raises(CorpusError, match="nosuch"):
        open_run(bad)
    events = open_run(replace(request(tiny_corpus, tmp_path / "a", steps=2), overwrite=True)).events()
    next(iter(event for event in events if isinstance(event, StepDone)))
    del events  # it is dropped before its first save
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == before


def test_a_run_that_died_early_starts_again_from_its_own_files(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, valid = tmp_path / "c.txt", tmp_path / "v.txt"
    corpus.write_text(tiny_corpus.read_text())
    valid.write_text("Anna saw the sea.\n")
    monkeypatch.chdir(tmp_path)
    train(corpus, tmp_path / "a", steps=2, valid="v.txt")
    (tmp_path / "a" / TRAINING / PREPARED).unlink()
    monkeypatch.chdir("/")
    assert done(list(resume_run(str(tmp_path / "a"), {}).events())).steps == 2
    (tmp_path / "a" / TRAINING / PREPARED).unlink()
    corpus.write_text(corpus.read_text() + "More.\n")
    with pytest.raises(CorpusError, match="has changed"):
        list(resume_run(str(tmp_path / "a"), {}).events())


def test_validation_text_in_the_corpus_folder_is_not_trained_on(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "book.txt").write_text(tiny_corpus.read_text())
    (folder / "valid.txt").write_text("Zzyzx said nothing.\n" * 20)
    asked = request(folder, tmp_path / "a", steps=2, valid=str(folder / "valid.txt"))
    events = list(open_run(asked).events())
    assert any(isinstance(event, Notice) and "not trained on" in event.message for event in events)
    assert "Zzyzx" not in (tmp_path / "a" / "tokenizer.json").read_text()
    (tmp_path / "a" / TRAINING / PREPARED).unlink()
    assert done(list(resume_run(str(tmp_path / "a"), {}).events())).steps == 2
