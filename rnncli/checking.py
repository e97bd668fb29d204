"""What a model folder holds, and whether it is what config.json says: nothing in it is believed. No torch.

Sizes are compared before a file is read, files with their fingerprints before what is in them is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from rnncli.arrays import CURE, LONGEST_FILE, ArrayPlace, Stamp, read_places, sha256, stamp
from rnncli.config import Direction, ModelConfig, Precision, from_dict
from rnncli.device import available_memory
from rnncli.errors import ConfigError, DeviceError, ModelError
from rnncli.guarded import LONGEST_JSON, one_line, read_plain, told
from rnncli.precision import ArrayKind, stored_arrays
from rnncli.text.tokenizers import TOKENIZERS
from rnncli.text.tokenizers.base import Tokenizer

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
LONGEST_GRAPH = 16 << 20
"""Bytes of a graph: the largest network's has a tenth."""
LARGE = 1 << 30
"""Bytes of weights from which it is worth a look whether memory holds them."""
GRAPHS: dict[Direction, str] = {"forward": GRAPH, "backward": "backward.onnx"}


def read_json(path: Path, most: int = LONGEST_JSON) -> dict[str, Any]:
    """A JSON object in a file of at most so many bytes; a ModelError names a file that holds none."""
    try:
        value = json.loads(read_plain(path, most))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint="Train a model: rnncli train CORPUS") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {told(error)}", hint=CURE) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is no JSON object", hint=CURE)
    return value


def read_config(folder: Path, name: str = CONFIG) -> dict[str, Any]:
    """A folder's config.json with its format checked; the weights are not looked at."""
    config = read_json(folder / name)
    number = config.get("format")
    if not isinstance(number, int) or number < 1:
        raise ModelError(f"{folder / CONFIG} is not a model's config.json: it has no format number", hint=CURE)
    if number > FORMAT:
        raise ModelError(
            f"{folder / CONFIG} has format {str(number)[:20]}; this program reads {FORMAT} and older",
            hint="Upgrade rnncli.",
        )
    if not isinstance(config.get("fingerprints"), dict) or not isinstance(config.get("parts"), list):
        raise ModelError(f"{folder / CONFIG} lacks parts or fingerprints", hint=CURE)
    return config


def directions_of(config: Mapping[str, Any]) -> tuple[Direction, ...]:
    """Of all parts that a config.json tells of. What is no direction is left out."""
    found = [part.get("direction", "forward") for part in config["parts"] if isinstance(part, dict)]
    return tuple(direction for direction in PARTS if direction in found)


Digests = dict[tuple[str, Stamp | None, int], str]
"""Of files as they were when they were looked at: name, stamp, most bytes."""


class Described(NamedTuple):
    """What config.json says that a folder holds, as far as it can be checked by itself."""

    config: dict[str, Any]
    parts: dict[Direction, tuple[ModelConfig, Precision]]
    tokenizer: type[Tokenizer]

    @property
    def arrays(self) -> dict[str, ArrayKind]:
        """Of all parts."""
        return {
            f"{PARTS[way]}/{name}": kind
            for way, (model, precision) in self.parts.items()
            for name, kind in stored_arrays(model, precision).items()
        }


def read_described(folder: Path, name: str = CONFIG) -> Described:
    """What a folder's config.json says, which may lie there under another name."""
    config = read_config(folder, name)
    described = config.get("tokenizer")
    kind: Any = described.get("kind") if isinstance(described, dict) else None
    if not isinstance(kind, str) or kind not in TOKENIZERS:
        named = f": {one_line(kind[:40])}" if isinstance(kind, str) else ""
        raise ModelError(f"{folder / CONFIG} names no tokenizer that this program knows{named}", hint=CURE)
    return Described(config, _parts(folder, config), TOKENIZERS[kind])


def fitting_places(folder: Path, described: Described) -> dict[str, ArrayPlace]:
    """Where the weights lie, which are those of the networks that config.json tells of."""
    path = folder / WEIGHTS
    places = read_places(path)
    check_places(path, described.arrays, places)
    size = sum(place.size for place in places.values())
    if size > LARGE and size > (memory := available_memory()):
        raise DeviceError(
            f"{path} has {size:,} bytes, and there are {memory:,} of memory left",
            hint="Use a machine with more memory, or rnncli export --quantize int8 on one that has it.",
        )
    return places


def wrong_file(folder: Path, described: Described, digests: Digests) -> Path | None:
    """A file that is not the one that config.json vouches for. ``digests``: of those that were looked at before."""
    vouched = described.config["fingerprints"]
    entries = max(model.vocab_size for model, _ in described.parts.values())
    most = {WEIGHTS: LONGEST_FILE, TOKENIZER: described.tokenizer.longest(entries)}
    # A graph can be made anew: it may be missing.
    most |= {name: LONGEST_GRAPH for name in GRAPHS.values() if name in vouched and (folder / name).exists()}
    for name, longest in most.items():
        key = name, stamp(folder / name), longest
        if key not in digests:
            digests[key] = _digest(folder / name, longest)
        if digests[key] != vouched.get(name):
            return folder / name
    return None


def _digest(path: Path, most: int) -> str:
    try:
        return sha256(path, most)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=CURE) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint=CURE) from error


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
            raise ModelError(f"{folder / CONFIG} describes no network: {told(error)}", hint=CURE) from error
    return {direction: found[direction] for direction in directions}


def check_places(path: Path, expected: Mapping[str, ArrayKind], places: Mapping[str, ArrayPlace]) -> None:
    """Refuse weights that are not those that are expected."""
    for name in expected.keys() | places.keys():
        have = (places[name].dtype, places[name].shape) if name in places else None
        if have != expected.get(name):
            raise ModelError(
                f"{path}: array {one_line(name)} is {_words(have)}, expected {_words(expected.get(name))}", hint=CURE
            )


def _words(kind: ArrayKind | None) -> str:
    return "not there" if kind is None else f"{kind[0]} {kind[1]}"
