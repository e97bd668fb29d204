"""A model folder whose graph is missing, harmed, another's, or somebody's: one line, or a new graph; never a mess."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnncli.arrays import sha256
from rnncli.errors import RnncliError
from rnncli.store import CONFIG, GRAPH, WEIGHTS, open_folder, read_json, write_json
from tests.cli.conftest import Result, clean_env, run_here
from tests.folders import make_folder

Score = Callable[..., Result]
TEXT = "Anna saw the moon.\nBob\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, another training of it, and two of other kinds."""
    folder = tmp_path_factory.mktemp("models")
    make_folder(folder / "model", "lstm", "tanh", "byte", "projected", 2)
    make_folder(folder / "again", "lstm", "tanh", "byte", "projected", 2, seed=2)
    make_folder(folder / "gru", "gru", "tanh", "byte", "projected", 2)
    make_folder(folder / "smaller", "lstm", "tanh", "byte", "tied", 1, hidden=3)
    make_folder(folder / "larger", "lstm", "tanh", "byte", "untied", 2, hidden=40)
    return folder


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return shutil.copytree(models / "model", tmp_path / "model")


@pytest.fixture
def score(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Score:
    """``rnncli score`` with the model in the folder, which need not be waited for; nothing goes past its streams."""
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNCLI_MODEL", "RNNCLI_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    assert open_folder.__kwdefaults__ == {"direction": None, "patience": 0.8}
    monkeypatch.setitem(open_folder.__kwdefaults__, "patience", 0.0)
    lines = tmp_path / "lines.txt"
    lines.write_text(TEXT)

    def call(*arguments: str) -> Result:
        options = ("-m", str(folder), "--json", "--device", "cpu", "--threads", "1")
        result = run_here(["score", str(lines), *options, *arguments])
        assert capfd.readouterr() == ("", "")
        return result

    return call


def logprobs(result: Result) -> list[float]:
    assert (result.code, result.err) == (0, "")
    return [json.loads(line)["logprob"] for line in result.out.splitlines()]


def vouch(folder: Path, name: str = GRAPH) -> None:
    """Let config.json say that a file is as it should be."""
    config = read_json(folder / CONFIG)
    write_json(folder / CONFIG, {**config, "fingerprints": {**config["fingerprints"], name: sha256(folder / name)}})


def forget(folder: Path) -> None:
    """Let config.json know of no graph."""
    config = read_json(folder / CONFIG)
    write_json(
        folder / CONFIG, {**config, "fingerprints": {k: v for k, v in config["fingerprints"].items() if k != GRAPH}}
    )


def one_byte(place: float, bit: int) -> Callable[[bytes, Path], bytes]:
    def harm(data: bytes, models: Path) -> bytes:
        at = int(place * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]

    return harm


HARMS: dict[str, Callable[[bytes, Path], bytes]] = {
    "emptied": lambda data, models: b"",
    "truncated": lambda data, models: data[: len(data) // 2],
    "cut": lambda data, models: data[:-1],
    "lengthened": lambda data, models: data + b"\x00",
    "first byte": one_byte(0, 3),
    "middle byte": one_byte(0.5, 0),
    "last byte": one_byte(1, 7),
    "name": lambda data, models: data.replace(b"Identity", b"Id\xf0ntity", 1),
    "text": lambda data, models: b"This is no graph.\n",
    "zeros": lambda data, models: bytes(len(data)),
    "another cell's": lambda data, models: (models / "gru" / GRAPH).read_bytes(),
    "a smaller one's": lambda data, models: (models / "smaller" / GRAPH).read_bytes(),
    "a larger one's": lambda data, models: (models / "larger" / GRAPH).read_bytes(),
    "weights": lambda data, models: (models / "model" / WEIGHTS).read_bytes(),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_graph_is_refused_by_name(harm: str, folder: Path, models: Path, score: Score) -> None:
    data = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(HARMS[harm](data, models))
    result = score()
    assert (result.code, result.out) == (3, "")
    problem, cure = result.err.splitlines()
    assert problem == f"rnncli: error: {folder / GRAPH} is not the file that config.json vouches for"
    assert cure


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_graph_that_is_vouched_for_is_never_run(harm: str, folder: Path, models: Path, score: Score) -> None:
    """The program makes its own, and puts it there."""
    original = (folder / GRAPH).read_bytes()
    before = logprobs(score())
    (folder / GRAPH).write_bytes(HARMS[harm](original, models))
    vouch(folder)
    assert logprobs(score()) == before
    assert (folder / GRAPH).read_bytes() == original
    assert read_json(folder / CONFIG)["fingerprints"][GRAPH] == sha256(folder / GRAPH)


FUZZ = """
import json, random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from rnncli.store import open_folder
from tests.cli.conftest import run_here
from tests.cli.test_graph_files import vouch
open_folder.__kwdefaults__["patience"] = 0.0
folder = Path(sys.argv[1])
graph = folder / "model.onnx"
data, dice, found = graph.read_bytes(), random.Random(7), []
for number in range(50):
    at = dice.randrange(len(data))
    graph.write_bytes(data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :])
    vouch(folder)
    found.append((at, *run_here(["score", "lines.txt", "-m", str(folder), "--json", "--device", "cpu"])))
print(json.dumps(found))
"""


def test_no_altered_byte_that_is_vouched_for_makes_a_mess(folder: Path, tmp_path: Path) -> None:
    """In a process of its own, whose raw stderr is looked at: neither a crash, nor a traceback, nor others' talk."""
    (tmp_path / "lines.txt").write_text(TEXT)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(folder), str(root)],
        capture_output=True,
        cwd=tmp_path,
        env=clean_env(),
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    outcomes = json.loads(done.stdout)
    assert len(outcomes) == 50
    assert {(code, out, err) for _, code, out, err in outcomes} == {(0, outcomes[0][2], "")}
    assert outcomes[0][2].count("\n") == 2


# -- made anew


def test_a_missing_graph_is_made_anew_and_vouched_for(folder: Path, score: Score) -> None:
    original, config = (folder / GRAPH).read_bytes(), read_json(folder / CONFIG)
    before = logprobs(score())
    (folder / GRAPH).unlink()
    assert logprobs(score()) == before
    assert (folder / GRAPH).read_bytes() == original
    assert read_json(folder / CONFIG) == config
    made = (folder / GRAPH).stat().st_mtime_ns
    assert logprobs(score()) == before
    assert (folder / GRAPH).stat().st_mtime_ns == made


def test_a_folder_from_before_there_were_graphs_gets_one(folder: Path, score: Score) -> None:
    before = logprobs(score())
    original = (folder / GRAPH).read_bytes()
    (folder / GRAPH).unlink()
    forget(folder)
    old = read_json(folder / CONFIG)
    assert logprobs(score()) == before
    assert (folder / GRAPH).read_bytes() == original
    new = read_json(folder / CONFIG)
    assert new["fingerprints"].pop(GRAPH) == sha256(folder / GRAPH)
    assert new == old


@pytest.mark.parametrize("content", ["text", "gru", "smaller", "true"])
def test_a_graph_without_a_fingerprint_is_replaced(folder: Path, models: Path, score: Score, content: str) -> None:
    """Even the right one: nobody has said that it is."""
    original, before = (folder / GRAPH).read_bytes(), logprobs(score())
    contents = {"text": b"no graph", "true": original}
    foreign = contents.get(content) or (models / content / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(foreign)
    forget(folder)
    assert logprobs(score()) == before
    assert (folder / GRAPH).read_bytes() == original
    assert read_json(folder / CONFIG)["fingerprints"][GRAPH] == sha256(folder / GRAPH)


def cannot_write(path: Path, data: bytes) -> None:
    raise RnncliError(f"cannot write {path}: Read-only file system")


def cannot(path: Path, data: bytes) -> None:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("refusal", [cannot_write, cannot])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("file", [GRAPH, CONFIG])
def test_a_folder_that_cannot_be_written_to_works_all_the_same(
    folder: Path, score: Score, monkeypatch: pytest.MonkeyPatch, refusal: Any, known: bool, file: str
) -> None:
    """Neither where the graph cannot be put there, nor where config.json cannot be told of it."""
    before = logprobs(score())
    (folder / GRAPH).unlink()
    if not known:
        forget(folder)
    config = (folder / CONFIG).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("rnncli.graph.saving.write_bytes" if file == GRAPH else "rnncli.store.write_bytes", refusal)
        assert logprobs(score()) == before
    assert (folder / GRAPH).exists() == (file == CONFIG)
    assert (folder / CONFIG).read_bytes() == config
    assert logprobs(score()) == before


def test_a_folder_named_like_the_graph_is_in_nobodys_way(folder: Path, score: Score) -> None:
    """A path that cannot be written, whoever asks: looked at where it should be the graph, else left alone."""
    before = logprobs(score())
    (folder / GRAPH).unlink()
    (folder / GRAPH).mkdir()
    result = score()
    assert (result.code, result.out) == (3, "")
    assert GRAPH in result.err.splitlines()[0]
    forget(folder)
    assert logprobs(score()) == before
    assert (folder / GRAPH).is_dir()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


# -- weights


def test_weights_of_another_training_are_refused_beside_an_old_config(folder: Path, models: Path, score: Score) -> None:
    """The graph fits them: it is the same for all networks of one shape."""
    assert (models / "again" / GRAPH).read_bytes() == (folder / GRAPH).read_bytes()
    shutil.copy(models / "again" / WEIGHTS, folder / WEIGHTS)
    for engine in ("auto", "onnx", "torch"):
        result = score("--engine", engine)
        assert (result.code, result.out) == (3, "")
        assert result.err.startswith(f"rnncli: error: {folder / WEIGHTS} is not the file that config.json vouches for")
    vouch(folder, WEIGHTS)
    assert logprobs(score()) == pytest.approx(logprobs(score("--engine", "torch")), abs=1e-3)


def test_weights_of_another_shape_are_refused_whoever_vouches_for_them(
    folder: Path, models: Path, score: Score
) -> None:
    for other in ("gru", "larger"):
        shutil.copy(models / other / WEIGHTS, folder / WEIGHTS)
        vouch(folder, WEIGHTS)
        result = score()
        assert (result.code, result.out) == (3, "")
        assert WEIGHTS in result.err.splitlines()[0]
        assert len(result.err.splitlines()) == 2
