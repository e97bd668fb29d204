"""The model folder: the one place that writes and opens it (checking.py says what it must be). No torch.

    NAME/config.json        what it is; renamed last, with the fingerprints of the other three
    NAME/tokenizer.json     opens in HF tokenizers
    NAME/model.safetensors  arrays named PART/array, see precision.stored_arrays
    NAME/model.onnx         the graph that ONNX Runtime runs, over the weights where they are (graph/)
    NAME/backward.onnx      the same of a part that reads backward
    NAME/README.md          the model card
    NAME/training/          what resume needs

Each file is written beside its place, flushed and renamed, so a reader sees the old one or the new one. New weights
take their place after .config.json.next was written and before it is renamed to config.json (graph/saving.py): a
reader that meets new weights with an old config.json takes the next one, whatever became of the process that saved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from rnncli.arrays import CURE, ArrayPlace, Stamp, check_numbers, load_arrays, save_arrays, sha256, stamp
from rnncli.checking import CARD as CARD
from rnncli.checking import CONFIG as CONFIG
from rnncli.checking import FORMAT as FORMAT
from rnncli.checking import GRAPH as GRAPH
from rnncli.checking import GRAPH_VERSION as GRAPH_VERSION
from rnncli.checking import GRAPHS as GRAPHS
from rnncli.checking import NEXT as NEXT
from rnncli.checking import PARTS as PARTS
from rnncli.checking import TOKENIZER as TOKENIZER
from rnncli.checking import TRAINING as TRAINING
from rnncli.checking import WEIGHTS as WEIGHTS
from rnncli.checking import Described, Digests, fitting_places, read_described, wrong_file
from rnncli.checking import check_places as check_places
from rnncli.checking import directions_of as directions_of
from rnncli.checking import read_config as read_config
from rnncli.checking import read_json as read_json
from rnncli.config import Direction, ModelConfig, Precision, Unit
from rnncli.errors import ConfigError, ModelError
from rnncli.precision import Arrays, restore
from rnncli.text.files import write_bytes
from rnncli.text.tokenizers.base import Tokenizer

T = TypeVar("T")
PAUSE = 0.1
"""Seconds before a folder that is being saved is looked at again."""
MOST_LOOKS = 100
"""At a folder that changes from look to look."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A part of an opened model folder: checked, its weights still on the disk."""

    folder: Path
    config: dict[str, Any]
    model: ModelConfig
    precision: Precision
    places: Mapping[str, ArrayPlace]
    """By the arrays' names without the part."""
    tokenizer: Tokenizer
    stamp: Stamp | None = None
    direction: Direction = "forward"

    @cached_property
    def arrays(self) -> Arrays:
        """The weights in float32, read now; a ModelError where the file is no longer the one that was opened."""
        path = self.folder / WEIGHTS
        stored = of_part(load_arrays(path), self.direction)
        if self.replaced():
            raise ModelError(f"{path} was replaced while it was read", hint="Try again.")
        return restore(stored, self.precision)

    def load(self) -> Self:
        """Itself with the weights in memory, whatever becomes of the folder."""
        _ = self.arrays
        return self

    def replaced(self) -> bool:
        """Whether model.safetensors is another file by now: a training has saved."""
        return self.stamp is not None and stamp(self.folder / WEIGHTS) != self.stamp

    @property
    def graph(self) -> Path:
        """Where its graph is, if it has one."""
        return self.folder / GRAPHS[self.direction]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Of all parts of the folder."""
        return directions_of(self.config)

    @property
    def unit(self) -> Unit:
        return "lines" if self.config.get("unit") == "lines" else "stream"

    @property
    def fingerprint(self) -> str:
        return str(self.config["fingerprints"][WEIGHTS])


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON a person can read, whole, or leave what was there."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))


def write_arrays(folder: Path, parts: Mapping[Direction, Arrays], name: str = WEIGHTS) -> None:
    """Put new weights in place, or under another name; write_config must follow."""
    named = {f"{PARTS[way]}/{array}": value for way, arrays in parts.items() for array, value in arrays.items()}
    save_arrays(folder / name, named)


def of_part(named: Mapping[str, T], direction: Direction) -> dict[str, T]:
    """What belongs to the part that reads so, without the part in the names."""
    begin = PARTS[direction] + "/"
    return {name.removeprefix(begin): value for name, value in named.items() if name.startswith(begin)}


def write_config(folder: Path, config: Mapping[str, Any], coming: Mapping[str, str] | None = None) -> None:
    """Rename config.json, or with fingerprints of files that are ``coming`` NEXT, into place; it vouches for all."""
    old = folder / CONFIG
    try:
        generation = int(read_json(old).get("generation", 0)) + 1 if old.exists() else 1
    except (ModelError, TypeError, ValueError):  # it is being mended
        generation = 1
    prints = {
        name: sha256(folder / name) for name in (TOKENIZER, WEIGHTS, *GRAPHS.values()) if (folder / name).exists()
    } | dict(coming or {})
    parts = config.get("parts", ())
    lowered = any(part.get("weights", "float32") != "float32" for part in parts)
    backward = any(part.get("direction") == "backward" for part in parts)
    number = 3 if backward else 2 if lowered else 1
    path = old if coming is None else folder / NEXT
    write_json(path, {"format": number, **config, "generation": generation, "fingerprints": prints})


def vouch_for(folder: Path, name: str) -> None:
    """Add the fingerprint of one more file to config.json, all else as it was."""
    config = read_config(folder)
    prints = {**config["fingerprints"], name: sha256(folder / name)}
    write_json(folder / CONFIG, {**config, "fingerprints": prints})


def part_config(
    model: Mapping[str, Any], precision: Precision = "float32", direction: Direction = "forward"
) -> dict[str, Any]:
    """One entry of config.json's ``parts``."""
    name = PARTS[direction]
    part = {"name": name, "kind": "rnn", "direction": direction, "weight": 1.0, "model": dict(model)}
    return part if precision == "float32" else {**part, "weights": precision}


