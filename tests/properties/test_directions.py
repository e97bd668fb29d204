"""Models that read backward, and both ways: trained, resumed, stored, scored and exported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli import load
from rnncli.api import TrainRequest, open_run, resume_run
from rnncli.api.exporting import export
from rnncli.arrays import load_arrays, sha256
from rnncli.config import Direction, Directions
from rnncli.errors import ConfigError, ModelError
from rnncli.events import Done, Evaluated, Notice, Saved, StepDone, TrainEvent
from rnncli.records import Tally
from rnncli.store import CONFIG, TRAINING, WEIGHTS, of_part, open_folder, read_json, write_json
from rnncli.training.leg import FROM_WEIGHTS

SMALL: dict[str, Any] = {
    "steps": 12, "hidden_size": 10, "embedding_size": 8, "vocab_size": 40, "batch_size": 4, "bptt": 12,
    "learning_rate": 0.02, "precision": "fp32", "dropout": 0.1, "seed": 5,
}  # fmt: skip
UNITS = ("stream", "lines")
WAYS: tuple[Direction, ...] = ("forward", "backward")


def request(corpus: Path, folder: Path, **given: Any) -> TrainRequest:
    places = {key: given.pop(key) for key in ("from_model", "overwrite") if key in given}
    given = {**SMALL, **given}
    return TrainRequest(corpora=(str(corpus),), given=given, out=str(folder), device="cpu", threads=1, **places)


def train(corpus: Path, folder: Path, **given: Any) -> list[TrainEvent]:
    return list(open_run(request(corpus, folder, **given)).events())


@pytest.fixture(scope="module")
def models(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each unit a model for each direction and one for both; with copies at all events of the latter."""
    home = tmp_path_factory.mktemp("directions")
    for unit in UNITS:
        for direction in WAYS:
            train(tiny_corpus, home / f"{unit}-{direction}", unit=unit, direction=direction)
        events = []
        for event in open_run(request(tiny_corpus, home / f"{unit}-both", unit=unit, direction="both")).events():
            events.append(event)
            shutil.copytree(home / f"{unit}-both", home / f"{unit}-{len(events)}")
        (home / f"{unit}-events").write_text(json.dumps([type(event).__name__ for event in events]))
    return home


@pytest.mark.parametrize("unit", UNITS)
def test_two_parts_are_what_each_is_alone(models: Path, unit: str) -> None:
    both = load_arrays(models / f"{unit}-both" / WEIGHTS)
    for direction in WAYS:
        alone = load_arrays(models / f"{unit}-{direction}" / WEIGHTS)
        mine, its = of_part(both, direction), of_part(alone, direction)
        assert mine.keys() == its.keys()
        for name, array in mine.items():
            assert np.array_equal(array, its[name]), (direction, name)
    assert len(both) == 2 * len(of_part(both, "forward"))
    assert any(not np.array_equal(array, both[f"backward/{n}"]) for n, array in of_part(both, "forward").items())


@pytest.mark.parametrize("unit", UNITS)
def test_a_run_of_both_that_dies_anywhere_goes_on_to_the_same_bits(models: Path, unit: str, tmp_path: Path) -> None:
    events = json.loads((models / f"{unit}-events").read_text())
    notice = events.index("Notice")
    assert events[-1] == "Done"
    places = [1, notice - 1, notice, notice + 1, notice + 3, len(events) - 3, len(events) - 1]
    for seen in places:
        folder = tmp_path / str(seen)
        shutil.copytree(models / f"{unit}-{seen}", folder)
        list(resume_run(str(folder), {}).events())
        assert sha256(folder / WEIGHTS) == sha256(models / f"{unit}-both" / WEIGHTS), seen
        mine, its = (read_json(one / CONFIG) for one in (folder, models / f"{unit}-both"))
        assert mine["parts"] == its["parts"]
        assert mine["metrics"]["valid"] == its["metrics"]["valid"]
        assert mine["metrics"]["backward"]["valid"] == its["metrics"]["backward"]["valid"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_score_of_the_validation_text_is_what_training_says(models: Path, unit: str) -> None:
    folder = models / f"{unit}-both"
    metrics = read_json(folder / CONFIG)["metrics"]
    lines = (folder / TRAINING / "valid.txt").read_text().splitlines()
    for direction in WAYS:
        valid = (metrics if direction == "forward" else metrics["backward"])["valid"]
        model = load(folder, direction=direction)
        assert model.definition["direction"] == direction
        scores = model.score(lines, context="line" if unit == "lines" else "file")
        total = sum((score.tally for score in scores), Tally())
        assert total.nats_per_char == pytest.approx(valid["nats_per_char"], abs=1e-4)
    for direction in WAYS:
        alone = read_json(models / f"{unit}-{direction}" / CONFIG)["metrics"]["valid"]
        assert alone == (metrics if direction == "forward" else metrics["backward"])["valid"]


def test_engines_agree_backward(models: Path) -> None:
    ways: tuple[Directions, ...] = ("backward", "both")
    for way in ways:
        onnx, torch = (
            [
                score.tally.logprob
                for score in load(models / "lines-both", engine=engine, direction=way).score(["a", ""])
            ]
            for engine in ("onnx", "torch")
        )
        assert onnx == pytest.approx(torch, abs=1e-4)


def test_steps_tell_of_the_time_of_both(tiny_corpus: Path, tmp_path: Path) -> None:
    events = train(tiny_corpus, tmp_path / "a", direction="both", minutes=0.05, steps=None)
    progress = [event.progress for event in events if isinstance(event, StepDone)]
    notice = next(i for i, event in enumerate(events) if isinstance(event, Notice))
    assert events[notice] == Notice(message="now the network that reads backward")
    steps = [event.progress for event in events[:notice] if isinstance(event, StepDone)]
    assert max(steps) <= 0.5 <= min(progress[len(steps) :])
    done = events[-1]
    assert isinstance(done, Done)
    assert done.extra["backward"]["nats_per_char"] > 0
    assert done.params == read_json(tmp_path / "a" / CONFIG)["params"]
    assert sum(isinstance(event, Saved) for event in events) >= 2


def test_a_run_stopped_in_its_first_half_is_a_forward_model(tiny_corpus: Path, tmp_path: Path) -> None:
    run = open_run(request(tiny_corpus, tmp_path / "a", direction="both"))
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, Evaluated):
            run.stop()
    assert open_folder(tmp_path / "a").directions == ("forward",)
    assert read_json(tmp_path / "a" / CONFIG)["status"] == "interrupted"
    with pytest.raises(ConfigError, match="the model a reads forward alone"):
        load(tmp_path / "a", direction="both")
    list(resume_run(str(tmp_path / "a"), {}).events())
    assert open_folder(tmp_path / "a").directions == ("forward", "backward")


