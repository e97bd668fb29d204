"""The header of a safetensors file is believed in nothing, and numbers that are none are no weights."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli.arrays import check_numbers, load_arrays, read_header, read_places, save_arrays
from rnncli.errors import ModelError

ARRAYS = {"main/a": np.arange(6, dtype=np.float32).reshape(2, 3), "main/b": np.ones(4, np.int8)}


def put(path: Path, header: Any, data: bytes = bytes(28), *, length: int | None = None) -> Path:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def array(begin: Any = 0, end: Any = 28, shape: Any = (7,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [begin, end]}


def test_what_was_saved_is_found_where_it_lies(tmp_path: Path) -> None:
    save_arrays(tmp_path / "file", ARRAYS)
    data = (tmp_path / "file").read_bytes()
    places, words = read_header(tmp_path / "file")
    assert words == {}
    assert places.keys() == ARRAYS.keys()
    for name, place in places.items():
        assert data[place.offset : place.offset + place.size] == ARRAYS[name].tobytes()
        assert np.array_equal(load_arrays(tmp_path / "file")[name], ARRAYS[name])


@pytest.mark.parametrize(
    "header",
    [
        {"a": array(0, 28, (2**32, 2**32))},
        {"a": array(0, 28, (2**62, 2))},
        {"a": array(0, 28, (-7,))},
        {"a": array(0, 28, (7.0,))},
        {"a": array(0, 28, ("7",))},
        {"a": array(0, 28, (True,))},
        {"a": array(0, 28, (7,) + (1,) * 1000)},
        {"a": array(0, 28, None)},
        {"a": array(28, 0)},
        {"a": array(-28, 0)},
        {"a": array(0, 2**63, (2**61,))},
        {"a": array(4, 32)},
        {"a": array(0, 24, (6,))},
        {"a": array(0, 28, (7,), "F64")},
        {"a": array(0, 28, (7,), ["F32"])},
        {"a": array(0, 28, (7,), "object")},
        {"a": array(0, 16, (4,)), "b": array(12, 28, (4,))},
        {"a": array(0, 12, (3,)), "b": array(16, 28, (3,))},
        {"a": array(0, 28), "b": array(0, 28)},
        {"a": array(0, 1, (1,), "I8"), "b": array(1, 25, (6,)), "c": array(25, 28, (3,), "I8")},
        {"x" * 1000: array()},
        {"a": None},
        {"a": {}},
        {"a": array(), "__metadata__": {"a": 1}},
        {"a": array(), "__metadata__": 5},
        [],
        "[" * 100_000,
        '{"a": 1, "a": 2}',
        json.dumps({"a": array()})[:-1] + ', "a": ' + json.dumps(array()) + "}",
    ],
    ids=lambda header: str(header)[:60],
)
def test_a_header_that_lies_is_refused_in_one_line(tmp_path: Path, header: Any) -> None:
    path = put(tmp_path / "file", header)
    with pytest.raises(ModelError, match="is truncated or altered") as caught:
        read_places(path)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300
    with pytest.raises(ModelError):
        load_arrays(path)


@pytest.mark.parametrize("length", [0, 1, 2**20 + 1, 2**40, 2**63, 2**64 - 1])
def test_a_length_that_lies_costs_nothing(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelError, match="is truncated or altered"):
        read_places(put(tmp_path / "file", {"a": array()}, length=length))


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        check_numbers(path, read_places(path).values())
    return caught.value.message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -np.nan])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("place", [0, 700_000, -1])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float, dtype: Any, place: int) -> None:
    """Wherever they are: a file is looked through in pieces."""
    most = np.finfo(dtype).max
    whole = np.resize(np.array([0, -0.0, most, -most, np.finfo(dtype).smallest_subnormal], dtype), 1_000_001)
    save_arrays(tmp_path / "file", {"a": np.ones(3, dtype), "b": whole})
    check_numbers(tmp_path / "file", read_places(tmp_path / "file").values())
    whole[place] = value
    save_arrays(tmp_path / "file", {"a": np.ones(3, dtype), "b": whole})
    assert "array b has numbers that are none" in refused(tmp_path / "file")


def test_whole_numbers_that_overflow_a_product_are_refused(tmp_path: Path) -> None:
    """Pairs of products are added in 16 bits on some processors: there the score would be another one."""
    save_arrays(tmp_path / "file", {"a": np.array([-63, 0, 63], np.int8)})
    check_numbers(tmp_path / "file", read_places(tmp_path / "file").values())
    for value in (-128, -64, 64, 127):
        save_arrays(tmp_path / "file", {"a": np.array([0, value], np.int8)})
        assert "array a" in refused(tmp_path / "file")


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_range_that_nothing_can_be_divided_by_is_refused(tmp_path: Path, value: float) -> None:
    save_arrays(tmp_path / "file", {"main/layers.0.range": np.array([value], np.float32)})
    assert "layers.0.range" in refused(tmp_path / "file")
