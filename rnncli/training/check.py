"""What a run must be that is taken up again, looked at before anything is written or made of it. No torch."""

from __future__ import annotations

import math
import stat
from dataclasses import replace
from pathlib import Path

from rnncli.arrays import read_places
from rnncli.config import Direction
from rnncli.errors import ModelError
from rnncli.guarded import check_within
from rnncli.precision import array_shapes
from rnncli.store import TRAINING
from rnncli.training.prepare import RunConfig

STATE = "state.safetensors"
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


def check_sizes(folder: Path, run: RunConfig) -> None:
    """Refuse a saved state that is not of the network that run.json tells of, by its header alone."""
    for inner in (folder / TRAINING, folder / TRAINING / BACKWARD):
        path = inner / STATE
        if not path.exists():
            continue
        places = read_places(path)
        found = {name: place for name, place in places.items() if name.startswith("parameter/")}
        table = found.get("parameter/embedding")
        vocab_size = table.shape[0] if table and table.shape else 0
        shapes = array_shapes(replace(run.plan.model, vocab_size=vocab_size))
        sizes = {f"parameter/{name}": 4 * math.prod(shape) for name, shape in shapes.items()}
        if sizes != {name: place.size for name, place in found.items()}:
            raise ModelError(f"{path} is not of the network that run.json tells of", hint=ANEW)
