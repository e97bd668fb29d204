"""A graph under construction: operators in order, constants shared, weights left where they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnncli.arrays import ArrayPlace
from rnncli.graph.messages import FLOAT, FLOAT16, INT8, Attribute, Message, Node, constant, external
from rnncli.store import WEIGHTS

ELEMENTS = {"F32": FLOAT, "F16": FLOAT16, "I8": INT8}
"""safetensors' names of the types that weights may have."""


class Nodes:
    """Collects operators; every method that adds one returns the names of its outputs."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[Node] = []
        self.initializers: dict[str, Message] = {}
        self._prefix = prefix

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """An operator with one output."""
        return self.add_many(operator, inputs, 1, domain=domain, **attributes)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], outputs: int, *, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """An operator with several outputs."""
        number = len(self.nodes)
        names = [f"{self._prefix}{operator}{number}" + (f".{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(Node(operator, list(inputs), list(names), domain, attributes))
        return names

    def name(self, value: str, name: str) -> str:
        """Give a value that an operator here makes the name of a graph's output, everywhere; the new name."""
        for node in self.nodes:
            for names in (node.inputs, node.outputs):
                for place, other in enumerate(names):
                    if other == value:
                        names[place] = name
        return name

    def copy(self, value: str, name: str) -> None:
        """The same value as another output, or a constant as one."""
        self.nodes.append(Node("Identity", [value], [name], None))

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        """A small constant, kept once."""
        array = np.asarray(value, dtype)
        name = f"{self._prefix}{array.dtype}_" + "_".join(map(str, array.shape + tuple(array.ravel().tolist())))
        self.initializers.setdefault(name, constant(name, array))
        return name

    def stored(self, place: ArrayPlace, shape: Sequence[int] | None = None) -> str:
        """An array of model.safetensors, seen as of ``shape``: ONNX Runtime maps it from there."""
        facts: dict[str, str | int] = {"location": WEIGHTS, "offset": place.offset, "length": place.size}
        sizes = place.shape if shape is None else shape
        self.initializers[place.name] = external(place.name, ELEMENTS[place.dtype], sizes, facts)
        return place.name
