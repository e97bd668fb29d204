"""Which engine runs a model on this machine, and why; and opening it."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from rnncli.config import Device, EngineName
from rnncli.device import find_machine, may_have_gpu
from rnncli.errors import ConfigError, ModelError
from rnncli.inference.engine import Engine
from rnncli.precision import parameter_count
from rnncli.store import Stored, open_folder

GPU_PAYS = 20_000_000
"""Parameters from which a GPU's speed is worth the seconds that PyTorch takes to start."""
OLDEST_RUNTIME = (1, 20)
ATTEMPTS = 5


class Choice(NamedTuple):
    """An engine, the reason in words, and whether that is something the user should hear of unasked."""

    engine: Literal["onnx", "torch"]
    why: str
    notable: bool = False


class Opened(NamedTuple):
    """A model folder, what runs it, and why that."""

    stored: Stored
    engine: Engine
    choice: Choice


def choose(wanted: EngineName, device: Device, params: int) -> Choice:
    """The engine for a network of so many parameters. An engine that was asked for and is not there is an error."""
    missing = _runtime_missing()
    if wanted == "onnx":
        if device in ("cuda", "mps"):
            raise ConfigError(f"--engine onnx runs on the processor, not on {device}", hint="Say --engine torch.")
        if missing:
            raise ConfigError(f"--engine onnx: {missing}", hint="pip install onnxruntime onnx, or say --engine torch.")
        return Choice("onnx", "as you said")
    if wanted == "torch":
        if not _torch_there():
            raise ConfigError(
                "--engine torch: PyTorch is not installed", hint="pip install torch, or leave --engine out."
            )
        return Choice("torch", "as you said")
    if device in ("cuda", "mps"):
        if not _torch_there():
            raise ConfigError(f"--device {device} needs PyTorch, which is not installed", hint="pip install torch.")
        return Choice("torch", f"PyTorch runs on {device}")
    if missing is None:
        if device == "auto" and params >= GPU_PAYS and may_have_gpu() and _torch_there():
            return Choice("torch", f"a GPU pays for a network of {params:,} parameters")
        return Choice("onnx", "it starts at once and is the fastest on a processor")
    if _torch_there():
        return Choice("torch", missing, notable=True)
    raise ConfigError(f"{missing}, nor is PyTorch", hint="pip install onnxruntime onnx.")


def _runtime_missing() -> str | None:
    """Why ONNX Runtime cannot be used, if so; nothing is imported to find out."""
    try:
        found = version("onnxruntime")
    except PackageNotFoundError:
        return None if importlib.util.find_spec("onnxruntime") else "ONNX Runtime is not installed"
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_RUNTIME:
        return f"ONNX Runtime {found} is older than {'.'.join(map(str, OLDEST_RUNTIME))}"
    return None


def _torch_there() -> bool:
    return importlib.util.find_spec("torch") is not None


def open_engine(
    folder: Path, *, device: Device = "auto", engine: EngineName = "auto", threads: int | None = None
) -> Opened:
    """A checked model folder and an engine that runs it. Opened again where a training saves in the middle of it."""
    for _ in range(ATTEMPTS):
        opened = _open(folder, device, engine, threads)
        if not opened.stored.replaced():
            return opened
    raise ModelError(f"{folder} is written to all the time", hint="Try again when its training pauses.")


def _open(folder: Path, device: Device, engine: EngineName, threads: int | None) -> Opened:
    stored = open_folder(folder)
    choice = choose(engine, device, parameter_count(stored.model))
    if choice.engine == "onnx":
        try:
            return Opened(stored, _onnx(stored, threads), choice)
        except ImportError as error:
            missing = f"ONNX Runtime cannot be loaded: {error}".split("\n")[0]
            if engine == "onnx" or not _torch_there():
                raise ConfigError(missing, hint="pip install --force-reinstall onnxruntime onnx.") from error
            choice = Choice("torch", missing, notable=True)
    from rnncli.inference.torch_engine import TorchEngine

    return Opened(stored, TorchEngine(stored, find_machine(device, threads)), choice)


def _onnx(stored: Stored, threads: int | None) -> Engine:
    machine = find_machine("cpu", threads)
    from rnncli.inference.onnx_engine import OnnxEngine

    graph = None
    if not stored.has_graph:
        from rnncli.graph.saving import make_graph

        graph = make_graph(stored)
    return OnnxEngine(stored, machine.threads, graph)
