"""All that a resume needs, in one file: tensors as safetensors, numbers as JSON in its header.

One file is one rename, so a kill leaves the old state or the new one. No pickle anywhere.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnncli.errors import ModelError
from rnncli.text.files import write_bytes

STATE = "state.safetensors"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The numbers of a run between two steps. A value: each step makes a new one."""

    step: int = 0
    spent: float = 0.0
    """Seconds of the training budget that are used."""
    total: float | None = None
    """Seconds of training that the budget allows, where time is the budget; fixed when the run first starts."""
    marks: int = 0
    """Of the shares of a clocked budget at which to evaluate, how many were passed at the last evaluation."""
    looked_at: int | None = None
    """Tokens of the validation text that evaluations read, where time is the budget; None: not chosen yet."""
    evaluated: int = -1
    """The step of the last evaluation."""
    best: float | None = None
    """Validation loss of the best weights so far, nats per token."""
    best_step: int = 0
    since_best: int = 0
    plateaus: int = 0
    recent: tuple[float, ...] = ()
    """Validation losses so far: averaged SGD looks back at them."""
    skipped: int = 0
    restores: int = 0
    rate_scale: float = 1.0
    loss_scale: float = 65536.0
    good_steps: int = 0
    average_updates: int = 0
    average_on: bool = False
    train_loss: float | None = None
    """Smoothed training loss, nats per token, dropout on."""
    tokens: int = 0


def save_state(folder: Path, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
    """Write the state of a run between two steps."""
    from safetensors.torch import save

    numbers = json.dumps(dataclasses.asdict(progress))
    data = save({k: t.detach().cpu().contiguous() for k, t in tensors.items()}, metadata={"progress": numbers})
    write_bytes(folder / STATE, data)


def load_state(folder: Path) -> tuple[Progress, dict[str, Tensor]] | None:
    """The last saved state; None where the run was never saved, a ModelError where the file is broken."""
    path = folder / STATE
    if not path.exists():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            numbers: dict[str, Any] = json.loads(file.metadata()["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        numbers["recent"] = tuple(numbers["recent"])
        return Progress(**numbers), tensors
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is truncated or altered: {error}",
            hint=f"Delete {folder.name}/ to keep the model as it is, or train again with --overwrite.",
        ) from error


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under ``prefix/``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def under_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those tensors that ``with_prefix`` put under ``prefix/``."""
    start = prefix + "/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def as_int64(values: Any) -> Tensor:
    """Positions as a tensor, for saving."""
    return torch.as_tensor(values, dtype=torch.int64)