def test_the_first_network_stopped_anew_leaves_the_second_as_it_was(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    shutil.copytree(models / "stream-both", folder)
    before = read_json(folder / CONFIG)["metrics"]["backward"]
    run = resume_run(str(folder), {"steps": 40})
    for event in run.events():
        if isinstance(event, Evaluated):
            run.stop()
    config = read_json(folder / CONFIG)
    assert (config["status"], config["metrics"]["backward"]) == ("interrupted", before)
    old, new = (of_part(load_arrays(one / WEIGHTS), "backward") for one in (models / "stream-both", folder))
    assert all(np.array_equal(array, new[name]) for name, array in old.items())


def test_a_model_of_one_direction_is_asked_for_the_other(models: Path) -> None:
    backward = load(models / "lines-backward")
    assert backward.direction == "backward"
    assert "Three samples" not in (models / "lines-backward" / "README.md").read_text()
    assert "Three samples" in (models / "lines-both" / "README.md").read_text()
    with pytest.raises(ConfigError, match="reads lines from their ends"):
        backward.sample("the")
    with pytest.raises(ConfigError, match="the model lines-backward reads backward alone"):
        load(models / "lines-backward", direction="forward")
    assert load(models / "lines-both").sample("a", max_tokens=3, seed=1).text


def test_both_ways_train_on_together_or_alone(models: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    source, small = str(models / "lines-both"), {"unit": "lines", "steps": 2, "learning_rate": 1e-9}
    small |= {"hidden_size": 10, "embedding_size": 8}
    train(tiny_corpus, tmp_path / "both", from_model=source, vocab_size=40, **small)
    assert open_folder(tmp_path / "both").directions == ("forward", "backward")
    train(tiny_corpus, tmp_path / "one", from_model=source, vocab_size=40, direction="backward", **small)
    assert open_folder(tmp_path / "one").directions == ("backward",)
    old = open_folder(models / "lines-both", direction="backward").arrays
    for name in ("both", "one"):
        new = open_folder(tmp_path / name, direction="backward").arrays
        for array in old:
            np.testing.assert_allclose(new[array], old[array], atol=1e-6)
    with pytest.raises(ConfigError, match="--direction both does not fit the model, which has backward"):
        train(tiny_corpus, tmp_path / "no", from_model=str(tmp_path / "one"), direction="both", **small)
    assert (tmp_path / "both" / TRAINING / "backward" / FROM_WEIGHTS).exists()


def test_fewer_bits_of_both(models: Path, tmp_path: Path) -> None:
    done = export(models / "lines-both", weights="int8", out=tmp_path / "small")
    assert done.cost is not None
    assert abs(done.cost.bits_per_token) < 0.05
    assert done.bytes_after < done.bytes_before
    for direction in WAYS:
        before, after = (
            load(folder, direction=direction).score(["the boat", ""])
            for folder in (models / "lines-both", tmp_path / "small")
        )
        for one, other in zip(before, after, strict=True):
            assert one.tally.logprob == pytest.approx(other.tally.logprob, rel=0.02)
            assert one.tally.logprob != other.tally.logprob
    export(models / "lines-backward", weights="int8", out=tmp_path / "backward", text=None)
    shutil.rmtree(models / "lines-backward" / TRAINING)
    export(models / "lines-backward", weights="float16", out=tmp_path / "of its own")  # measured on its own lines
    assert load(tmp_path / "of its own").direction == "backward"


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts[:1],
        lambda parts: [parts[0], parts[0]],
        lambda parts: [parts[0], {**parts[1], "direction": "sideways"}],
        lambda parts: [parts[0], {**parts[1], "kind": "tree"}],
        lambda parts: [parts[0], {**parts[1], "model": {**parts[1]["model"], "hidden_size": 11}}],
        lambda parts: [parts[0], {**parts[1], "model": {**parts[1]["model"], "vocab_size": 11}}],
        lambda parts: [parts[0], None],
        lambda parts: [],
    ],
    ids=["one missing", "one twice", "sideways", "another kind", "wider", "other words", "null", "none"],
)
def test_parts_that_are_not_those_of_the_file_are_refused(models: Path, tmp_path: Path, change: Any) -> None:
    folder = tmp_path / "a"
    shutil.copytree(models / "stream-both", folder, ignore=shutil.ignore_patterns(TRAINING))
    config = read_json(folder / CONFIG)
    assert config["format"] == 3
    write_json(folder / CONFIG, {**config, "parts": change(config["parts"])})
    for direction in (None, *WAYS):
        with pytest.raises(ModelError):
            open_folder(folder, direction=direction, patience=0)
