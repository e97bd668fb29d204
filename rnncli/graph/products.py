"""Products with stored weights, in each precision that weights may have: what the graph asks for is one vocabulary.

In 8 bits (precision.py) every product is of whole numbers, exact in any order and so the same in any batch: bytes
of activations around 128 times weights of -63 to 63, whose pairs cannot overflow the 16 bits in which processors
without VNNI add them. Activations are rounded with one fixed step each, never with one found per batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnncli.arrays import ArrayPlace
from rnncli.config import Precision
from rnncli.graph.messages import FLOAT, UINT8
from rnncli.graph.nodes import Nodes
from rnncli.precision import ACTIVATION_STEPS, ZERO_POINT, range_name, scale_name

CONTRIB = "com.microsoft"


class Products:
    """Lookups and products in one precision. ``outer`` holds the weights, also those that a Scan's body uses."""

    def __init__(self, outer: Nodes, places: Mapping[str, ArrayPlace], precision: Precision) -> None:
        self._outer, self._places, self._precision = outer, places, precision
        self._made: dict[str, str] = {}

    def vector(self, name: str) -> str:
        """A stored vector in float32."""
        return self._float(name)

    def multiply_rows(self, nodes: Nodes, table: str, ids: str, name: str, bias: str) -> str:
        """Rows ``ids`` of a stored table times a stored matrix, and the bias: (N, out)."""
        rows = nodes.add("Gather", self._made_once(table, self._raw), ids, axis=0)
        if self._precision != "int8":
            return nodes.add("Gemm", self._as_float(nodes, rows), self._float(name), bias, transB=1)
        shifted = nodes.add("Add", nodes.add("Cast", rows, to=FLOAT), self._number(ZERO_POINT))
        whole = nodes.add("Cast", shifted, to=UINT8)
        scales = nodes.add("Gather", self._float(scale_name(table)), ids, axis=0)
        product = self._whole_product(nodes, whole, self._number(1), name)
        scaled = nodes.add("Mul", product, nodes.add("Unsqueeze", scales, nodes.constant([1])))
        return nodes.add("Add", scaled, bias)

    def multiply(self, nodes: Nodes, x: str, source: str, name: str, addend: str | None) -> str:
        """Activations (N, in) times a stored matrix (out, in), and an addend of (out,) or (N, out).

        ``source`` names the activations, whose range the 8-bit form keeps.
        """
        if self._precision != "int8":
            inputs = [x, self._float(name), *([] if addend is None else [addend])]
            return nodes.add("Gemm", *inputs, transB=1)
        step = self._step(source)
        whole = nodes.add("QuantizeLinear", x, step, self._zero_point())
        product = self._whole_product(nodes, whole, step, name)
        return product if addend is None else nodes.add("Add", product, addend)

    def logits(self, nodes: Nodes, x: str, source: str, name: str, bias: str) -> str:
        """The head's product. Its bias is a vector, which the 8-bit product adds without another pass."""
        if self._precision != "int8":
            return self.multiply(nodes, x, source, name, bias)
        step = self._step(source)
        whole = nodes.add("QuantizeLinear", x, step, self._zero_point())
        return self._whole_product(nodes, whole, step, name, bias)

    def _whole_product(self, nodes: Nodes, whole: str, step: str, name: str, bias: str = "") -> str:
        matrix = self._made_once(f"{name}/transposed", lambda _: self._transposed(name))
        scales = self._float(scale_name(name))
        inputs = [whole, matrix, step, scales, self._zero_point(), "", bias]
        while not inputs[-1]:
            inputs.pop()
        return nodes.add("MatMulIntegerToFloat", *inputs, domain=CONTRIB)

    def _transposed(self, name: str) -> str:
        return self._outer.add("Transpose", self._made_once(name, self._raw), perm=[1, 0])

    def _step(self, source: str) -> str:
        """The size of one step of a byte of these activations."""
        return self._made_once(f"{source}/step", lambda _: self._make_step(source))

    def _make_step(self, source: str) -> str:
        reach = self._outer.add("Squeeze", self._float(range_name(source)), self._outer.constant([0]))
        return self._outer.add("Div", reach, self._number(ACTIVATION_STEPS))

    def _zero_point(self) -> str:
        return self._outer.constant(ZERO_POINT, np.uint8)

    def _number(self, value: float) -> str:
        return self._outer.constant(value, np.float32)

    def _float(self, name: str) -> str:
        return self._made_once(f"{name}/float", lambda _: self._as_float(self._outer, self._made_once(name, self._raw)))

    def _as_float(self, nodes: Nodes, value: str) -> str:
        half = self._precision == "float16"
        return nodes.add("Cast", value, to=FLOAT) if half else value

    def _raw(self, name: str) -> str:
        return self._outer.stored(self._places[name])

    def _made_once(self, key: str, make: Callable[[str], str]) -> str:
        if key not in self._made:
            self._made[key] = make(key)
        return self._made[key]
