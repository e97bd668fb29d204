"""Which engine runs a model on this machine, and why. Nothing heavy is imported to find out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from rnncli.choices import Device, EngineName
from rnncli.device import may_have_gpu
from rnncli.errors import ConfigError

GPU_PAYS = 20_000_000
"""Parameters from which a GPU's speed is worth the seconds that PyTorch takes to start."""


class Choice(NamedTuple):
    """An engine, the reason in words, and whether that is something the user should hear of unasked."""

    engine: Literal["onnx", "torch"]
    why: str
    notable: bool = False


def choose(wanted: EngineName, device: Device, params: int) -> Choice:
    """The engine for a network of so many parameters. An engine that was asked for and is not there is an error."""
    missing = _runtime_missing()
    if wanted == "onnx":
        if device in ("cuda", "mps"):
            raise ConfigError(f"--engine onnx runs on the processor, not on {device}", hint="Say --engine torch.")
        if missing:
            raise ConfigError(f"--engine onnx: {missing}", hint="pip install onnxruntime, or say --engine torch.")
        return Choice("onnx", "as you said")
    if wanted == "torch":
        if not torch_there():
            raise ConfigError(
                "--engine torch: PyTorch is not installed", hint="pip install torch, or leave --engine out."
            )
        return Choice("torch", "as you said")
    if device in ("cuda", "mps"):
        if not torch_there():
            raise ConfigError(f"--device {device} needs PyTorch, which is not installed", hint="pip install torch.")
        return Choice("torch", f"PyTorch runs on {device}")
    if missing is None:
        if device == "auto" and params >= GPU_PAYS and may_have_gpu() and torch_there():
            return Choice("torch", f"a GPU pays for a network of {params:,} parameters")
        return Choice("onnx", "it starts at once and is the fastest on a processor")
    if torch_there():
        return Choice("torch", missing, notable=True)
    raise ConfigError(f"{missing}, nor is PyTorch", hint="pip install onnxruntime.")


def choose_for(config: Mapping[str, Any]) -> Choice:
    """The engine for a model by its config.json alone: $RNNCLI_ENGINE, or the program's choice."""
    asked: Any = os.environ.get("RNNCLI_ENGINE") or "auto"
    params = config.get("params")
    try:
        return choose(
            asked if asked in get_args(EngineName) else "auto", "auto", params if isinstance(params, int) else 0
        )
    except ConfigError as error:
        return Choice("onnx", error.message)


def _runtime_missing() -> str | None:
    """Why ONNX Runtime cannot be used, if so. It is not imported: how old it is shows when it is."""
    there = importlib.util.find_spec("onnxruntime") is not None
    return None if there else "ONNX Runtime is not installed"


def torch_there() -> bool:
    return importlib.util.find_spec("torch") is not None
