"""Named arrays in one file, model.safetensors, and where in it each lies. numpy only."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from rnncli.errors import ModelError
from rnncli.guarded import open_file, size_of, unique
from rnncli.precision import WEIGHT_STEPS, Arrays, is_range
from rnncli.text.files import write_bytes

CURE = "Train it again, copy the folder again, or go on from its last save with rnncli train --resume."
LONGEST_HEADER = 1 << 20
"""Bytes of a safetensors header; a network has some dozen arrays."""
LONGEST_NAME, MOST_AXES = 80, 4
LONGEST_FILE = 1 << 42
"""Bytes: no machine holds more."""
ITEM_SIZES = {"F32": 4, "F16": 2, "I8": 1, "BF16": 2, "I64": 8}
"""Bytes of the types that weights and the state of a run have, by safetensors' names."""
INFINITE: dict[str, tuple[np.dtype[np.unsignedinteger], int]] = {
    "F32": (np.dtype(np.uint32).newbyteorder("<"), 0x7F800000),
    "F16": (np.dtype(np.uint16).newbyteorder("<"), 0x7C00),
    "BF16": (np.dtype(np.uint16).newbyteorder("<"), 0x7F80),
}
"""As whole numbers: what is as large as this, but for its sign, is infinite or none at all."""
_PIECE = 1 << 20


class ArrayPlace(NamedTuple):
    """Where an array lies in model.safetensors: ``offset`` and ``size`` are bytes of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Stamp(NamedTuple):
    """What tells that a file is still the one that was looked at."""

    inode: int
    modified: int
    size: int


def sha256(path: Path, most: int = LONGEST_FILE) -> str:
    """Hexadecimal digest of a file of at most so many bytes."""
    with open_file(path) as file:
        size_of(file, most)
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> Stamp | None:
    """None where the file is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays to a safetensors file; the same arrays give the same bytes."""
    from safetensors.numpy import save

    write_bytes(path, save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def load_arrays(path: Path) -> Arrays:
    """The arrays of a safetensors file; a ModelError where it is missing or broken."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    read_places(path)  # what is no such file costs no memory
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=CURE) from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is truncated or altered: {error}", hint=CURE) from error


def read_places(path: Path) -> dict[str, ArrayPlace]:
    """What a safetensors file holds and where, by name; see read_header."""
    places, _ = read_header(path)
    return places


def read_header(path: Path) -> tuple[dict[str, ArrayPlace], dict[str, str]]:
    """What a safetensors file holds and where, by name, and the words that it has beside: from its header alone.

    The layout is eight bytes of length, little-endian, that much JSON, then the arrays, one after the other. A
    ModelError where it is not just so.
    """
    try:
        with open_file(path) as file:
            end = size_of(file, LONGEST_FILE)
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length), object_pairs_hook=unique)
        words = header.pop("__metadata__", {})
        if not all(isinstance(word, str) for word in dict(words).values()):
            raise ValueError("its header has metadata that are no words")
        places = [_place(name, entry, 8 + length) for name, entry in header.items()]
        _check_order(places, 8 + length, end)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=CURE) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ModelError(f"{path} is truncated or altered: {reason}", hint=CURE) from error
    return {place.name: place for place in places}, words


def _place(name: str, entry: Any, base: int) -> ArrayPlace:
    (begin, end), shape, dtype = entry["data_offsets"], tuple(entry["shape"]), entry["dtype"]
    if len(name) > LONGEST_NAME or len(shape) > MOST_AXES:
        raise ValueError("it has an array that no network has")
    if not all(type(number) is int and 0 <= number < LONGEST_FILE for number in (begin, end, *shape)):
        raise ValueError(f"array {name} has sizes that are none")
    if dtype not in ITEM_SIZES:
        raise ValueError(f"array {name} is of a type that no array here is")
    if end - begin != math.prod(shape) * ITEM_SIZES[dtype]:
        raise ValueError(f"array {name} has not the size of its shape")
    if (base + begin) % ITEM_SIZES[dtype]:
        raise ValueError(f"array {name} lies at an odd place")
    return ArrayPlace(name, dtype, shape, base + begin, end - begin)


def _check_order(places: Iterable[ArrayPlace], begin: int, end: int) -> None:
    """No two arrays share bytes, and none are left over."""
    for place in sorted(places, key=lambda place: (place.offset, place.size)):
        if place.offset != begin:
            raise ValueError(f"array {place.name} does not begin where another one ends")
        begin += place.size
    if begin != end:
        raise ValueError("it ends before its arrays do" if end < begin else "it goes on after its arrays")


def check_numbers(path: Path, places: Iterable[ArrayPlace]) -> None:
    """Refuse weights with which no sum comes out: NaN, infinity, whole numbers that are larger than 8 bits allow here.

    The file is read through, a piece at a time, and nothing of it is kept.
    """
    try:
        with open_file(path) as file:
            for place in places:
                if not all(_is_usable(place, piece) for piece in pieces(file, place)):
                    raise ModelError(f"{path}: array {place.name} has numbers that are none", hint=CURE)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint=CURE) from error


def pieces(file: BinaryIO, place: ArrayPlace) -> Iterator[bytes]:
    """The bytes of an array, some at a time; an OSError where there are fewer than there should be."""
    file.seek(place.offset)
    left = place.size
    while left > 0:
        piece = file.read(min(left, _PIECE))
        if not piece:
            raise OSError(0, "it ends before its arrays do")
        left -= len(piece)
        yield piece


def _is_usable(place: ArrayPlace, piece: bytes) -> bool:
    if place.dtype in INFINITE:
        dtype, infinite = INFINITE[place.dtype]
        sizes = np.frombuffer(piece, dtype) << 1  # without the sign
        if int(sizes.max()) >= 2 * infinite:
            return False
        return not is_range(place.name) or bool((np.frombuffer(piece, "<f4") > 0).all())
    if place.dtype == "I8":
        whole = np.frombuffer(piece, np.int8)
        return int(whole.min()) >= -WEIGHT_STEPS and int(whole.max()) <= WEIGHT_STEPS
    return True
