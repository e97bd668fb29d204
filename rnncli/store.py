"""The model folder: the one place that writes, opens and checks it. No torch.

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
from typing import Any, Self, TypeVar, get_args

from rnncli.arrays import CURE, ArrayPlace, Stamp, load_arrays, read_places, save_arrays, sha256, stamp
from rnncli.config import Direction, ModelConfig, Precision, Unit, from_dict
from rnncli.errors import ConfigError, ModelError
from rnncli.precision import Arrays, restore, stored_arrays
from rnncli.text.files import write_bytes
from rnncli.text.tokenizers import TOKENIZERS
from rnncli.text.tokenizers.base import Tokenizer

T = TypeVar("T")
FORMAT = 3
"""1: weights in float32. 2: in fewer bits. 3: a part that reads backward."""
GRAPH_VERSION = "rnncli graph 2"
"""Stands in the graph's file. 2: with the mass of a group of tokens."""
CONFIG, TOKENIZER, WEIGHTS, GRAPH, CARD, TRAINING = (
    "config.json", "tokenizer.json", "model.safetensors", "model.onnx", "README.md", "training",
)  # fmt: skip
PARTS: dict[Direction, str] = {"forward": "main", "backward": "backward"}
"""The part that reads so: what its arrays' names begin with."""
NEXT = f".{CONFIG}.next"
"""What config.json is about to be, while new weights take their place."""
GRAPHS: dict[Direction, str] = {"forward": GRAPH, "backward": "backward.onnx"}


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
    def has_graph(self) -> bool:
        """Whether there is a graph that config.json vouches for, of this version. Any other is not looked at."""
        vouched = self.graph.name in self.config["fingerprints"] and self.graph.exists()
        return vouched and GRAPH_VERSION.encode() in self.graph.read_bytes()

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
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; a ModelError names a file that holds none."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint="Train a model: rnncli train CORPUS") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}", hint=CURE) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is no JSON object", hint=CURE)
    return value


def write_arrays(folder: Path, parts: Mapping[Direction, Arrays], name: str = WEIGHTS) -> None:
    """Put new weights in place, or under another name; write_config must follow."""
    named = {f"{PARTS[way]}/{name}": array for way, arrays in parts.items() for name, array in arrays.items()}
    save_arrays(folder / name, named)


def of_part(named: Mapping[str, T], direction: Direction) -> dict[str, T]:
    """What belongs to the part that reads so, without the part in the names."""
    begin = PARTS[direction] + "/"
    return {name.removeprefix(begin): value for name, value in named.items() if name.startswith(begin)}


def write_config(folder: Path, config: Mapping[str, Any], coming: Mapping[str, str] | None = None) -> None:
    """Rename config.json, or with fingerprints of files that are ``coming`` NEXT, into place; it vouches for all."""
    old = folder / CONFIG
    try:
        generation = read_json(old).get("generation", 0) + 1 if old.exists() else 1
    except ModelError:  # it is being mended
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


def directions_of(config: Mapping[str, Any]) -> tuple[Direction, ...]:
    """Of all parts that a config.json tells of. What is no direction is left out."""
    found = [part.get("direction", "forward") for part in config["parts"] if isinstance(part, dict)]
    return tuple(direction for direction in PARTS if direction in found)


