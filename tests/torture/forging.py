"""Files of a model folder that are well-formed and lie: sizes, places, types, patterns, numbers, paths."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.torture.harming import Surroundings

STRANGE: tuple[Any, ...] = (
    None, True, False, "", "x", "\x1b[31m\x07", "../../x", "\u202e", -1, 0, 1, 1.5, 2**31, 2**40, 10**12, 10**30,
    float("nan"), float("inf"), -0.0, [], [[]], {}, {"a": 1}, [1] * 1000, "9" * 100_000,
)  # fmt: skip
TYPES: tuple[Any, ...] = ("F64", "BF16", "F16", "I8", "U8", "I64", "BOOL", "F8_E4M3", "O", "", None, 5, ["F32"])
DTYPES = {"F32": "<f4", "F16": "<f2", "I8": "i1", "I64": "<i8"}
SIZES = (0, 1, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1, 10**30, -1, 1.5, True, "4", None)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value within JSON is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


def json_value(path: Path, dice: Random, around: Surroundings) -> str:
    """One to three values of a JSON file replaced, removed, or put in twice."""
    document, told = json.loads(path.read_bytes()), []
    for _ in range(dice.choice((1, 1, 3))):
        where = dice.choice([place for place in _places(document) if place] or [()])
        if not where:
            break
        within = document
        for key in where[:-1]:
            within = within[key]
        kind, value = dice.random(), copy.deepcopy(dice.choice(STRANGE))
        if kind < 0.15:
            del within[where[-1]]
        elif kind < 0.25 and isinstance(within, dict):
            within["\x1b]0;x\x07\n" * dice.choice((1, 10_000))] = value
        else:
            within[where[-1]] = value
        told.append(f"{'/'.join(map(str, where))[:80]} = {repr(value)[:40]}")
    path.write_text(json.dumps(document, ensure_ascii=dice.random() < 0.5), errors="surrogatepass")
    return "; ".join(told)


def twice(path: Path, dice: Random, around: Surroundings) -> str:
    """A key that stands twice, with another value."""
    document = json.loads(path.read_bytes())
    key = dice.choice(sorted(document))
    text = json.dumps(document)
    first = json.dumps({key: dice.choice(STRANGE)})
    path.write_text(first[:-1] + ", " + text[1:] if dice.random() < 0.5 else text[:-1] + ", " + first[1:])
    return f"{key} twice"


def absurd_sizes(path: Path, dice: Random, around: Surroundings) -> str:
    """config.json or run.json of a network that no machine holds."""
    document = json.loads(path.read_bytes())
    models = [part["model"] for part in document["parts"]] if "parts" in document else [document["plan"]["model"]]
    names = dice.sample(("vocab_size", "hidden_size", "embedding_size", "layers"), dice.choice((1, 2, 4)))
    large = {"vocab_size": 10**12, "hidden_size": 2**40, "embedding_size": 2**40, "layers": 10**9}
    allowed = {"vocab_size": 5_000_000, "hidden_size": 32768, "embedding_size": 32768, "layers": 32}
    chosen = dice.choice((large, allowed))
    for model in models:
        model |= {name: chosen[name] for name in names}
    if "plan" in document and dice.random() < 0.5:
        document["plan"]["train"] |= {"batch_size": 65536, "bptt": 65536}
    path.write_text(json.dumps(document))
    return f"{[f'{name} {chosen[name]}' for name in names]}"


# -- safetensors


def header(path: Path, dice: Random, around: Surroundings) -> str:
    """The header of a safetensors file, or its length."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if dice.random() < 0.25:
        lie = dice.choice((0, 1, length - 1, length + 1, 1 << 20, len(data), 2**31, 2**40, 2**63, 2**64 - 1))
        path.write_bytes(struct.pack("<Q", lie) + data[8:])
        return f"header of {lie} bytes"
    document = json.loads(data[8 : 8 + length])
    told = _change(document, dice)
    text = json.dumps(document)
    if dice.random() < 0.15:
        text = text[:-1] + ", " + json.dumps({min(document): document[max(document)]})[1:]
        told += ", a name twice"
    text += " " * dice.choice((-len(text) % 8, 0, 3, 2_000_000))
    path.write_bytes(struct.pack("<Q", len(text.encode())) + text.encode() + data[8 + length :])
    return told


