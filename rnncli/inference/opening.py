"""A model folder opened with the engine that runs it here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rnncli.choices import Device, Direction, EngineName
from rnncli.device import find_machine
from rnncli.errors import ConfigError, ModelError
from rnncli.inference.choice import Choice, choose, torch_there
from rnncli.inference.engine import Engine
from rnncli.precision import parameter_count
from rnncli.store import Stored, open_folder

ATTEMPTS = 5


class Opened(NamedTuple):
    """A model folder, what runs it, and why that."""

    stored: Stored
    engine: Engine
    choice: Choice


def open_engine(
    folder: Path,
    *,
    device: Device = "auto",
    engine: EngineName = "auto",
    threads: int | None = None,
    direction: Direction | None = None,
) -> Opened:
    """A checked model folder and an engine that runs it. Opened again where a training saves in the middle of it.

    ``direction``: of the part that is opened; of none the forward one, or the only one.
    """
    for _ in range(ATTEMPTS):
        opened = _open(open_folder(folder, direction=direction), device, engine, threads)
        if not opened.stored.replaced():
            return opened
    raise ModelError(f"{folder} is written to all the time", hint="Try again when its training pauses.")


def _open(stored: Stored, device: Device, engine: EngineName, threads: int | None) -> Opened:
    choice = choose(engine, device, parameter_count(stored.model))
    if choice.engine == "onnx":
        try:
            return Opened(stored, _onnx(stored, threads), choice)
        except ImportError as error:
            missing = str(error).split("\n")[0]
            if engine == "onnx" or not torch_there():
                raise ConfigError(missing, hint="pip install --force-reinstall onnxruntime.") from error
            choice = Choice("torch", missing, notable=True)
    from rnncli.inference.torch_engine import TorchEngine

    return Opened(stored, TorchEngine(stored, find_machine(device, threads)), choice)


def _onnx(stored: Stored, threads: int | None) -> Engine:
    machine = find_machine("cpu", threads)
    from rnncli.graph.saving import graph_of
    from rnncli.inference.onnx_engine import OnnxEngine

    return OnnxEngine(stored, machine.threads, graph_of(stored))
