"""All that a resume needs, in one file: tensors as safetensors, numbers as JSON in its header.

One file is one rename, so a kill leaves the old state or the new one. No pickle anywhere.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnncli.arrays import ArrayPlace
from rnncli.errors import ModelError
from rnncli.guarded import told
from rnncli.text.files import write_bytes
from rnncli.training.progress import STATE as STATE
from rnncli.training.progress import Progress as Progress
from rnncli.training.progress import check_state, cure

OPTIMIZER_KEYS = ({"step", "exp_avg", "exp_avg_sq"}, {"momentum_buffer"})
"""What AdamW, and SGD with momentum, keep of each parameter."""


class Expected(NamedTuple):
    """What the state of a run is made of, by which a file is judged before it is read."""

    parameters: Mapping[str, Tensor]
    behind: Mapping[str, tuple[int, ...]]
    """Shapes of what is told of rows that wait for their steps; a file has all of it or nothing."""
    fixed: Mapping[str, tuple[int, ...]]
    """Shapes of what is not trained but was made at the beginning; a file has all of it."""
    carried: Sequence[tuple[int, ...]]
    """Shapes of the recurrent state between two windows; a file has it whole or not at all."""
    positions: tuple[int, ...]
    """The shape of the positions in the text."""
    tokens: int
    """Of the text: no position lies beyond."""


def save_state(folder: Path, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
    """Write the state of a run between two steps."""
    from safetensors.torch import save

    numbers = json.dumps(dataclasses.asdict(progress))
    kept = {k: t.detach().cpu().contiguous() for k, t in tensors.items()}
    write_bytes(folder / STATE, save(kept, metadata={"progress": numbers, "checksum": _checksum(kept)}))


def load_state(folder: Path, expected: Expected | None = None) -> tuple[Progress, dict[str, Tensor]] | None:
    """The last saved state; None where the run was never saved, a ModelError where the file is broken."""
    path = folder / STATE
    if not path.exists():
        return None
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        places, progress = check_state(path)
        if expected is not None:
            _check_arrays(places.values(), expected)
        tensors = load_file(path)
        if expected is not None and not _lies_within(tensors["positions"], expected.tokens):
            raise ValueError("it was at a place that the text does not have")
        return progress, tensors
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        message = f"{path} is truncated or altered: {told(error)}"
        raise ModelError(message, hint=cure(path)) from error


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """CRC-32 of the bytes of all arrays in order, as progress.checksum has it of a file."""
    found = 0
    for _, tensor in sorted(tensors.items()):
        if tensor.numel():  # nothing has no bytes to be seen as
            found = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def _check_arrays(places: Iterable[ArrayPlace], expected: Expected) -> None:
    """A ValueError where an array is not one of the run's, or one of them is missing."""
    parameters = {name: tuple(tensor.shape) for name, tensor in expected.parameters.items()}
    found: dict[str, list[str]] = {
        group: [] for group in ("parameter", "average", "behind", "fixed", "carried", "optimizer", "positions")
    }
    for name, dtype, shape, *_ in places:
        group, _, rest = name.partition("/")
        of, _, key = rest.rpartition(".") if group == "optimizer" else (rest, "", "")
        fits = {
            "parameter": (dtype, shape) == ("F32", parameters.get(of)),
            "average": (dtype, shape) == ("F32", parameters.get(of)),
            "optimizer": (dtype, shape) == ("F32", () if key == "step" else parameters.get(of)) and of in parameters,
            "behind": (dtype, shape) == ("F32", expected.behind.get(rest)),
            "fixed": (dtype, shape) == ("F32", expected.fixed.get(rest)),
            "carried": dtype in ("F32", "F16", "BF16") and (of, shape) in _numbered(expected.carried),
            "positions": (dtype, shape) == ("I64", expected.positions),
        }
        if not fits.get(group):
            raise ValueError(f"array {name} is not one that this run has")
        found[group].append(rest)
    whole = set(found["parameter"]) == parameters.keys() and len(found["positions"]) == 1
    whole = whole and set(found["average"]) in (set(), parameters.keys())
    whole = whole and set(found["behind"]) in (set(), expected.behind.keys())
    whole = whole and set(found["fixed"]) == expected.fixed.keys()
    whole = whole and len(found["carried"]) in (0, len(expected.carried))
    keys = {
        of: {rest.rpartition(".")[2] for rest in found["optimizer"] if rest.rpartition(".")[0] == of}
        for of in parameters
    }
    if not whole or any(each not in (set(), *OPTIMIZER_KEYS) for each in keys.values()):
        raise ValueError("it lacks arrays that this run has")


def _numbered(shapes: Sequence[tuple[int, ...]]) -> list[tuple[str, tuple[int, ...]]]:
    return [(str(number), shape) for number, shape in enumerate(shapes)]


def _lies_within(positions: Tensor, tokens: int) -> bool:
    """Whether each is a place in the text, or the one before it."""
    return not len(positions) or bool(((positions >= -1) & (positions < tokens)).all())


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
