"""Which engine is chosen, in every case there is, and what becomes of one that cannot be opened."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnncli.errors import ConfigError, DeviceError, ModelError, RnncliError
from rnncli.inference import choice, opening
from rnncli.inference.choice import GPU_PAYS, Choice, choose
from rnncli.inference.engine import Engine, Targets
from rnncli.inference.onnx_engine import OnnxEngine
from rnncli.inference.opening import ATTEMPTS, open_engine
from rnncli.inference.torch_engine import TorchEngine
from rnncli.precision import parameter_count
from rnncli.store import GRAPH, WEIGHTS, Stored
from tests.folders import make_folder, network_of, save_folder, tokenizer_of, train_briefly

FEW, MANY = GPU_PAYS - 1, GPU_PAYS
RUNTIMES = ("there", "missing")
USABLE = ("there",)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what is installed, and whether there may be a GPU."""

    def set_up(runtime: str = "there", *, torch: bool = True, gpu: bool = False) -> None:
        def find_spec(package: str) -> Any:
            there = {"torch": torch, "onnxruntime": runtime != "missing"}
            return object() if there[package] else None

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        monkeypatch.setattr(choice, "may_have_gpu", lambda: gpu)

    return set_up


# -- asked for


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("params", [FEW, MANY])
@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("torch", [True, False])
def test_an_engine_that_was_asked_for_is_taken(
    machine: Callable[..., None], device: Any, params: int, gpu: bool, torch: bool
) -> None:
    for runtime in USABLE:
        machine(runtime, torch=torch, gpu=gpu)
        assert choose("onnx", device, params) == ("onnx", "as you said", False)
    for runtime in RUNTIMES:
        machine(runtime, torch=True, gpu=gpu)
        assert choose("torch", device, params) == ("torch", "as you said", False)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_torch_takes_any_device_and_onnx_the_processor_only(machine: Callable[..., None], device: Any) -> None:
    machine()
    assert choose("torch", device, FEW).engine == "torch"
    with pytest.raises(ConfigError, match=f"processor, not on {device}") as caught:
        choose("onnx", device, FEW)
    assert caught.value.hint == "Say --engine torch."


@pytest.mark.parametrize(("runtime", "words"), [("missing", "ONNX Runtime is not installed")])
@pytest.mark.parametrize("torch", [True, False])
def test_an_engine_that_was_asked_for_and_is_not_there_is_an_error(
    machine: Callable[..., None], runtime: str, words: str, torch: bool
) -> None:
    machine(runtime, torch=torch)
    with pytest.raises(ConfigError) as caught:
        choose("onnx", "auto", FEW)
    assert caught.value.message == f"--engine onnx: {words}"
    assert caught.value.hint


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "mps"])
def test_torch_that_was_asked_for_and_is_not_there_is_an_error(machine: Callable[..., None], device: Any) -> None:
    machine(torch=False, gpu=True)
    with pytest.raises(ConfigError, match="--engine torch: PyTorch is not installed") as caught:
        choose("torch", device, MANY)
    assert caught.value.hint


# -- chosen


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_was_asked_for_means_torch(machine: Callable[..., None], runtime: str, device: Any) -> None:
    machine(runtime)
    assert choose("auto", device, FEW) == ("torch", f"PyTorch runs on {device}", False)
    machine(runtime, torch=False)
    with pytest.raises(ConfigError, match=f"--device {device} needs PyTorch") as caught:
        choose("auto", device, FEW)
    assert caught.value.hint


