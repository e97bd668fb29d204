"""Named arrays in one file, model.safetensors, and where in it each lies. numpy only."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncli.errors import ModelError
from rnncli.precision import Arrays
from rnncli.text.files import write_bytes

CURE = "Train it again, copy the folder again, or go on from its last save with rnncli train --resume."
LONGEST_HEADER = 1 << 20
"""Bytes of a safetensors header; a network has some dozen arrays."""
ITEM_SIZES = {"F32": 4, "F16": 2, "I8": 1}
"""Bytes of the types that weights have, by safetensors' names."""


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


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with open(path, "rb") as file:
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

    try:
        return load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=CURE) from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is truncated or altered: {error}", hint=CURE) from error


def read_places(path: Path) -> dict[str, ArrayPlace]:
    """What a safetensors file holds and where, from its header alone, by name.

    The layout is eight bytes of length, little-endian, that much JSON, then the arrays.
    """
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
            end = os.fstat(file.fileno()).st_size
        places = [_place(name, entry, 8 + length) for name, entry in header.items() if name != "__metadata__"]
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=CURE) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is truncated or altered: {error}", hint=CURE) from error
    if any(place.offset < 8 + length or place.offset + place.size > end for place in places):
        raise ModelError(f"{path} is truncated or altered: it ends before its arrays do", hint=CURE)
    return {place.name: place for place in places}


def _place(name: str, entry: Any, base: int) -> ArrayPlace:
    begin, end = map(int, entry["data_offsets"])
    shape = tuple(map(int, entry["shape"]))
    if end - begin != math.prod(shape) * ITEM_SIZES[entry["dtype"]]:
        raise ValueError(f"array {name} has not the size of its shape")
    return ArrayPlace(name, entry["dtype"], shape, base + begin, end - begin)
