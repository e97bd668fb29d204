"""A run that was stopped or died, at any place, and was resumed is the run that was left alone, to the bit.

A death is a copy of the folder as it lies on the disk while the run is held at one of its events. (What a death within
a write leaves is tried by tests/torture/kills.py.)
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from rnncli.api import TrainRequest, load, open_run, resume_run, train
from rnncli.arrays import sha256
from rnncli.errors import ConfigError, ModelError
from rnncli.events import Done, Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.store import CARD, CONFIG, TRAINING, WEIGHTS, open_folder
from rnncli.training.prepare import PREPARED
from rnncli.training.state import STATE

STEPS = 30
SMALL: dict[str, Any] = {
    "steps": STEPS,
    "hidden_size": 12,
    "embedding_size": 8,
    "vocab_size": 40,
    "batch_size": 4,
    "bptt": 12,
    "dropout": 0.3,
    "input_dropout": 0.2,
    "recurrent_dropout": 0.2,
    "embedding_dropout": 0.1,
    "learning_rate": 0.02,
    "weight_decay": 0.01,
    "precision": "fp32",
    "seed": 5,
}

SGD: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 2.0, "schedule": "plateau"}
KINDS: dict[str, dict[str, Any]] = {
    "lstm, stream": {"cell": "lstm", "unit": "stream", "layers": 2},
    "lstm, lines, ema": {"cell": "lstm", "unit": "lines", "ema": 0.9},
    "gru, stream, ema, bf16": {"cell": "gru", "unit": "stream", "ema": 0.8, "precision": "bf16"},
    "gru, lines, sgd, plateau": {"cell": "gru", "unit": "lines", **SGD, "learning_rate": 20.0, "patience": 9},
    "rnn, stream, asgd": {"cell": "rnn", "unit": "stream", **SGD, "optimizer": "asgd", "learning_rate": 9.0},
    "crelu, lines, linear": {"cell": "rnn", "activation": "crelu", "unit": "lines", "schedule": "linear"},
}


@pytest.fixture(scope="module")
def corpus(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny corpus with a blank line now and then, so that either unit is at home."""
    path = tmp_path_factory.mktemp("resume") / "book.txt"
    path.write_text(tiny_corpus.read_text().replace("sea Bob.\n", "sea Bob.\n\n"))
    return path


def request(corpus: Path, folder: Path, **given: Any) -> TrainRequest:
    return TrainRequest(corpora=(str(corpus),), given={**SMALL, **given}, out=str(folder), device="cpu", threads=1)


def looks(events: Sequence[TrainEvent]) -> list[tuple[Any, ...]]:
    """Evaluations without what the clock says."""
    found = (event for event in events if isinstance(event, Evaluated))
    return [(e.step, e.valid, e.train_loss, e.partial, e.best) for e in found]


def steps(events: Sequence[TrainEvent]) -> list[tuple[Any, ...]]:
    found = (event for event in events if isinstance(event, StepDone))
    return [(e.step, e.loss, e.learning_rate, e.grad_norm, e.skipped) for e in found]


def logged(folder: Path) -> list[str]:
    """The evaluations in the run's log."""
    lines = (folder / TRAINING / "log.jsonl").read_text().splitlines()
    return [line for line in lines if json.loads(line)["event"] == "Evaluated"]


@dataclass
class Whole:
    """A run left alone, and copies of its folder made at all its events."""

    folder: Path
    events: list[TrainEvent]
    copies: list[tuple[int, Path]]
    """How many events had been seen, and the copy."""


def run_through(corpus: Path, folder: Path, **given: Any) -> Whole:
    events: list[TrainEvent] = []
    copies = []
    for event in open_run(request(corpus, folder / "whole", **given)).events():
        events.append(event)
        copy = folder / f"copy{len(events)}"
        shutil.copytree(folder / "whole", copy)
        copies.append((len(events), copy))
    return Whole(folder / "whole", events, copies)


def resume(folder: Path, **given: Any) -> list[TrainEvent]:
    return list(resume_run(str(folder), given).events())


