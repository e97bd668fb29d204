"""Graphs in their folder: written with the weights, or made for a folder without. ``onnx`` only when they are."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rnncli.arrays import read_places, sha256
from rnncli.config import Direction, ModelConfig, Precision
from rnncli.errors import RnncliError
from rnncli.precision import Arrays
from rnncli.store import (
    CONFIG,
    GRAPHS,
    NEXT,
    WEIGHTS,
    Stored,
    next_config,
    of_part,
    vouch_for,
    write_arrays,
    write_config,
)
from rnncli.text.files import naming, put, write_bytes

_NEXT = ".next"


class Part(NamedTuple):
    """A network of a folder and its weights, as they are stored."""

    model: ModelConfig
    arrays: Arrays
    precision: Precision = "float32"


def save_model(folder: Path, parts: Mapping[Direction, Part], config: Mapping[str, Any]) -> None:
    """Put new weights in place, the graphs over them, then the config.json that vouches for all.

    A graph depends on where the arrays lie in their file, not on their values: all saves of a run have the same.

    Between any two operations the folder is whole, should this be the last that the process does: config.json
    vouches for what is there, or NEXT does. A graph that will be another one goes first, for it may be missing.
    """
    from rnncli.graph.build import build_graph

    beside = folder / f".{WEIGHTS}{_NEXT}"
    try:
        write_arrays(folder, {direction: part.arrays for direction, part in parts.items()}, beside.name)
        places = read_places(beside)
        graphs = {
            folder / GRAPHS[way]: build_graph(part.model, of_part(places, way), part.precision)
            for way, part in parts.items()
        }
        coming = {
            WEIGHTS: sha256(beside),
            **{path.name: hashlib.sha256(data).hexdigest() for path, data in graphs.items()},
        }
        write_config(folder, config, coming)
        other = {path: data for path, data in graphs.items() if not path.exists() or path.read_bytes() != data}
        for path in other:
            with naming(path):
                path.unlink(missing_ok=True)
        put(beside, folder / WEIGHTS)
        for path, data in other.items():
            write_bytes(path, data)
        put(folder / NEXT, folder / CONFIG)
    except BaseException:
        with contextlib.suppress(RnncliError, OSError):
            settle(folder)
        raise


def settle(folder: Path) -> None:
    """Bring a save that broke off to its end, or undo it. Not while another process may be saving."""
    if (folder / NEXT).exists():
        if next_config(folder) is not None:
            put(folder / NEXT, folder / CONFIG)
        else:
            (folder / NEXT).unlink()
    (folder / f".{WEIGHTS}{_NEXT}").unlink(missing_ok=True)


def make_graph(stored: Stored) -> bytes:
    """The graph of a part without one that its config.json vouches for; it is put there too, where that can be."""
    from rnncli.graph.build import build_graph

    data = build_graph(stored.model, stored.places, stored.precision)
    if (stored.folder / NEXT).exists():  # a training is saving: its graph is on its way
        return data
    with contextlib.suppress(RnncliError, OSError):  # a folder that cannot be written to is none the worse
        write_bytes(stored.graph, data)
        vouch_for(stored.folder, stored.graph.name)
    return data