def open_folder(folder: Path, *, direction: Direction | None = None, patience: float = 0.8) -> Stored:
    """A checked model folder, its part that reads in a direction; of none the forward one, or the only one.

    Nothing in it is believed: sizes are compared before a file is read, files with their fingerprints before what is
    in them is used. A fingerprint that does not fit is tried again, for ``patience`` seconds of waiting.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}", hint="rnncli models list shows what there is.")
    digests: Digests = {}
    pauses = round(patience / PAUSE)
    for _ in range(MOST_LOOKS):
        before = _stamps(folder)
        try:
            described, places = _coming(folder, digests) or _vouched(folder, digests)
            return _open(folder, described, places, before[WEIGHTS], direction)
        except ModelError as error:
            if _stamps(folder) != before:  # it was written to between two looks at it
                continue
            if not pauses or not isinstance(error, _UnfitError):
                raise
        pauses -= 1
        time.sleep(PAUSE)
    raise ModelError(f"{folder} is written to all the time", hint="Try again when its training pauses.")


class _UnfitError(ModelError):
    """A file is not the one that config.json vouches for: a training may be about to change that."""


def _stamps(folder: Path) -> dict[str, Stamp | None]:
    """What tells whether a folder is as it was."""
    return {name: stamp(folder / name) for name in (CONFIG, NEXT, WEIGHTS)}


def _vouched(folder: Path, digests: Digests) -> tuple[Described, dict[str, ArrayPlace]]:
    """What config.json describes and where the weights lie; an error where a file is not one that it vouches for."""
    described = read_described(folder)
    places = fitting_places(folder, described)
    wrong = wrong_file(folder, described, digests)
    if wrong is not None:
        raise _UnfitError(f"{wrong} is not the file that config.json vouches for", hint=CURE)
    return described, places


def _coming(folder: Path, digests: Digests) -> tuple[Described, dict[str, ArrayPlace]] | None:
    """The same of NEXT, if the files in their places are those that it vouches for."""
    if not (folder / NEXT).exists():
        return None
    try:
        described = read_described(folder, NEXT)
        places = fitting_places(folder, described)
        return None if wrong_file(folder, described, digests) else (described, places)
    except ModelError:  # it has just been renamed, or is not for what lies there
        return None


def is_coming(folder: Path) -> bool:
    """Whether a save broke off after its files had come to their places: all but the name of config.json."""
    return _coming(folder, {}) is not None


def _open(
    folder: Path,
    described: Described,
    places: dict[str, ArrayPlace],
    found: Stamp | None,
    wanted: Direction | None,
) -> Stored:
    config, parts, kind = described
    check_numbers(folder / WEIGHTS, places.values())
    sizes = {model.vocab_size for model, _ in parts.values()}
    tokenizer = kind.load(folder / TOKENIZER, max(sizes))
    if sizes != {tokenizer.vocab_size}:
        named = " and ".join(f"{size:,}" for size in sorted(sizes))
        raise ModelError(f"{folder / TOKENIZER} has {tokenizer.vocab_size} entries, the network {named}", hint=CURE)
    direction = wanted or next(iter(parts))
    if direction not in parts:
        [only] = parts
        raise ConfigError(
            f"the model {folder.name} reads {only} alone", hint="train --direction both makes one that reads both ways."
        )
    model, precision = parts[direction]
    return Stored(folder, config, model, precision, of_part(places, direction), tokenizer, found, direction)