@pytest.mark.parametrize("runtime", USABLE)
@pytest.mark.parametrize(
    ("device", "params", "gpu", "torch", "engine"),
    [
        ("auto", MANY, True, True, "torch"),
        ("auto", FEW, True, True, "onnx"),
        ("auto", MANY, False, True, "onnx"),
        ("auto", MANY, True, False, "onnx"),
        ("auto", FEW, False, False, "onnx"),
        ("cpu", MANY, True, True, "onnx"),
        ("cpu", FEW, False, True, "onnx"),
    ],
)
def test_a_gpu_pays_for_a_large_network_only(
    machine: Callable[..., None], runtime: str, device: Any, params: int, gpu: bool, torch: bool, engine: str
) -> None:
    machine(runtime, torch=torch, gpu=gpu)
    choice = choose("auto", device, params)
    assert (choice.engine, choice.notable) == (engine, False)
    assert (f"{MANY:,}" in choice.why) == (engine == "torch")


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize(("runtime", "words"), [("missing", "ONNX Runtime is not installed")])
def test_without_a_usable_runtime_torch_stands_in_and_that_is_said(
    machine: Callable[..., None], device: Any, runtime: str, words: str
) -> None:
    machine(runtime)
    assert choose("auto", device, FEW) == ("torch", words, True)
    machine(runtime, torch=False)
    with pytest.raises(ConfigError) as caught:
        choose("auto", device, FEW)
    assert caught.value.message == f"{words}, nor is PyTorch"
    assert caught.value.hint


# -- opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("models") / "small")


@pytest.mark.parametrize(("engine", "kind"), [("auto", OnnxEngine), ("onnx", OnnxEngine), ("torch", TorchEngine)])
def test_the_engine_that_was_chosen_is_opened(folder: Path, engine: Any, kind: type) -> None:
    opened = open_engine(folder, device="cpu", engine=engine, threads=1)
    assert isinstance(opened.engine, kind)
    assert opened.engine.definition == {"engine": "torch" if kind is TorchEngine else "onnx", "weights": "float32"}
    assert opened.engine.vocab_size == opened.stored.model.vocab_size
    assert not opened.choice.notable


def test_the_size_of_the_network_decides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def remember(wanted: str, device: str, params: int) -> Choice:
        asked.append((wanted, device, params))
        return Choice("onnx", "a test's")

    monkeypatch.setattr(opening, "choose", remember)
    opened = open_engine(folder, threads=1)
    assert asked == [("auto", "auto", parameter_count(opened.stored.model))]
    assert parameter_count(opened.stored.model) == sum(array.size for array in opened.stored.arrays.values())


def test_a_runtime_that_cannot_be_loaded_gives_way_to_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise ImportError("ONNX Runtime cannot be loaded: libonnxruntime.so: wrong ELF class\nand more")

    monkeypatch.setattr(opening, "_onnx", broken)
    opened = open_engine(folder, device="cpu", threads=1)
    assert isinstance(opened.engine, TorchEngine)
    assert opened.choice == ("torch", "ONNX Runtime cannot be loaded: libonnxruntime.so: wrong ELF class", True)
    with pytest.raises(ConfigError, match=r"ONNX Runtime cannot be loaded: .* class$") as caught:
        open_engine(folder, device="cpu", engine="onnx", threads=1)
    assert caught.value.hint
    monkeypatch.setattr(opening, "torch_there", lambda: False)
    with pytest.raises(ConfigError, match="ONNX Runtime cannot be loaded"):
        open_engine(folder, device="cpu", threads=1)


def test_a_runtime_that_is_not_importable_is_met_by_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real import, not a stand-in: the package's name leads nowhere."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "rnncli.inference.onnx_engine", raising=False)
    opened = open_engine(folder, device="cpu", threads=1)
    assert isinstance(opened.engine, TorchEngine)
    assert opened.choice.notable


def test_a_runtime_that_is_too_old_is_met_by_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "__version__", "1.19.2")
    monkeypatch.delitem(sys.modules, "rnncli.inference.onnx_engine", raising=False)
    opened = open_engine(folder, device="cpu", threads=1)
    assert isinstance(opened.engine, TorchEngine)
    assert opened.choice == ("torch", "ONNX Runtime 1.19.2 is older than 1.20", True)
    with pytest.raises(ConfigError, match=r"1\.19\.2 is older than 1\.20"):
        open_engine(folder, device="cpu", engine="onnx", threads=1)


