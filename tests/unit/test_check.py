"""What lies in training/ is looked at before a run goes on with it: nothing there leads elsewhere or is another's."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli.api import TrainRequest, open_run, resume_run
from rnncli.arrays import load_arrays, save_arrays
from rnncli.config import ModelConfig
from rnncli.errors import ConfigError, DeviceError, ModelError, RnncliError
from rnncli.precision import array_shapes
from rnncli.store import TRAINING
from rnncli.training.check import start_weights
from rnncli.training.log import LOG, cut_log
from rnncli.training.prepare import PREPARED
from rnncli.training.progress import STATE
from rnncli.training.runfile import RUN
from tests.conftest import TINY_TEXT, train_small

SMALL = {"hidden_size": 6, "embedding_size": 6, "vocab_size": 20, "batch_size": 4, "bptt": 8, "steps": 4}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two networks."""
    corpus = tmp_path_factory.mktemp("corpus") / "tiny.txt"
    corpus.write_text(TINY_TEXT)
    return train_small(corpus, tmp_path_factory.mktemp("models") / "made", **SMALL, direction="both", unit="lines")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "model")


def refused(folder: Path, *words: str, error: type[RnncliError] = ModelError) -> None:
    """Before anything is trained."""
    events: list[Any] = []
    with pytest.raises(error) as caught:
        events.extend(resume_run(str(folder), {"steps": 6}).events())
    assert events == []
    for word in words:
        assert word in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_what_is_whole_goes_on(folder: Path) -> None:
    assert len(list(resume_run(str(folder), {"steps": 6}).events())) > 4


@pytest.mark.parametrize("name", [".", LOG, STATE, RUN, PREPARED, "train.ids", "backward", f"backward/{LOG}"])
def test_a_link_that_leads_out_is_refused_and_nothing_is_written_there(folder: Path, tmp_path: Path, name: str) -> None:
    path, outside = folder / TRAINING / name, tmp_path / "outside"
    outside.mkdir()
    kept = outside / "kept"
    shutil.move(path, kept)
    path = path if name != "." else folder / TRAINING
    path.symlink_to(kept)
    before = {file: file.read_bytes() for file in sorted(outside.rglob("*")) if file.is_file()}
    refused(folder, "leads out of the folder")
    assert {file: file.read_bytes() for file in sorted(outside.rglob("*")) if file.is_file()} == before


def test_so_is_one_to_a_file_that_is_not_there_yet(folder: Path, tmp_path: Path) -> None:
    (folder / TRAINING / LOG).unlink()
    (folder / TRAINING / LOG).symlink_to(tmp_path / "new")
    refused(folder, LOG, "leads out of the folder")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", [LOG, STATE, "train.ids", "new"])
def test_a_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    (folder / TRAINING / name).unlink(missing_ok=True)
    os.mkfifo(folder / TRAINING / name)
    refused(folder, name, "a pipe")


@pytest.mark.parametrize("inner", [".", "backward"])
@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_state_of_which_a_bit_has_turned_is_refused(folder: Path, inner: str, place: float) -> None:
    """That of the second network, too, before the first is trained any further."""
    path = folder / TRAINING / inner / STATE
    data = bytearray(path.read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    data[begin + int(place * (len(data) - begin))] ^= 4
    path.write_bytes(data)
    refused(folder, STATE, "its sum is not the one")


def edit_header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("step", value) for value in (-1, 1.5, True)),
        *(("recent", value) for value in (["x"], 5)),
        *(("tokens", 2**70), ("spent", float("nan")), ("best", float("inf")), ("total", "x")),
        *(("loss_scale", 0.0), ("average_on", 1), ("unknown", 1)),
    ],
)
def test_numbers_that_no_run_has_are_refused(folder: Path, name: str, value: Any) -> None:
    def change(header: dict[str, Any]) -> None:
        words = header["__metadata__"]
        words["progress"] = json.dumps({**json.loads(words["progress"]), name: value})

    edit_header(folder / TRAINING / STATE, change)
    refused(folder, STATE)


def test_a_state_of_another_network_is_refused_by_its_header(folder: Path) -> None:
    document = json.loads((folder / TRAINING / RUN).read_bytes())
    document["plan"]["model"] |= {"hidden_size": 32768, "layers": 32}
    (folder / TRAINING / RUN).write_text(json.dumps(document))
    refused(folder, STATE, "not of the network that run.json tells of")
    for inner in (".", "backward"):
        (folder / TRAINING / inner / STATE).unlink()
    refused(folder, "GB of memory", error=DeviceError)


@pytest.mark.parametrize("change", ["renamed", "turned", "of another type", "missing", "more"])
def test_arrays_that_this_run_does_not_have_are_refused(folder: Path, change: str) -> None:
    arrays = load_arrays(folder / TRAINING / STATE)
    name = "optimizer/layers.0.R.exp_avg"
    array = arrays.pop(name)
    arrays |= {
        "renamed": {"optimizer/layers.0.R.exp_max": array},
        "turned": {name: array.T.copy()},
        "of another type": {name: array.astype(np.float16)},
        "missing": {},
        "more": {name: array, "parameters": array},
    }[change]
    numbers: dict[str, Any] = {}
    edit_header(folder / TRAINING / STATE, lambda header: numbers.update(header["__metadata__"]))
    save_arrays(folder / TRAINING / STATE, arrays)
    edit_header(folder / TRAINING / STATE, lambda header: header.update(__metadata__={"progress": numbers["progress"]}))
    run = resume_run(str(folder), {"steps": 6})
    with pytest.raises(ModelError, match="that this run has"):
        list(run.events())


