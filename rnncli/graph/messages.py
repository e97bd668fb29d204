"""ONNX's messages as bytes: the few that a graph here is made of, without the ``onnx`` package, which takes a third of
a second to import.

So a graph costs a few milliseconds, and the one that is run is always made here, never read from a folder that anyone
may have written. The bytes are those that ``onnx.helper`` makes. Numbers of fields are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NewType, TypeAlias

from numpy.typing import NDArray

Message = NewType("Message", bytes)
Subgraph = NewType("Subgraph", bytes)
Attribute: TypeAlias = int | list[int] | Subgraph

FLOAT, UINT8, INT8, INT64, BOOL, FLOAT16 = 1, 2, 3, 7, 9, 10
"""TensorProto.DataType."""
ELEMENTS = {"float32": FLOAT, "uint8": UINT8, "int8": INT8, "int64": INT64, "bool": BOOL, "float16": FLOAT16}
"""The same by numpy's names."""
_EXTERNAL = 1
_INT, _GRAPH, _INTS = 2, 5, 7
"""AttributeProto.AttributeType."""
_VARINT, _BYTES = 0, 2


@dataclass
class Node:
    """An operator, its outputs still to be renamed."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    domain: str | None = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def encoded(self) -> Message:
        """NodeProto."""
        attributes = [_attribute(name, value) for name, value in sorted(self.attributes.items())]
        named = () if self.domain is None else ((7, self.domain),)
        repeated = (*((1, name) for name in self.inputs), *((2, name) for name in self.outputs))
        return _message(*repeated, (4, self.operator), *((5, one) for one in attributes), *named)


def _attribute(name: str, value: Attribute) -> Message:
    if isinstance(value, bytes):
        return _message((1, name), (6, value), (20, _GRAPH))
    if isinstance(value, int):
        return _message((1, name), (3, value), (20, _INT))
    return _message((1, name), *((8, one) for one in value), (20, _INTS))


def constant(name: str, array: NDArray[Any]) -> Message:
    """TensorProto, with its numbers in it."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return _message(*_dims(array.shape), (2, ELEMENTS[array.dtype.name]), (8, name), (9, little.tobytes()))


def external(name: str, element: int, shape: Sequence[int], facts: Mapping[str, str | int]) -> Message:
    """TensorProto, whose numbers lie in another file; ``facts``: location, offset, length."""
    entries = (_message((1, key), (2, str(value))) for key, value in facts.items())
    return _message(*_dims(shape), (2, element), (8, name), *((13, entry) for entry in entries), (14, _EXTERNAL))


def _dims(shape: Sequence[int]) -> list[tuple[int, int]]:
    return [(1, size) for size in shape]


def value(name: str, element: int, shape: Iterable[str | int | None]) -> Message:
    """ValueInfoProto of a tensor. A size may be a number, a name, or anything (None)."""
    sizes = [_message() if size is None else _message((2 if isinstance(size, str) else 1, size)) for size in shape]
    tensor = _message((1, element), (2, _message(*((1, size) for size in sizes))))
    return _message((1, name), (2, _message((1, tensor))))


def graph(
    name: str,
    nodes: Iterable[Node],
    inputs: Iterable[Message],
    outputs: Iterable[Message],
    initializers: Iterable[Message],
) -> Subgraph:
    """GraphProto."""
    inside = [*((1, node.encoded()) for node in nodes)], [*((5, one) for one in initializers)]
    ends = (*((11, one) for one in inputs), *((12, one) for one in outputs))
    return Subgraph(_message(*inside[0], (2, name), *inside[1], *ends))


def model(body: Subgraph, *, ir_version: int, producer: str, opsets: Mapping[str, int]) -> bytes:
    """ModelProto: a whole file."""
    versions = (_message((1, domain), (2, version)) for domain, version in opsets.items())
    return _message((1, ir_version), (2, producer), (7, body), *((8, one) for one in versions))


def _message(*fields: tuple[int, int | str | bytes]) -> Message:
    data = bytearray()
    for number, content in fields:
        if isinstance(content, int):
            data += _varint(number << 3 | _VARINT) + _varint(content)
        else:
            content = content.encode() if isinstance(content, str) else content
            data += _varint(number << 3 | _BYTES) + _varint(len(content)) + content
    return Message(bytes(data))


_BYTE = [bytes([number]) for number in range(0x80)]


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64 bits."""
    if 0 <= number < 0x80:  # nearly all are
        return _BYTE[number]
    number &= (1 << 64) - 1
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)