def test_a_wrong_number_of_threads_is_refused_by_both_engines(folder: Path) -> None:
    for engine in ("onnx", "torch"):
        with pytest.raises(DeviceError, match="--threads"):
            open_engine(folder, device="cpu", engine=engine, threads=0)


def test_a_folder_that_is_saved_to_meanwhile_is_opened_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [True, True, False]
    monkeypatch.setattr(Stored, "replaced", lambda self: answers.pop(0))
    assert open_engine(folder, device="cpu", engine="onnx", threads=1).engine.vocab_size
    assert answers == []

    def always(self: Stored) -> bool:
        answers.append(True)
        return True

    monkeypatch.setattr(Stored, "replaced", always)
    with pytest.raises(ModelError, match="written to all the time") as caught:
        open_engine(folder, device="cpu", engine="onnx", threads=1)
    assert len(answers) == ATTEMPTS
    assert caught.value.hint


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_an_opened_model_never_turns_into_the_one_that_is_saved_over_it(tmp_path: Path, engine: Any) -> None:
    """It stays what it was, or says that it cannot: new weights are never used under the old fingerprint."""
    folder = make_folder(tmp_path / "model")
    first, late = (open_engine(folder, device="cpu", engine=engine, threads=2).engine for _ in range(2))
    before = opinions(first)
    make_folder(folder, seed=2)
    new = opinions(open_engine(folder, device="cpu", engine=engine, threads=2).engine)
    assert not np.array_equal(new, before)
    assert np.array_equal(opinions(first), before)
    for one in (*first.workers(), late, *late.workers()):
        found, problem = outcome(one)
        assert problem or np.array_equal(found, before)
        assert not problem or f"{folder / WEIGHTS} was replaced" in problem


@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize("graph", [True, False])
def test_an_opened_model_does_not_mind_where_the_program_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Any, graph: bool
) -> None:
    folder = make_folder(tmp_path / "model")
    before = opinions(open_engine(folder, device="cpu", engine=engine, threads=2).engine)
    monkeypatch.chdir(tmp_path)
    if not graph:
        (folder / GRAPH).unlink()
        monkeypatch.setattr("rnncli.graph.saving.write_bytes", refuse_to_write)
    opened = open_engine(Path("model"), device="cpu", engine=engine, threads=2).engine
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for one in (opened, *opened.workers()):
        assert np.array_equal(opinions(one), before)


def refuse_to_write(path: Path, data: bytes) -> None:
    raise RnncliError(f"cannot write {path}")


def outcome(engine: Engine) -> tuple[NDArray[Any], str]:
    """Opinions, or why there are none."""
    try:
        return opinions(engine), ""
    except ModelError as error:
        return np.zeros(0), error.message


def opinions(engine: Engine) -> NDArray[Any]:
    """Log-probabilities after a text of three tokens."""
    found, _ = engine.advance(np.array([[5, 6, 7]]), np.array([3]), engine.start(1), want="last")
    return found.logprob


@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize("want", ["targets", "details", "last"])
def test_weights_whose_sums_overflow_give_no_score(tmp_path: Path, engine: Any, want: Any) -> None:
    """Each is a number; their products are not."""
    model, tokenizer = network_of("rnn", "relu", "byte", "untied", 1), tokenizer_of("byte")
    arrays = {name: np.full_like(array, 3e38) for name, array in train_briefly(model, tokenizer).items()}
    folder = save_folder(tmp_path / "model", arrays, model, tokenizer)
    opened = open_engine(folder, device="cpu", engine=engine).engine
    none = np.zeros(1, np.int64)
    targets = None if want == "last" else Targets(none, none, none)
    with pytest.raises(ModelError, match="overflow") as caught:
        opened.advance(np.array([[1]]), np.array([1]), opened.start(1), want=want, targets=targets)
    assert str(folder) in caught.value.message
