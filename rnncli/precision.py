"""Weights in fewer bits: which arrays a network has, and what of each is stored, in each precision. numpy only.

``float16``: every array in half precision; the arithmetic is float32. Half the size.

``int8``: every matrix as whole numbers of -63 to 63 with one float32 scale a row, vectors in float32; activations
become bytes around 128 with one fixed step each (Jacob et al. 2018 call this static quantisation). The states of
bounded cells need no measuring, they lie in [-1, 1]; other activations have their range measured on text of the
model's own (api.py). Seven bits and a sign less, because pairs of byte products are added in 16 bits on processors
without VNNI: 2 * 255 * 63 fits. Measured on the starter: 0.0003 bits a byte (tests/bench/RESULTS.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli import spec
from rnncli.config import ModelConfig, Precision

Arrays = dict[str, NDArray[Any]]

WEIGHT_STEPS, ACTIVATION_STEPS, ZERO_POINT = 63, 127, 128
FEATURES = "features"
"""The head's input, where a projection makes it; else it is the last layer's state."""

ArrayKind = tuple[str, tuple[int, ...]]
"""safetensors' name of a type, and a shape."""


def array_shapes(model: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of each array that a network of this config has."""
    width = spec.state_width(model.hidden_size, model.activation if model.cell == "rnn" else "tanh")
    rows = len(spec.CELLS[model.cell].gates) * model.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"embedding": (model.vocab_size, model.embedding_size)}
    for layer in range(model.layers):
        shapes[f"layers.{layer}.W"] = (rows, width if layer else model.embedding_size)
        shapes[f"layers.{layer}.R"] = (rows, width)
        shapes[f"layers.{layer}.B"] = (2 * rows,)
    if is_projected(model):
        shapes["projection"] = (model.embedding_size, width)
    if not model.tie:
        shapes["head.weight"] = (model.vocab_size, width)
    shapes["head.bias"] = (model.vocab_size,)
    return shapes


def parameter_count(model: ModelConfig) -> int:
    """Numbers that training learns."""
    return sum(math.prod(shape) for shape in array_shapes(model).values())


def is_projected(model: ModelConfig) -> bool:
    """Whether the last state is brought to the embedding's width before the head."""
    width = spec.state_width(model.hidden_size, model.activation if model.cell == "rnn" else "tanh")
    return model.tie and model.embedding_size != width


def is_bounded(model: ModelConfig) -> bool:
    """Whether states lie in [-1, 1]."""
    return model.cell != "rnn" or model.activation in ("tanh", "softsign", "sigmoid")


def sources(model: ModelConfig) -> tuple[str, ...]:
    """The activations that are multiplied with weights: each layer's state, and a projection's result."""
    layers = tuple(layer_source(layer) for layer in range(model.layers))
    return (*layers, FEATURES) if is_projected(model) else layers


def layer_source(layer: int) -> str:
    return f"layers.{layer}"


def scale_name(matrix: str) -> str:
    """The array of a matrix's scales, one a row: a weight is its whole number times that."""
    return f"{matrix}.scale"


def range_name(source: str) -> str:
    """The array, of one number, with the largest size that activations are expected to have."""
    return f"{source}.range"


def is_range(name: str) -> bool:
    """Whether the array of this name is one of ``range_name``: by what it holds is divided."""
    return name.endswith(".range")


def stored_arrays(model: ModelConfig, precision: Precision) -> dict[str, ArrayKind]:
    """Name, type and shape of each array in model.safetensors."""
    shapes = array_shapes(model)
    if precision != "int8":
        kind = "F16" if precision == "float16" else "F32"
        return {name: (kind, shape) for name, shape in shapes.items()}
    stored: dict[str, ArrayKind] = {}
    for name, shape in shapes.items():
        stored[name] = ("I8" if len(shape) == 2 else "F32", shape)
        if len(shape) == 2:
            stored[scale_name(name)] = ("F32", shape[:1])
    return stored | {range_name(source): ("F32", (1,)) for source in sources(model)}


def lower(arrays: Arrays, precision: Precision, ranges: Mapping[str, float]) -> Arrays:
    """Float32 arrays as they are stored. ``ranges``: of each of ``sources``, for int8."""
    if precision == "float32":
        return dict(arrays)
    if precision == "float16":
        most = np.finfo(np.float16).max
        return {name: np.clip(array, -most, most).astype(np.float16) for name, array in arrays.items()}
    lowered: Arrays = {}
    for name, array in arrays.items():
        if array.ndim == 2:
            scale = np.maximum(np.abs(array).max(axis=1) / WEIGHT_STEPS, np.finfo(np.float32).tiny).astype(np.float32)
            lowered[name] = np.rint(array / scale[:, None]).astype(np.int8)
            lowered[scale_name(name)] = scale
        else:
            lowered[name] = array.astype(np.float32)
    return lowered | {range_name(source): np.array([reach], np.float32) for source, reach in ranges.items()}


def restore(stored: Arrays, precision: Precision) -> Arrays:
    """Float32 arrays of what is stored: what PyTorch computes with, and a training starts from."""
    if precision != "int8":
        return {name: np.asarray(array, np.float32) for name, array in stored.items()}
    return {
        name: array * stored[scale_name(name)][:, None] if array.dtype == np.int8 else array
        for name, array in stored.items()
        if not name.endswith((".scale", ".range"))
    }
