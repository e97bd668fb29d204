"""model.onnx in its folder: written with the weights, or made for a folder that has none. ``onnx`` only when it is."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnncli.arrays import read_places
from rnncli.config import ModelConfig, Precision
from rnncli.errors import RnncliError
from rnncli.precision import Arrays
from rnncli.store import GRAPH, WEIGHTS, Stored, vouch_for, write_arrays, write_config
from rnncli.text.files import write_bytes


def save_model(
    folder: Path, arrays: Arrays, model: ModelConfig, config: Mapping[str, Any], precision: Precision = "float32"
) -> None:
    """Put new weights in place, the graph over them, then the config.json that vouches for both.

    The graph depends on where the arrays lie in their file, not on their values: all saves of a run have the same.
    """
    from rnncli.graph.build import build_graph

    write_arrays(folder, arrays)
    data = build_graph(model, read_places(folder / WEIGHTS), precision)
    path = folder / GRAPH
    if not path.exists() or path.read_bytes() != data:
        write_bytes(path, data)
    write_config(folder, config)


def make_graph(stored: Stored) -> bytes:
    """The graph of a folder without one that its config.json vouches for; it is put there too, where that can be."""
    from rnncli.graph.build import build_graph

    data = build_graph(stored.model, stored.places, stored.precision)
    with contextlib.suppress(RnncliError, OSError):  # a folder that cannot be written to is none the worse
        write_bytes(stored.folder / GRAPH, data)
        vouch_for(stored.folder, GRAPH)
    return data
