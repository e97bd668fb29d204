"""The model folder: what goes in comes out, what is broken is refused by name, and nothing is ever half written."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli import store
from rnncli.arrays import load_arrays, save_arrays, sha256
from rnncli.config import to_dict
from rnncli.errors import DeviceError, ModelError, RnncliError
from rnncli.guarded import open_file, size_of
from rnncli.nn.weights import named_parameters, to_arrays
from rnncli.precision import array_shapes
from rnncli.store import (
    CONFIG,
    GRAPH,
    TOKENIZER,
    WEIGHTS,
    open_folder,
    part_config,
    read_json,
    write_arrays,
    write_config,
    write_json,
)
from rnncli.text.files import replacing, write_bytes
from tests.nets import CELLS, config_of, network
from tests.toy import toy_tokenizer

MODEL = config_of("gru", vocab_size=256, layers=1)
ARRAYS = to_arrays(MODEL, named_parameters(network(MODEL)))
DESCRIPTION: dict[str, Any] = {
    "unit": "lines",
    "tokenizer": {"kind": "byte"},
    "parts": [part_config(to_dict(MODEL))],
    "metrics": {"é": 1.5},
}


def make(folder: Path) -> Path:
    folder.mkdir()
    toy_tokenizer("byte").save(folder / TOKENIZER)
    write_arrays(folder, {"forward": ARRAYS})
    write_config(folder, DESCRIPTION)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "model")


def refused(folder: Path, *words: str) -> None:
    """It is refused in one line that names the file, with one line of cure."""
    with pytest.raises(ModelError) as caught:
        open_folder(folder, patience=0)
    for word in words:
        assert word in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.hint


def vouch(folder: Path) -> None:
    """Let config.json hold the fingerprints of what lies there now."""
    config = read_json(folder / CONFIG)
    config["fingerprints"] = {name: sha256(folder / name) for name in (TOKENIZER, WEIGHTS)}
    write_json(folder / CONFIG, config)


def test_what_goes_in_comes_out(folder: Path) -> None:
    found = open_folder(folder)
    assert found.model == MODEL
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in found.arrays.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, ARRAYS[name])
    assert found.unit == "lines"
    assert found.tokenizer.vocab_size == 256
    assert found.config["metrics"] == {"é": 1.5}
    assert found.config["format"] == 1
    assert found.fingerprint == sha256(folder / WEIGHTS)
    assert sorted(load_arrays(folder / WEIGHTS)) == sorted(f"main/{name}" for name in ARRAYS)
    assert sorted(p.name for p in folder.iterdir()) == sorted([CONFIG, TOKENIZER, WEIGHTS])


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize("tie", [True, False])
def test_shapes_are_those_of_the_network(cell: Any, activation: Any, tie: bool) -> None:
    for embedding_size in (4, 5, 10):
        config = config_of(cell, activation, tie=tie, embedding_size=embedding_size)
        arrays = to_arrays(config, named_parameters(network(config)))
        assert array_shapes(config) == {name: array.shape for name, array in arrays.items()}


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    backwards = {name: ARRAYS[name] for name in sorted(ARRAYS, reverse=True)}
    for name, arrays in (("one", ARRAYS), ("two", backwards)):
        save_arrays(tmp_path / name, arrays)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_each_config_has_a_generation_of_its_own(folder: Path) -> None:
    assert read_json(folder / CONFIG)["generation"] == 1
    write_config(folder, DESCRIPTION)
    assert read_json(folder / CONFIG)["generation"] == 2


# -- broken folders


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "nothing")


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS])
@pytest.mark.parametrize("harm", ["truncated", "emptied", "altered", "lengthened"])
def test_a_harmed_file_is_named(folder: Path, name: str, harm: str) -> None:
    path = folder / name
    data = path.read_bytes()
    middle = len(data) // 2
    harms = {
        "truncated": data[:middle],
        "emptied": b"",
        "altered": data[:middle] + bytes([data[middle] ^ 0x80]) + data[middle + 1 :],
        "lengthened": data + b"}",
    }
    path.write_bytes(harms[harm])
    refused(folder, name)


@pytest.mark.parametrize("name", [TOKENIZER, WEIGHTS])
@pytest.mark.parametrize("size", [0, 7, 100, -3])
def test_a_truncated_file_is_found_out_even_if_config_vouches_for_it(folder: Path, name: str, size: int) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:size])
    vouch(folder)
    refused(folder, name)


def test_a_newer_format_says_upgrade(folder: Path) -> None:
    config = read_json(folder / CONFIG)
    write_json(folder / CONFIG, {**config, "format": store.FORMAT + 1})
    refused(folder, CONFIG, f"format {store.FORMAT + 1}")
    with pytest.raises(ModelError) as caught:
        open_folder(folder, patience=0)
    assert caught.value.hint == "Upgrade rnncli."


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embedding", lambda a: a[:-1]),
        ("layers.0.W", lambda a: a.T),
        ("layers.0.B", lambda a: a.reshape(2, -1)),
        ("head.bias", None),
        ("surplus", lambda a: np.zeros(3, np.float32)),
    ],
)
def test_other_weights_are_refused(folder: Path, name: str, change: Callable[[Any], Any] | None) -> None:
    arrays = {**ARRAYS}
    array = arrays.pop(name, None)
    if change is not None:
        arrays[name] = change(array)
    write_arrays(folder, {"forward": arrays})
    write_config(folder, DESCRIPTION)
    refused(folder, WEIGHTS, name)


def test_a_tokenizer_of_another_size_is_refused(folder: Path) -> None:
    toy_tokenizer("char").save(folder / TOKENIZER)
    description = {**DESCRIPTION, "tokenizer": {"kind": "char"}}
    write_config(folder, description)
    refused(folder, TOKENIZER, "256")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value within JSON is."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def test_whatever_config_json_says_is_opened_or_refused(folder: Path) -> None:
    """Each value in turn missing or replaced: a network, or a ModelError that names the file; nothing else."""
    config = read_json(folder / CONFIG)
    strange: list[Any] = [None, "x", -1, 0, 1.5, 10**30, True, [], {}, [1], {"a": 1}]
    outcomes = set()
    for path in places(config):
        for value in [*strange, KeyError]:
            harmed = copy.deepcopy(config)
            if not path:
                harmed = value if value is not KeyError else {}
            else:
                within = harmed
                for key in path[:-1]:
                    within = within[key]
                if value is KeyError:
                    del within[path[-1]]
                else:
                    within[path[-1]] = value
            (folder / CONFIG).write_text(json.dumps(harmed))
            outcomes.add(outcome(folder))
    assert outcomes == {"opened", "refused"}


def outcome(folder: Path) -> str:
    try:
        network(open_folder(folder, patience=0).model)
    except ModelError as error:
        named = any(name in error.message for name in (CONFIG, WEIGHTS, TOKENIZER))
        return "refused" if named and "\n" not in error.message else error.message
    return "opened"


# -- nothing half written


def test_an_exception_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def half() -> None:
        with replacing(path) as file:
            file.write(b"new, but not al")
            raise ValueError("power cut")

    with pytest.raises(ValueError, match="power cut"):
        half()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_disk_that_fails_is_one_line_and_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RnncliError, match=r"cannot write .*model\.safetensors: No space left on device"):
        write_arrays(folder, {"forward": {name: array + 1 for name, array in ARRAYS.items()}})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert open_folder(folder, patience=0).model == MODEL


def test_weights_come_before_the_config_that_vouches_for_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        order.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write_arrays(folder, {"forward": ARRAYS})
    write_config(folder, DESCRIPTION)
    assert order == [WEIGHTS, CONFIG]


def test_a_reader_waits_for_a_save_to_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two renames of a save, new weights lie beside an old config.json."""
    new = {name: array + 1 for name, array in ARRAYS.items()}
    save_arrays(folder / WEIGHTS, {f"main/{name}": array for name, array in new.items()})
    refused(folder, WEIGHTS)
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        write_config(folder, DESCRIPTION)

    monkeypatch.setattr("rnncli.store.time.sleep", sleep)
    found = open_folder(folder)
    assert len(waited) == 1
    assert np.array_equal(found.arrays["embedding"], new["embedding"])


