"""A graph under construction: operators in order, constants shared, weights left where they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rnncli.arrays import ArrayPlace
from rnncli.store import WEIGHTS

ELEMENTS = {
    "F32": onnx.TensorProto.FLOAT,
    "F16": onnx.TensorProto.FLOAT16,
    "I8": onnx.TensorProto.INT8,
}
"""safetensors' names of the types that weights may have."""


class Nodes:
    """Collects operators; every method that adds one returns the names of its outputs."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._prefix = prefix

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """An operator with one output."""
        return self.add_many(operator, inputs, 1, domain=domain, **attributes)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], outputs: int, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        """An operator with several outputs."""
        number = len(self.nodes)
        names = [f"{self._prefix}{operator}{number}" + (f".{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        return names

    def name(self, value: str, name: str) -> str:
        """Give a value that an operator here makes the name of a graph's output, everywhere; the new name."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, other in enumerate(names):
                    if other == value:
                        names[place] = name
        return name

    def copy(self, value: str, name: str) -> None:
        """The same value as another output, or a constant as one."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        """A small constant, kept once."""
        array = np.asarray(value, dtype)
        name = f"{self._prefix}{array.dtype}_" + "_".join(map(str, array.shape + tuple(array.ravel().tolist())))
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def stored(self, place: ArrayPlace, shape: Sequence[int] | None = None) -> str:
        """An array of model.safetensors, seen as of ``shape``: ONNX Runtime maps it from there."""
        tensor = onnx.TensorProto(name=place.name, data_type=ELEMENTS[place.dtype])
        tensor.dims.extend(place.shape if shape is None else shape)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", place.offset), ("length", place.size)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializers[place.name] = tensor
        return place.name
