"""What can be done to a file, whatever is in it. Each harm is decided by its dice and says in words what it did."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

Harm = Callable[[Path, Random, "Surroundings"], str]
"""(file, dice, what lies around) -> what was done."""
PAGE = 4096
HUGE = 100 << 30


@dataclass(frozen=True)
class Surroundings:
    """Where a folder is harmed. ``outside`` must stay as it is; ``marker`` appears where code of the folder is run."""

    outside: Path
    marker: Path
    others: tuple[Path, ...]
    """Folders of other models."""


# -- its bytes


def truncate(path: Path, dice: Random, around: Surroundings) -> str:
    data = path.read_bytes()
    keep = dice.choice((0, 1, 7, 8, 9, len(data) // 2, len(data) - 1, dice.randrange(len(data) + 1)))
    path.write_bytes(data[: max(0, keep)])
    return f"cut to {keep} bytes"


def flip(path: Path, dice: Random, around: Surroundings) -> str:
    data, places = bytearray(path.read_bytes()), []
    if not data:
        return "left as it is: empty"
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        # As often near the beginning, where headers are.
        at = dice.randrange(dice.choice((len(data), min(len(data), 200))))
        data[at] ^= 1 << dice.randrange(8)
        places.append(at)
    path.write_bytes(data)
    return f"bits flipped at {places}"


def insert(path: Path, dice: Random, around: Surroundings) -> str:
    data = path.read_bytes()
    at, some = dice.randrange(len(data) + 1), dice.randbytes(dice.choice((1, 4, 8, 1000)))
    path.write_bytes(data[:at] + some + data[at:])
    return f"{len(some)} bytes put in at {at}"


def delete(path: Path, dice: Random, around: Surroundings) -> str:
    data = path.read_bytes()
    at, size = dice.randrange(len(data) + 1), dice.choice((1, 4, 8, 100))
    path.write_bytes(data[:at] + data[at + size :])
    return f"{size} bytes taken out at {at}"


def zero(path: Path, dice: Random, around: Surroundings) -> str:
    data = bytearray(path.read_bytes())
    at = dice.randrange(0, len(data) + 1, PAGE // 8)
    size = min(dice.choice((PAGE // 8, PAGE)), len(data) - at)
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    return f"{size} bytes from {at} on are 0"


def replace(path: Path, dice: Random, around: Surroundings) -> str:
    contents = (
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
        dice.randbytes(999),
    )
    chosen = dice.randrange(len(contents))
    path.write_bytes(contents[chosen])
    return f"replaced by {contents[chosen][:20]!r}"


def swap(path: Path, dice: Random, around: Surroundings) -> str:
    other = dice.choice(around.others)
    found = [file for file in sorted(other.rglob("*")) if file.is_file()]
    same = [file for file in found if file.name == path.name]
    source = dice.choice(same if same and dice.random() < 0.8 else found)
    path.write_bytes(source.read_bytes())
    return f"replaced by {source.name} of {other.name}"


def grow(path: Path, dice: Random, around: Surroundings) -> str:
    with open(path, "ab") as file:
        file.write(dice.choice((b"\x00", b"}", b"\n", b" " * 5_000_000, dice.randbytes(100))))
    return "longer"


class _Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return (os.mkdir, (str(self.marker),))


def pickled(path: Path, dice: Random, around: Surroundings) -> str:
    """What torch.load and numpy.load(allow_pickle=True) would run."""
    data = pickle.dumps(_Payload(around.marker), protocol=dice.choice((0, 2, 4)))
    path.write_bytes(dice.choice((b"", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"\x93NUMPY\x01\x00")) + data)
    return "a pickle that makes a folder"


# -- what it is


def missing(path: Path, dice: Random, around: Surroundings) -> str:
    path.unlink()
    return "removed"


def pipe(path: Path, dice: Random, around: Surroundings) -> str:
    path.unlink()
    os.mkfifo(path)
    return "a pipe"


def folder(path: Path, dice: Random, around: Surroundings) -> str:
    path.unlink()
    path.mkdir()
    return "a folder"


def bound(path: Path, dice: Random, around: Surroundings) -> str:
    path.unlink()
    where = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(where)
    return "a socket"


def sparse(path: Path, dice: Random, around: Surroundings) -> str:
    if dice.random() < 0.5:
        path.write_bytes(b"")
    os.truncate(path, HUGE)
    return "100 GB that take no place"


def link_out(path: Path, dice: Random, around: Surroundings) -> str:
    """To a copy of itself, in which nothing is wrong but where it is."""
    target = around.outside / path.name
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target if dice.random() < 0.5 else os.path.relpath(target, path.parent))
    return "a link to a copy outside"


def link_elsewhere(path: Path, dice: Random, around: Surroundings) -> str:
    targets = ["/dev/zero", "/dev/null", "/dev/stdin", "/dev/tty", "/proc/self/mem", "/etc/passwd", "/", path.name]
    targets += [str(around.outside / "nothing"), str(around.outside)]
    target = dice.choice(targets)
    path.unlink()
    path.symlink_to(target)
    return f"a link to {target}"


def unreadable(path: Path, dice: Random, around: Surroundings) -> str:
    path.chmod(0)
    return "without a right to read it"


BYTES: tuple[Harm, ...] = (truncate, flip, flip, flip, insert, delete, zero, replace, swap, swap, grow, pickled)
KINDS: tuple[Harm, ...] = (
    missing, pipe, folder, bound, sparse, sparse, link_out, link_out, link_elsewhere, link_elsewhere, unreadable,
)  # fmt: skip
