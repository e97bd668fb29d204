"""Graphs in their folder: written with the weights, or made for a folder without."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rnncli.arrays import read_places, sha256
from rnncli.config import Direction, ModelConfig, Precision
from rnncli.errors import RnncliError
from rnncli.graph.build import build_graph
from rnncli.guarded import read_file
from rnncli.precision import Arrays
from rnncli.store import (
    CONFIG,
    GRAPHS,
    NEXT,
    WEIGHTS,
    Stored,
    is_coming,
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
        if is_coming(folder):
            put(folder / NEXT, folder / CONFIG)
        else:
            (folder / NEXT).unlink()
    (folder / f".{WEIGHTS}{_NEXT}").unlink(missing_ok=True)


def graph_of(stored: Stored) -> bytes:
    """The graph of a part, made here: what a folder holds is never run, for anyone may have written it.

    It is put into the folder for others, where none lies there that is the same and is vouched for, if that can be.
    """
    data = build_graph(stored.model, stored.places, stored.precision)
    if not _holds(stored, data) and not (stored.folder / NEXT).exists():  # else a training brings its own
        with contextlib.suppress(RnncliError, OSError):  # a folder that cannot be written to is none the worse
            write_bytes(stored.graph, data)
            vouch_for(stored.folder, stored.graph.name)
    return data


def _holds(stored: Stored, data: bytes) -> bool:
    try:
        return stored.graph.name in stored.config["fingerprints"] and read_file(stored.graph, len(data)) == data
    except OSError:
        return False