@pytest.mark.parametrize("kind", KINDS)
def test_dying_anywhere_changes_nothing(kind: str, corpus: Path, tmp_path: Path) -> None:
    whole = run_through(corpus, tmp_path, **KINDS[kind])
    ends = [looks(whole.events), steps(whole.events)]
    assert len(ends[0]) >= 4
    assert len(ends[1]) == STEPS
    # Some at random, and the places where what lies on the disk is half of one thing and half of another.
    picked = set(random.Random(kind).sample(range(len(whole.copies)), 3))
    first = next(n for n, event in enumerate(whole.events) if isinstance(event, Evaluated))
    for place in sorted(picked | {0, first, len(whole.copies) - 2}):
        seen, folder = whole.copies[place]
        events = resume(folder)
        assert sha256(folder / WEIGHTS) == sha256(whole.folder / WEIGHTS)
        for mine, all_of_it in zip((looks(events), steps(events)), ends, strict=True):
            assert mine == all_of_it[len(all_of_it) - len(mine) :]
        assert logged(folder) == logged(whole.folder)
        saved = [e.step for e in whole.events[:seen] if isinstance(e, Saved)]
        notice = events[0]
        assert isinstance(notice, Notice)
        assert notice.message == (
            f"going on from step {saved[-1]}" if saved else "the run died before its first save: it starts anew"
        )
        assert len(steps(events)) == STEPS - (saved[-1] if saved else 0)
        one, two = events[-1], whole.events[-1]
        assert isinstance(one, Done)
        assert isinstance(two, Done)
        assert (one.valid, one.train, one.steps, one.reason) == (two.valid, two.train, two.steps, two.reason)
        assert (folder / CARD).exists()
        open_folder(folder, patience=0)


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_again_and_again_changes_nothing(kind: str, corpus: Path, tmp_path: Path) -> None:
    given, folder = KINDS[kind], tmp_path / "stopped"
    whole = list(open_run(request(corpus, tmp_path / "whole", **given)).events())
    found: list[TrainEvent] = []
    run = open_run(request(corpus, folder, **given))
    for stop in [*sorted(random.Random(kind).sample(range(1, STEPS), 4)), None]:
        events = []
        for event in run.events():
            events.append(event)
            if isinstance(event, StepDone) and event.step == stop:
                run.stop()
        done = events[-1]
        assert isinstance(done, Done)
        assert (done.reason, done.steps) == (("interrupted", stop) if stop else ("steps", STEPS))
        found += events
        run = resume_run(str(folder), {})
    assert steps(found) == steps(whole)
    # A stop before the first look has one of its own, to leave a model behind.
    marks = [look[0] for look in looks(whole)]
    assert [look for look in looks(found) if look[0] in marks] == looks(whole)
    assert sha256(folder / WEIGHTS) == sha256(tmp_path / "whole" / WEIGHTS)


def test_two_runs_are_the_same_and_another_seed_is_another(corpus: Path, tmp_path: Path) -> None:
    prints = []
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        for _ in open_run(request(corpus, tmp_path / name, seed=seed)).events():
            pass
        prints.append(sha256(tmp_path / name / WEIGHTS))
    assert prints[0] == prints[1]
    assert prints[0] != prints[2]


def test_a_resumed_run_has_the_threads_it_had(corpus: Path, tmp_path: Path) -> None:
    """Another number of them adds up in another order."""
    wanted = TrainRequest(**{**vars(request(corpus, tmp_path / "run", steps=2)), "threads": 3})
    for _ in open_run(wanted).events():
        pass
    for given, expected, steps_now in ((None, 3, 4), (2, 2, 6)):
        torch.set_num_threads(1)
        run = resume_run(str(tmp_path / "run"), {"steps": steps_now}, threads=given)
        found = {torch.get_num_threads() for event in run.events() if isinstance(event, StepDone)}
        assert found == {expected}


def test_a_run_that_died_while_its_text_was_prepared_starts_anew(corpus: Path, tmp_path: Path) -> None:
    whole = list(open_run(request(corpus, tmp_path / "whole")).events())
    events = iter(open_run(request(corpus, tmp_path / "died")).events())
    next(events)
    shutil.copytree(tmp_path / "died", tmp_path / "copy")
    for file in (tmp_path / "copy" / TRAINING).iterdir():
        if file.name != "run.json":
            file.unlink()
    (tmp_path / "copy" / "tokenizer.json").unlink()
    found = resume(tmp_path / "copy")
    notice = found[0]
    assert isinstance(notice, Notice)
    assert "starts anew" in notice.message
    assert looks(found) == looks(whole)
    assert sha256(tmp_path / "copy" / WEIGHTS) == sha256(tmp_path / "whole" / WEIGHTS)
    assert (tmp_path / "copy" / TRAINING / PREPARED).exists()


def test_a_run_that_was_left_before_its_first_save_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    run: Any = open_run(request(corpus, tmp_path / "left")).events()
    next(run)
    assert (tmp_path / "left").exists()
    run.close()
    assert not (tmp_path / "left").exists()


@pytest.fixture(scope="module")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "done"
    for _ in open_run(request(corpus, folder)).events():
        pass
    return folder


@pytest.fixture
def finished(done: Path, tmp_path: Path) -> Path:
    return shutil.copytree(done, tmp_path / "finished")


def test_a_finished_run_goes_on_further(finished: Path) -> None:
    before = sha256(finished / WEIGHTS)
    events = resume(finished, steps=STEPS + 20)
    assert [step[0] for step in steps(events)] == list(range(STEPS + 1, STEPS + 21))
    assert sha256(finished / WEIGHTS) != before
    # The new budget is the run's own from now on.
    again = resume(finished)
    assert steps(again) == []
    assert looks(again) == []


@pytest.mark.parametrize(
    "given",
    [{"hidden_size": 13}, {"seed": 6}, {"cell": "gru"}, {"optimizer": "sgd"}, {"unit": "lines"}, {"kind": "char"}],
)
def test_a_resume_with_another_configuration_is_refused(finished: Path, given: Mapping[str, Any]) -> None:
    files = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    [name] = given
    with pytest.raises(ConfigError, match="--" + {"kind": "tokenizer"}.get(name, name).replace("_", "-")):
        resume_run(str(finished), given)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == files


