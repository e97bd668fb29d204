"""The model folder: the one place that writes, opens and checks it. No torch.

    NAME/config.json        what it is; renamed last, with the fingerprints of the other two
    NAME/tokenizer.json     opens in HF tokenizers
    NAME/model.safetensors  arrays named PART/array, see array_shapes
    NAME/README.md          the model card
    NAME/training/          what resume needs

Each file is written beside its place, flushed and renamed, so a reader sees the old one or the new one. A reader
that meets new weights with an old config.json (a training is saving) waits and tries again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli import spec
from rnncli.config import ModelConfig, Unit, from_dict
from rnncli.errors import ConfigError, ModelError, RnncliError
from rnncli.text.files import replacing
from rnncli.text.tokenizers import TOKENIZERS
from rnncli.text.tokenizers.base import Tokenizer

FORMAT = 1
CONFIG, TOKENIZER, WEIGHTS, CARD, TRAINING = (
    "config.json", "tokenizer.json", "model.safetensors", "README.md", "training",
)  # fmt: skip
PART = "main"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Stored:
    """An opened model folder: checked, weights in float32 in memory."""

    folder: Path
    config: dict[str, Any]
    model: ModelConfig
    arrays: Arrays
    tokenizer: Tokenizer

    @property
    def unit(self) -> Unit:
        return "lines" if self.config.get("unit") == "lines" else "stream"

    @property
    def fingerprint(self) -> str:
        return str(self.config["fingerprints"][WEIGHTS])


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, or leave what was there."""
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise RnncliError(f"cannot write {path}: {error.strerror or error}") from error


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
        raise ModelError(f"{path} cannot be read: {error}", hint=_CURE) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is no JSON object", hint=_CURE)
    return value


_CURE = "Train it again, copy the folder again, or go on from its last save with rnncli train --resume."


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        raise ModelError(f"{path.parent} holds no {path.name}", hint=_CURE) from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is truncated or altered: {error}", hint=_CURE) from error


def write_weights(folder: Path, arrays: Arrays, config: Mapping[str, Any]) -> None:
    """Put new weights in place, then the config.json that vouches for them."""
    save_arrays(folder / WEIGHTS, {f"{PART}/{name}": array for name, array in arrays.items()})
    write_config(folder, config)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Rename config.json into place, with the fingerprints of what lies beside it."""
    old = folder / CONFIG
    try:
        generation = read_json(old).get("generation", 0) + 1 if old.exists() else 1
    except ModelError:  # it is being mended
        generation = 1
    prints = {name: sha256(folder / name) for name in (TOKENIZER, WEIGHTS)}
    write_json(old, {"format": FORMAT, **config, "generation": generation, "fingerprints": prints})


def part_config(model: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of config.json's ``parts``."""
    return {"name": PART, "kind": "rnn", "direction": "forward", "weight": 1.0, "model": dict(model)}


def open_folder(folder: Path, *, patience: float = 2.0) -> Stored:
    """A checked model folder. A fingerprint that does not fit is tried again for ``patience`` seconds."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}", hint="rnncli models list shows what there is.")
    deadline = time.monotonic() + patience
    while True:
        config = read_config(folder)
        wrong = [name for name in (WEIGHTS, TOKENIZER) if _digest(folder / name) != config["fingerprints"].get(name)]
        if not wrong:
            return _open(folder, config)
        if time.monotonic() > deadline:
            raise ModelError(f"{folder / wrong[0]} is not the file that config.json vouches for", hint=_CURE)
        time.sleep(0.1)


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json with its format checked; the weights are not looked at."""
    config = read_json(folder / CONFIG)
    number = config.get("format")
    if not isinstance(number, int) or number < 1:
        raise ModelError(f"{folder / CONFIG} is not a model's config.json: it has no format number", hint=_CURE)
    if number > FORMAT:
        raise ModelError(
            f"{folder / CONFIG} has format {number}; this program reads {FORMAT} and older",
            hint="Upgrade rnncli.",
        )
    if not isinstance(config.get("fingerprints"), dict) or not isinstance(config.get("parts"), list):
        raise ModelError(f"{folder / CONFIG} lacks parts or fingerprints", hint=_CURE)
    return config


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}", hint=_CURE) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint=_CURE) from error


def _open(folder: Path, config: dict[str, Any]) -> Stored:
    parts = config["parts"]
    if len(parts) != 1 or not isinstance(parts[0], dict) or parts[0].get("kind") != "rnn":
        raise ModelError(f"{folder / CONFIG} has parts that this program does not know", hint="Upgrade rnncli.")
    described = config.get("tokenizer")
    kind: Any = described.get("kind") if isinstance(described, dict) else None
    if not isinstance(kind, str) or kind not in TOKENIZERS:
        raise ModelError(f"{folder / CONFIG} names no tokenizer that this program knows: {kind}", hint=_CURE)
    try:
        model = from_dict(ModelConfig, parts[0]["model"])
    except (ConfigError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / CONFIG} describes no network: {error}", hint=_CURE) from error
    stored = load_arrays(folder / WEIGHTS)
    arrays = {name.removeprefix(PART + "/"): np.asarray(a, np.float32) for name, a in stored.items()}
    check_arrays(folder / WEIGHTS, model, arrays)
    tokenizer: Tokenizer = TOKENIZERS[kind].load(folder / TOKENIZER)
    if tokenizer.vocab_size != model.vocab_size:
        raise ModelError(
            f"{folder / TOKENIZER} has {tokenizer.vocab_size} entries, the network {model.vocab_size}",
            hint=_CURE,
        )
    return Stored(folder, config, model, arrays, tokenizer)


def array_shapes(model: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of each array that a network of this config has."""
    width = spec.state_width(model.hidden_size, model.activation if model.cell == "rnn" else "tanh")
    rows = len(spec.CELLS[model.cell].gates) * model.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"embedding": (model.vocab_size, model.embedding_size)}
    for layer in range(model.layers):
        shapes[f"layers.{layer}.W"] = (rows, width if layer else model.embedding_size)
        shapes[f"layers.{layer}.R"] = (rows, width)
        shapes[f"layers.{layer}.B"] = (2 * rows,)
    if model.tie and model.embedding_size != width:
        shapes["projection"] = (model.embedding_size, width)
    if not model.tie:
        shapes["head.weight"] = (model.vocab_size, width)
    shapes["head.bias"] = (model.vocab_size,)
    return shapes


def check_arrays(path: Path, model: ModelConfig, arrays: Arrays) -> None:
    """Refuse weights that are not those of ``model``."""
    shapes = array_shapes(model)
    for name in shapes.keys() | arrays.keys():
        have = arrays[name].shape if name in arrays else None
        if have != shapes.get(name):
            raise ModelError(f"{path}: array {name} is {have}, expected {shapes.get(name)}", hint=_CURE)