def open_folder(folder: Path, *, direction: Direction | None = None, patience: float = 2.0) -> Stored:
    """A checked model folder, its part that reads in a direction; of none the forward one, or the only one.

    A fingerprint that does not fit is tried again for ``patience`` seconds.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}", hint="rnncli models list shows what there is.")
    deadline = time.monotonic() + patience
    while True:
        config, found = read_config(folder), stamp(folder / WEIGHTS)
        wrong = mismatched(folder, config)
        if wrong and (coming := next_config(folder)) is not None:
            config, wrong = coming, []
        if not wrong:
            return _open(folder, config, found, direction)
        if time.monotonic() > deadline:
            raise ModelError(f"{folder / wrong[0]} is not the file that config.json vouches for", hint=CURE)
        time.sleep(0.1)


def mismatched(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """The files that are not those that a config.json vouches for. A graph can be made anew: it may be missing."""
    vouched = config["fingerprints"]
    names = [WEIGHTS, TOKENIZER, *(name for name in GRAPHS.values() if name in vouched and (folder / name).exists())]
    return [name for name in names if _digest(folder / name) != vouched.get(name)]


def next_config(folder: Path) -> dict[str, Any] | None:
    """The config.json that is about to be, if the files in their places are those that it vouches for."""
    if not (folder / NEXT).exists():
        return None
    try:
        config = read_config(folder, NEXT)
        return None if mismatched(folder, config) else config
    except ModelError:  # it has just been renamed
        return None


def read_config(folder: Path, name: str = CONFIG) -> dict[str, Any]:
    """A folder's config.json with its format checked; the weights are not looked at."""
    config = read_json(folder / name)
    number = config.get("format")
    if not isinstance(number, int) or number < 1:
        raise ModelError(f"{folder / CONFIG} is not a model's config.json: it has no format number", hint=CURE)
    if number > FORMAT:
        raise ModelError(
            f"{folder / CONFIG} has format {number}; this program reads {FORMAT} and older",
            hint="Upgrade rnncli.",
        )
    if not isinstance(config.get("fingerprints"), dict) or not isinstance(config.get("parts"), list):
        raise ModelError(f"{folder / CONFIG} lacks parts or fingerprints", hint=CURE)
    return config


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=CURE) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint=CURE) from error


def _open(folder: Path, config: dict[str, Any], found: Stamp | None, wanted: Direction | None) -> Stored:
    described = config.get("tokenizer")
    kind: Any = described.get("kind") if isinstance(described, dict) else None
    if not isinstance(kind, str) or kind not in TOKENIZERS:
        raise ModelError(f"{folder / CONFIG} names no tokenizer that this program knows: {kind}", hint=CURE)
    parts = _parts(folder, config)
    places = read_places(folder / WEIGHTS)
    expected = {
        f"{PARTS[way]}/{name}": form
        for way, (model, precision) in parts.items()
        for name, form in stored_arrays(model, precision).items()
    }
    check_places(folder / WEIGHTS, expected, places)
    tokenizer: Tokenizer = TOKENIZERS[kind].load(folder / TOKENIZER)
    for model, _ in parts.values():
        if tokenizer.vocab_size != model.vocab_size:
            raise ModelError(
                f"{folder / TOKENIZER} has {tokenizer.vocab_size} entries, the network {model.vocab_size}", hint=CURE
            )
    direction = wanted or next(iter(parts))
    if direction not in parts:
        [only] = parts
        raise ConfigError(
            f"the model {folder.name} reads {only} alone", hint="train --direction both makes one that reads both ways."
        )
    model, precision = parts[direction]
    return Stored(folder, config, model, precision, of_part(places, direction), tokenizer, found, direction)


def _parts(folder: Path, config: Mapping[str, Any]) -> dict[Direction, tuple[ModelConfig, Precision]]:
    """The networks of a folder, the forward one first."""
    directions = directions_of(config)
    if not config["parts"] or len(directions) != len(config["parts"]):
        raise ModelError(f"{folder / CONFIG} has parts that this program does not know", hint="Upgrade rnncli.")
    found: dict[Direction, tuple[ModelConfig, Precision]] = {}
    for part in config["parts"]:
        if part.get("kind") != "rnn":
            raise ModelError(f"{folder / CONFIG} has parts that this program does not know", hint="Upgrade rnncli.")
        precision: Any = part.get("weights", "float32")
        if precision not in get_args(Precision):
            raise ModelError(f"{folder / CONFIG} has weights that this program does not know", hint="Upgrade rnncli.")
        try:
            found[part.get("direction", "forward")] = from_dict(ModelConfig, part["model"]), precision
        except (ConfigError, KeyError, TypeError) as error:
            raise ModelError(f"{folder / CONFIG} describes no network: {error}", hint=CURE) from error
    return {direction: found[direction] for direction in directions}


def check_places(
    path: Path, expected: Mapping[str, tuple[str, tuple[int, ...]]], places: Mapping[str, ArrayPlace]
) -> None:
    """Refuse weights that are not those that are expected."""
    for name in expected.keys() | places.keys():
        have = (places[name].dtype, places[name].shape) if name in places else None
        if have != expected.get(name):
            raise ModelError(
                f"{path}: array {name} is {_words(have)}, expected {_words(expected.get(name))}", hint=CURE
            )


def _words(kind: tuple[str, tuple[int, ...]] | None) -> str:
    return "not there" if kind is None else f"{kind[0]} {kind[1]}"