def test_a_resume_may_repeat_the_configuration(finished: Path) -> None:
    resume_run(str(finished), {"hidden_size": 12, "seed": 5, "cell": "lstm"})


def test_two_budgets_for_a_resume_are_refused(finished: Path) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        resume_run(str(finished), {"steps": 50, "minutes": 1.0})


@pytest.mark.parametrize("harm", ["missing", "empty", "another", "newer", "altered"])
def test_a_resume_without_a_run_is_refused(finished: Path, harm: str) -> None:
    path = finished / TRAINING / "run.json"
    text = path.read_text()
    if harm == "missing":
        path.unlink()
    else:
        harmed = {
            "empty": "",
            "another": "{}",
            "newer": text.replace('"format": 1', '"format": 2'),
            "altered": text.replace('"hidden_size": 12', '"hidden_size": "12"'),
        }[harm]
        assert harmed != text
        path.write_text(harmed)
    with pytest.raises(ModelError, match=r"run\.json"):
        resume_run(str(finished), {})


def test_a_broken_state_is_refused_and_the_model_stays(finished: Path) -> None:
    path = finished / TRAINING / STATE
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=STATE):
        resume(finished)
    open_folder(finished, patience=0)


# -- --from


def from_request(corpus: Path, folder: Path, model: Path, **given: Any) -> TrainRequest:
    settings = {"steps": 1, "batch_size": 4, "bptt": 12, "learning_rate": 1e-9, "precision": "fp32", **given}
    return TrainRequest(
        corpora=(str(corpus),), given=settings, out=str(folder), device="cpu", threads=1, from_model=str(model)
    )


def test_from_a_model_starts_with_its_weights_and_tokenizer(corpus: Path, finished: Path, tmp_path: Path) -> None:
    for _ in open_run(from_request(corpus, tmp_path / "more", finished)).events():
        pass
    old, new = open_folder(finished), open_folder(tmp_path / "more")
    assert {**new.config["parts"][0]["model"], **dict.fromkeys(DROPOUTS, 0)} == {
        **old.config["parts"][0]["model"],
        **dict.fromkeys(DROPOUTS, 0),
    }
    assert new.tokenizer.fingerprint == old.tokenizer.fingerprint
    for name, array in old.arrays.items():
        assert abs(new.arrays[name] - array).max() < 1e-6, name


DROPOUTS = ("dropout", "input_dropout", "recurrent_dropout", "embedding_dropout")


def test_from_a_model_that_is_itself_replaced(corpus: Path, finished: Path) -> None:
    old = open_folder(finished).load()
    wanted = from_request(corpus, finished, finished)
    for _ in open_run(TrainRequest(**{**vars(wanted), "overwrite": True})).events():
        pass
    new = open_folder(finished)
    assert new.config["training"]["steps"] == 1
    for name, array in old.arrays.items():
        assert abs(new.arrays[name] - array).max() < 1e-6, name


def test_a_run_from_a_model_that_died_goes_on_from_the_same_weights(
    corpus: Path, finished: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"steps": 12, "learning_rate": 0.01}
    events: Iterator[TrainEvent] = iter(open_run(from_request(corpus, tmp_path / "more", finished, **given)).events())
    next(events)
    shutil.copytree(tmp_path / "more", tmp_path / "early")
    for _ in events:
        pass
    # Where it came from is no longer needed, and it may have died before its text was prepared.
    shutil.rmtree(finished)
    (tmp_path / "early" / TRAINING / PREPARED).unlink()
    resume(tmp_path / "early")
    assert sha256(tmp_path / "early" / WEIGHTS) == sha256(tmp_path / "more" / WEIGHTS)


def test_from_a_model_with_another_network_is_refused(corpus: Path, finished: Path, tmp_path: Path) -> None:
    for given in ({"hidden_size": 64}, {"cell": "gru"}, {"kind": "char"}):
        with pytest.raises(ConfigError, match="does not fit the model"):
            open_run(from_request(corpus, tmp_path / "more", finished, **given))
    assert not (tmp_path / "more").exists()


# -- what a training leaves behind in the process


def test_small_numbers_are_numbers_again_after_a_training(finished: Path) -> None:
    tiny = torch.tensor([1e-310], dtype=torch.float64)
    assert float(tiny / 2) > 0
    resume(finished, steps=STEPS + 1)
    assert float(tiny / 2) > 0


def test_trained_and_loaded_in_python(corpus: Path, tmp_path: Path) -> None:
    given = {**SMALL, "tokenizer": "char"}
    model = train(corpus, out=tmp_path / "python", device="cpu", threads=1, **given)
    again = load(tmp_path / "python", device="cpu", threads=1)
    one, two = ([score.tally for score in m.score(["Anna saw the sea.", "x"])] for m in (model, again))
    assert one == two
    assert model.tokenizer.kind == "char"
    assert (model.config["status"], (tmp_path / "python" / CONFIG).exists()) == ("done", True)