def _change(document: dict[str, Any], dice: Random) -> str:
    name = dice.choice([name for name in document if name != "__metadata__"])
    entry, size = document[name], dice.choice(SIZES)
    kind = dice.randrange(11)
    if kind == 0:
        entry["data_offsets"][dice.randrange(2)] = size
    elif kind == 1:
        entry["data_offsets"] = dice.choice(([], [0], [8, 0], [0, 0, 0], "01", None, [-8, 8], [0, 2**63]))
    elif kind == 2:
        entry["shape"] = dice.choice(([2**32, 2**32], [2**63, 2], [0], [], [-1, -4], [1] * 100_000, [size], "4", None))
    elif kind == 3 and entry["shape"]:
        entry["shape"][dice.randrange(len(entry["shape"]))] = size
    elif kind == 4:
        entry["dtype"] = dice.choice(
            ("F64", "BF16", "F16", "I8", "U8", "I64", "BOOL", "F8_E4M3", "O", "", None, 5, ["F32"])
        )
    elif kind == 5:
        entry["data_offsets"] = list(document[min(document)].get("data_offsets", [0, 4]))
    elif kind == 6:
        document[dice.choice(("\x1b[2J", "a\nb", "x" * 100_000, "../x", ""))] = document.pop(name)
    elif kind == 7:
        document[f"{name}.more"] = copy.deepcopy(entry)
    elif kind == 8:
        del document[name]
    elif kind == 9:
        document["__metadata__"] = dice.choice(([], 5, {"a": 1}, {"progress": "{}"}, {"a": {"b": {}}}))
    else:
        document[name] = dice.choice((None, [], 5, "x", {}, {"dtype": "F32"}))
    return f"{name[:60]}: {json.dumps(document.get(name))[:120]}"


def numbers(path: Path, dice: Random, around: Surroundings) -> str:
    """Numbers that are none, or too large, in the arrays themselves."""
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    document = json.loads(data[8 : 8 + length])
    name = dice.choice([name for name in document if name != "__metadata__" and document[name]["shape"] != [0]])
    begin, end = (8 + length + offset for offset in document[name]["data_offsets"])
    dtype: np.dtype[Any] = np.dtype(DTYPES.get(document[name]["dtype"], "<u2"))
    values: tuple[float, ...] = (np.nan, np.inf, -np.inf)
    if dtype.kind in "iu":
        values = (
            (-128, 127, -64) if dtype.itemsize == 1 else (-2, 2**40, -(2**63)) if dtype.itemsize == 8 else (0x7FC0,)
        )
    elif dtype.itemsize == 4:
        values += (3e38, -3e38, 0.0, -1.0)
    array, value = np.frombuffer(data[begin:end], dtype).copy(), dice.choice(values)
    places = dice.sample(range(len(array)), min(len(array), dice.choice((1, 1, 10, len(array)))))
    array[places] = np.array(value).astype(dtype)
    data[begin:end] = array.tobytes()
    path.write_bytes(data)
    return f"{len(places)} of {name} are {value}"


def progress(path: Path, dice: Random, around: Surroundings) -> str:
    """The numbers of a run that lie in the header of its state."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    document = json.loads(data[8 : 8 + length])
    values = json.loads(document["__metadata__"]["progress"])
    name, value = dice.choice(sorted(values)), dice.choice(STRANGE)
    values[name] = value
    document["__metadata__"]["progress"] = json.dumps(values)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return f"{name} = {repr(value)[:40]}"


# -- graphs


def graph(path: Path, dice: Random, around: Surroundings) -> str:
    """A graph whose weights lie elsewhere, or of other operators; it says that it is of this program."""
    elsewhere = ("../outside/secret", "/etc/passwd", "../../../../x", "training/../../x")
    chosen = dice.choice((*elsewhere, "a loop", "a stranger's operator", "a huge array"))
    if chosen in elsewhere:
        name = ("/" * (17 - len(chosen)) if chosen[0] == "/" else "./" * 8)[: 17 - len(chosen)] + chosen
        path.write_bytes(path.read_bytes().replace(b"model.safetensors", name.encode()))
    else:
        path.write_bytes(_other_graph(chosen))
    return f"weights or operators: {chosen}"


def _other_graph(kind: str) -> bytes:
    from onnx import TensorProto, helper

    from rnncli.store import GRAPH_VERSION

    array = helper.make_tensor("large", TensorProto.FLOAT, [1], [1.0])
    if kind == "a huge array":
        array.dims[:] = [2**40]
    same = helper.make_node("Identity", ["large"], ["logprobs_PV"], domain="x.y" if kind.startswith("a str") else "")
    output = helper.make_tensor_value_info("logprobs_PV", TensorProto.FLOAT, None)
    nodes = [same]
    if kind == "a loop":
        going = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
        count = helper.make_tensor_value_info("count", TensorProto.INT64, [])
        on = helper.make_node("Identity", ["going"], ["still"])
        still = helper.make_tensor_value_info("still", TensorProto.BOOL, [])
        body = helper.make_graph([on], "body", [count, going], [still])
        nodes.append(helper.make_node("Loop", ["", ""], [], body=body))
    made = helper.make_graph(nodes, "rnncli", [], [output], [array])
    data: bytes = helper.make_model(made, producer_name=GRAPH_VERSION).SerializeToString()
    return data
