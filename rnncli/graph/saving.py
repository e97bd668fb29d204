"""Graphs in their folder: written with the weights, or made for a folder without."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rnncli.arrays import read_places
from rnncli.config import Direction, ModelConfig, Precision
from rnncli.errors import RnncliError
from rnncli.graph.build import build_graph
from rnncli.guarded import read_file
from rnncli.precision import Arrays
from rnncli.store import GRAPHS, WEIGHTS, Stored, of_part, vouch_for, write_arrays, write_config
from rnncli.text.files import write_bytes


class Part(NamedTuple):
    """A network of a folder and its weights, as they are stored."""

    model: ModelConfig
    arrays: Arrays
    precision: Precision = "float32"


def save_model(folder: Path, parts: Mapping[Direction, Part], config: Mapping[str, Any]) -> None:
    """Put new weights in place, the graphs over them, then the config.json that vouches for all.

    A graph depends on where the arrays lie in their file, not on their values: all saves of a run have the same.
    """
    write_arrays(folder, {direction: part.arrays for direction, part in parts.items()})
    places = read_places(folder / WEIGHTS)
    for direction, part in parts.items():
        data = build_graph(part.model, of_part(places, direction), part.precision)
        path = folder / GRAPHS[direction]
        if not path.exists() or path.read_bytes() != data:
            write_bytes(path, data)
    write_config(folder, config)


def graph_of(stored: Stored) -> bytes:
    """The graph of a part, made here: what a folder holds is never run, for anyone may have written it.

    It is put into the folder for others, where none lies there that is the same and is vouched for, if that can be.
    """
    data = build_graph(stored.model, stored.places, stored.precision)
    if not _holds(stored, data):
        with contextlib.suppress(RnncliError, OSError):  # a folder that cannot be written to is none the worse
            write_bytes(stored.graph, data)
            vouch_for(stored.folder, stored.graph.name)
    return data


def _holds(stored: Stored, data: bytes) -> bool:
    try:
        return stored.graph.name in stored.config["fingerprints"] and read_file(stored.graph, len(data)) == data
    except OSError:
        return False