# -- folders that were made to harm


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_whoever_vouches_for_them(folder: Path, value: float) -> None:
    arrays = {name: array.copy() for name, array in ARRAYS.items()}
    arrays["layers.0.R"][0, 0] = value
    write_arrays(folder, {"forward": arrays})
    write_config(folder, DESCRIPTION)
    refused(folder, WEIGHTS, "layers.0.R")


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS, GRAPH])
@pytest.mark.parametrize("harm", ["a pipe", "a device", "a folder", "a link elsewhere", "100 GB"])
def test_what_is_no_file_of_the_folder_is_refused_without_being_read(
    folder: Path, tmp_path: Path, name: str, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_json(folder / CONFIG)
    write_json(folder / CONFIG, {**config, "fingerprints": {**config["fingerprints"], GRAPH: "0"}})
    path = folder / name
    if path.exists():
        shutil.copy(path, tmp_path / "copy")
        path.unlink()
    if harm == "a pipe":
        os.mkfifo(path)
    elif harm == "a device":
        path.symlink_to("/dev/zero")
    elif harm == "a folder":
        path.mkdir()
    elif harm == "a link elsewhere":
        path.symlink_to(tmp_path / "copy" if (tmp_path / "copy").exists() else "/etc/passwd")
    else:
        path.touch()
        os.truncate(path, 100 << 30)  # takes no place
    read: list[int] = []
    monkeypatch.setattr(
        "rnncli.checking.sha256", lambda path, most: read.append(size_of_file(path, most)) or sha256(path, most)
    )
    refused(folder, name)
    assert sum(read) < 1 << 20


def size_of_file(path: Path, most: int) -> int:
    try:
        with open_file(path) as file:
            return size_of(file, most)
    except OSError:
        return 0


def test_weights_that_no_memory_holds_are_refused_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(array.nbytes for array in ARRAYS.values())
    monkeypatch.setattr("rnncli.checking.LARGE", size - 1)
    monkeypatch.setattr("rnncli.checking.available_memory", lambda: size)
    open_folder(folder, patience=0)
    monkeypatch.setattr("rnncli.checking.available_memory", lambda: size - 1)
    with pytest.raises(DeviceError, match=f"has {size:,} bytes, and there are {size - 1:,} of memory left"):
        open_folder(folder, patience=0)


def test_a_folder_that_does_not_come_to_rest_is_not_hashed_again_and_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes() + b" ")
    looked_at: list[str] = []
    monkeypatch.setattr("rnncli.checking.sha256", lambda path, most: looked_at.append(path.name) or sha256(path, most))
    pauses: list[float] = []
    monkeypatch.setattr("rnncli.store.time.sleep", pauses.append)
    with pytest.raises(ModelError, match="vouches for"):
        open_folder(folder)
    assert looked_at == [WEIGHTS, TOKENIZER]
    assert 0.5 < sum(pauses) < 1