@pytest.mark.parametrize(
    ("file", "where", "value"),
    [
        (PREPARED, ("train", "dtype"), "object"),
        (PREPARED, ("train", "count"), "9"),
        (PREPARED, ("train", "count"), -1),
        (PREPARED, ("train", "checksum"), 5),
        (PREPARED, ("how",), None),
        (PREPARED, ("ngram_bits_per_byte",), [1]),
        (RUN, ("corpora",), "x"),
        (RUN, ("corpora",), [5]),
        (RUN, ("device",), "tpu"),
        (RUN, ("threads",), "2"),
        (RUN, ("plan", "unit"), "words"),
        (RUN, ("plan", "share"), float("nan")),
        (RUN, ("plan", "settings"), [{"name": 1, "value": 1, "why": ""}]),
        (RUN, ("plan", "model", "layers"), 10**9),
        (RUN, ("facts", "document_chars"), ["x"]),
        (RUN, ("facts", "fingerprint"), None),
    ],
)
def test_values_that_no_run_has_are_refused(folder: Path, file: str, where: tuple[str, ...], value: Any) -> None:
    path = folder / TRAINING / file
    document = json.loads(path.read_bytes())
    within = document
    for key in where[:-1]:
        within = within[key]
    within[where[-1]] = value
    path.write_text(json.dumps(document))
    if (file, where) == (PREPARED, ("how",)):
        assert list(resume_run(str(folder), {"steps": 6}).events())  # any words will do
        return
    refused(folder, file)


def test_a_text_turned_around_that_is_another_is_refused(folder: Path) -> None:
    path = folder / TRAINING / "backward.ids"
    data = path.read_bytes()
    path.write_bytes(data[2:4] + data[2:])
    run = resume_run(str(folder), {"steps": 6})
    with pytest.raises(ModelError, match=r"is not train\.ids backward"):
        list(run.events())


MODEL = ModelConfig(vocab_size=9, hidden_size=4, embedding_size=4)


@pytest.mark.parametrize("harm", ["nothing", "another's", "none", "no number"])
def test_weights_to_begin_with_are_those_of_the_network(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "from.safetensors"
    assert start_weights(path, MODEL) is None
    arrays: dict[str, Any] = {name: np.zeros(shape, np.float32) for name, shape in array_shapes(MODEL).items()}
    if harm == "another's":
        arrays["embedding"] = np.zeros((9, 5), np.float32)
    elif harm == "none":
        del arrays["embedding"]
    elif harm == "no number":
        arrays["embedding"][0, 0] = np.nan
    save_arrays(path, arrays)
    if harm == "nothing":
        found = start_weights(path, MODEL)
        assert found is not None
        assert found.keys() == arrays.keys()
        return
    with pytest.raises(ModelError, match="embedding"):
        start_weights(path, MODEL)


def test_a_log_that_is_none_loses_its_lines_and_no_more(tmp_path: Path) -> None:
    lines = [
        '{"step": 1}',
        '{"step": "x"}',
        "[" * 100_000,
        "[]",
        "5",
        '{"step": null}',
        "\x00\x00",
        '{"step": 9}',
        '{"st',
    ]
    (tmp_path / LOG).write_text("\n".join(lines))
    cut_log(tmp_path / LOG, 5)
    assert (tmp_path / LOG).read_text().splitlines() == ['{"step": 1}', '{"step": null}']
    os.truncate(tmp_path / LOG, 1 << 40)
    with pytest.raises(ModelError, match="more than"):
        cut_log(tmp_path / LOG, 5)


def test_a_name_to_resume_does_not_lead_out_of_models(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """../x is ./x beside models/, if it is looked up there; given as a folder it is the one above."""
    (tmp_path / "here" / "models").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    shutil.copytree(made, "x")
    with pytest.raises(ModelError, match="there is no model"):
        resume_run("../x", {})
    assert resume_run("x", {}).folder == Path("x")


def test_a_model_to_start_from_that_tells_nothing_of_its_tokenizer(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    config["tokenizer"] = {"kind": "hybrid", "vocab_size": "many"}
    (folder / "config.json").write_text(json.dumps(config))
    (tmp_path / "text.txt").write_text(TINY_TEXT)
    request = TrainRequest(corpora=(str(tmp_path / "text.txt"),), out=str(tmp_path / "out"), from_model=str(folder))
    with pytest.raises(ModelError, match="describes no tokenizer"):
        open_run(request)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError):
        open_run(TrainRequest(corpora=(str(tmp_path / "text.txt"),), name="con", from_model=str(folder)))
