"""What a run must be that is taken up again, looked at before anything is written or made of it. No torch."""

from __future__ import annotations

import math
import stat
from dataclasses import replace
from pathlib import Path

from rnncli.arrays import check_numbers, load_arrays, read_places
from rnncli.config import Direction, ModelConfig
from rnncli.device import Machine
from rnncli.errors import DeviceError, ModelError
from rnncli.guarded import check_within
from rnncli.precision import Arrays, array_shapes, stored_arrays
from rnncli.store import TRAINING, check_places
from rnncli.training.memory import memory_needed
from rnncli.training.progress import COMPANY, SHARED, STATE, check_state
from rnncli.training.runfile import RunConfig

BACKWARD: Direction = "backward"
ANEW = "Train again with --overwrite."


def check_inside(folder: Path) -> None:
    """Refuse a training/ in which there is a link that leads out of the folder, a pipe or a device.

    A run goes on writing there: it would write where the link leads.
    """
    inner = folder / TRAINING
    path = inner
    try:
        for path in (inner, *_within(inner), *_within(inner / BACKWARD)):
            check_within(folder, path)
            mode = path.stat().st_mode if path.exists() else stat.S_IFREG
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise OSError(0, "it is a pipe, a device or a socket, and no file")
    except OSError as error:
        raise ModelError(f"{path} cannot be used: {error.strerror}", hint=ANEW) from error


def _within(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def check_states(folder: Path, run: RunConfig) -> None:
    """Refuse a saved state that is not as it was saved, or not of the network that run.json tells of."""
    for inner in (folder / TRAINING, folder / TRAINING / BACKWARD):
        path = inner / STATE
        if not path.exists():
            continue
        places, _ = check_state(path)
        found = {name: place for name, place in places.items() if name.startswith("parameter/")}
        if run.plan.train.share_spelling:  # as many as the vocabulary asks for: the trainer knows
            found.pop(f"parameter/{SHARED}", None)
        if run.plan.train.share_company:
            found.pop(f"parameter/{COMPANY}", None)
        table = found.get("parameter/embedding")
        vocab_size = table.shape[0] if table and table.shape else 0
        shapes = array_shapes(replace(run.plan.model, vocab_size=vocab_size))
        sizes = {f"parameter/{name}": 4 * math.prod(shape) for name, shape in shapes.items()}
        if sizes != {name: place.size for name, place in found.items()}:
            raise ModelError(f"{path} is not of the network that run.json tells of", hint=ANEW)


def start_weights(path: Path, model: ModelConfig) -> Arrays | None:
    """The weights that a network begins with, if there are some; a ModelError where they are another network's."""
    if not path.exists():
        return None
    places = read_places(path)
    check_places(path, stored_arrays(model, "float32"), places)
    check_numbers(path, places.values())
    return load_arrays(path)


def check_memory(folder: Path, run: RunConfig, machine: Machine) -> None:
    """Refuse a run that was never saved, and so may be of any size, where the machine does not hold it."""
    need = memory_needed(run.plan.model, run.plan.train)
    if need > machine.memory and not (folder / TRAINING / STATE).exists():
        raise DeviceError(
            f"the run in {folder} needs {need / 1e9:,.1f} GB of memory; {machine.memory / 1e9:.1f} GB can be used",
            hint="Go on with it on a machine that has more, or train again with --overwrite.",
        )
