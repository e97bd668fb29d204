"""Which models there are, and what a new one is called. Standard library only.

Users' models lie in ``./models/NAME``; a model anywhere else is given by its folder. The starter comes with
the program: in an installed wheel in ``rnncli/box``, in a checkout as ``models/starter`` beside the package.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rnncli.errors import ConfigError, ModelError, RnncliError
from rnncli.guarded import LONGEST_JSON, check_within, read_file, read_plain
from rnncli.naming import LONGEST_NAME, STARTER, check_name, is_name, is_reserved

MODELS = Path("models")
VARIABLE = "RNNCLI_MODEL"
CONFIG = "config.json"
COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
PLAIN_STEMS = ("train", "input", "corpus")
"""File names that say nothing: the model takes the name of their folder."""

_BOX = Path(__file__).parent / "box"
_CHECKOUT = Path(__file__).parent.parent


class Entry(NamedTuple):
    """A model folder as a list shows it. ``config`` is empty where config.json cannot be read."""

    name: str
    folder: Path
    config: dict[str, Any]
    created: float
    """Seconds since 1970."""

    @property
    def size(self) -> int:
        """Bytes of the model's own files, what resume needs left out."""
        return sum(f.stat().st_size for f in self.folder.iterdir() if f.is_file() and not f.name.startswith("."))


def starter() -> Path | None:
    """The folder of the model that comes with the program, if it is there."""
    for folder in (_BOX / "models" / STARTER, _CHECKOUT / "models" / STARTER):
        if (folder / CONFIG).is_file():
            return folder
    return None


def resolve(model: str | None = None) -> Path:
    """The folder of a model given by name or folder; of none: $RNNCLI_MODEL, the newest, the starter."""
    if model is None and os.environ.get(VARIABLE):
        try:
            return _find(os.environ[VARIABLE])
        except ModelError as error:
            raise ModelError(f"${VARIABLE}: {error.message}", hint=error.hint) from None
    if model is not None:
        return _find(model)
    found = max(_own_models(), key=lambda entry: entry.created, default=None)
    folder = found.folder if found else starter()
    if folder is None:
        raise ModelError("there is no model yet", hint="Train one: rnncli train CORPUS")
    return folder


def reference(folder: str | Path) -> str:
    """What -m takes for a model's folder: its name where it lies in ./models, else a path that is no name."""
    path = Path(folder)
    same = path.parent == MODELS or path.parent.absolute() == MODELS.absolute()
    if same and is_name(path.name):
        return path.name
    return str(path) if len(path.parts) > 1 or path.is_absolute() else f".{os.sep}{path}"


def find_run(name: str) -> Path:
    """The folder of a training, given by name or folder, whether or not it has left a model."""
    if name and _is_dir(Path(name) / "training"):
        return Path(name)
    if is_name(name) and _is_dir(MODELS / name):
        return MODELS / name
    return _find(name)


def _find(model: str) -> Path:
    if _is_model(folder := MODELS / model) and is_name(model):
        return folder
    if model == STARTER and (shipped := starter()):
        return shipped
    if model and _is_dir(Path(model)):
        if _is_model(Path(model)):
            return Path(model)
        raise ModelError(f"{model} is no model folder: it holds no {CONFIG}", hint=_hint(model))
    if is_name(model):
        _check_begun(model)
    raise ModelError(f"there is no model {model or '(empty name)'}", hint=_hint(model))


def _check_begun(name: str) -> None:
    """A ModelError where a training that has not come to a model yet has taken the name, perhaps from another model."""
    aside = MODELS / f".{name}.old"  # where --overwrite puts it until there is a new one
    old = f"The one that it replaces is in {aside}." if _is_model(aside) else ""
    if _is_dir(MODELS / name / "training"):
        hint = f"Go on: rnncli train --resume {shlex.quote(name)}{old and f'. {old}'}"
        raise ModelError(f"the model {name} has not been saved yet", hint=hint)
    if old:
        raise ModelError(f"the model {name} was about to be replaced by a training that died", hint=old)


def _hint(model: str) -> str:
    names = [entry.name for entry in list_models()]
    near = difflib.get_close_matches(model, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]}? rnncli models list shows all."
    if names:
        return f"Names are looked up in ./{MODELS}: rnncli models list shows them. Elsewhere, give the model's folder."
    return "Train one: rnncli train CORPUS"


def _is_model(folder: Path) -> bool:
    try:
        return (folder / CONFIG).is_file()
    except (OSError, ValueError):
        return False


def _is_dir(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:
        return False


def entry(folder: Path, name: str | None = None) -> Entry:
    """What a list shows of a model folder; a config.json that cannot be read leaves the entry's empty."""
    path = folder / CONFIG
    try:
        value = json.loads(read_plain(path, LONGEST_JSON))
    except (OSError, ValueError, RecursionError):
        value = None
    config = value if isinstance(value, dict) else {}
    return Entry(name=name or folder.name, folder=folder, config=config, created=_created(config, path))


def shown(path: Path) -> str:
    """A text of a model folder, to be shown as it is; a ModelError where it is none, or longer than anyone reads."""
    try:
        return read_file(path, LONGEST_JSON).decode("utf-8", "replace")
    except OSError as error:
        raise ModelError(f"{path} cannot be shown: {error.strerror}", hint="Copy the folder again.") from error


def check_link(path: Path) -> None:
    """Refuse a file in a model's training/ that is a link to somewhere else."""
    try:
        check_within(path.parent.parent, path)
    except OSError as error:
        raise ModelError(f"{path} cannot be shown: {error.strerror}", hint="Copy the folder again.") from error


def _created(config: dict[str, Any], path: Path) -> float:
    created = config.get("created")
    try:
        if isinstance(created, int | float) and not isinstance(created, bool):
            return float(created)
        when = datetime.fromisoformat(str(created))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _own_models() -> list[Entry]:
    """The models in ./models, the starter left out, by name."""
    try:
        folders = sorted(MODELS.iterdir())
    except OSError:
        return []
    return [entry(f) for f in folders if f.name != STARTER and is_name(f.name) and _is_model(f)]


def list_models() -> list[Entry]:
    """The models in ./models, newest first, then the starter."""
    own = sorted(_own_models(), key=lambda entry: (-entry.created, entry.name))
    shipped = starter() or (MODELS / STARTER if _is_model(MODELS / STARTER) else None)
    return own + ([entry(shipped, STARTER)] if shipped else [])


def new_name(corpora: Sequence[str], name: str | None = None, *, overwrite: bool = False) -> str:
    """The name of a model to be trained: the one asked for, or a free one made from the corpus."""
    if name is not None:
        check_name(name)
        if not overwrite and _taken(MODELS / name):
            raise _exists(f"the model {name} exists", name)
        if _taken(MODELS / name) and not _looks_like_a_run(MODELS / name):
            raise ConfigError(f"the folder {MODELS / name} holds other things", hint="Give another --name.")
        return name
    base = _name_of(corpora[0]) if corpora else "model"
    number, free = 1, base
    while free == STARTER or (_taken(MODELS / free) and not (overwrite and _looks_like_a_run(MODELS / free))):
        number += 1
        free = f"{base}-{number}"
    return free


def new_folder(
    corpora: Sequence[str], *, name: str | None = None, out: str | None = None, overwrite: bool = False
) -> Path:
    """Where a model to be trained goes: ``out``, or ./models/NAME. Nothing is written."""
    if out is None:
        return MODELS / new_name(corpora, name, overwrite=overwrite)
    if name is not None:
        check_name(name)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out {out} is a file, not a folder")
    if _taken(folder) and not (overwrite and _looks_like_a_run(folder)):
        if _looks_like_a_run(folder):
            raise _exists(f"the folder {out} holds a model", out)
        raise ConfigError(f"the folder {out} holds other things", hint="Give --out a new or an empty folder.")
    return folder


def export_folder(source: Path, form: str, out: str | None, *, overwrite: bool) -> Path:
    """Where a model in another form goes: ``out``, or ./models/NAME-FORM. Never the folder that it comes from."""
    folder = (
        new_folder((), out=out, overwrite=overwrite)
        if out
        else MODELS / new_name((), f"{source.name}-{form}", overwrite=overwrite)
    )
    if folder.resolve() == source.resolve():
        raise ConfigError(f"{folder} is the model itself", hint="Give another --out.")
    return folder


def _exists(what: str, name: str) -> ConfigError:
    return ConfigError(
        what, hint=f"Use --overwrite to replace it, or --resume {shlex.quote(name)} to train it further."
    )


def _taken(folder: Path) -> bool:
    """Whether something is there; an empty folder is free."""
    try:
        return folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
    except OSError as error:
        raise RnncliError(f"{folder} cannot be looked at: {error.strerror}") from error


def _looks_like_a_run(folder: Path) -> bool:
    return _is_model(folder) or _is_dir(folder / "training")


def _name_of(corpus: str) -> str:
    """``names`` for data/names/train.txt.xz, ``My-book`` for "My book.txt"."""
    if corpus == "-":
        return "stdin"
    path = Path(corpus)
    path = path.resolve() if not path.name or path.name == ".." else path
    stem = path.name
    if not _is_dir(path):
        for suffix in COMPRESSED:
            stem = stem.removesuffix(suffix)
        stem = Path(stem).stem
        if stem.lower() in PLAIN_STEMS:
            stem = path.resolve().parent.name or stem
    clean = re.sub(r"[^\w.+-]+", "-", stem).strip("-.")
    while len(clean.encode(errors="replace")) > 120 or len(clean) > LONGEST_NAME - 5:
        clean = clean[:-1]
    if not clean or is_reserved(clean):
        return f"{clean}-model".strip("-")
    return clean


def remove(model: str) -> Path:
    """Delete a model's folder, what resume needs included, and say which it was. The starter stays."""
    folder = MODELS / model if is_name(model) and _looks_like_a_run(MODELS / model) else _find(model)
    shipped = starter()
    if model == STARTER or (shipped and folder.resolve() == shipped.resolve()):
        raise ModelError("the starter comes with the program and stays")
    if not {"format", "parts"} <= entry(folder).config.keys() and not _is_dir(folder / "training"):
        raise ModelError(f"{folder} does not look like a model folder", hint="Delete it by hand if you mean to.")
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
    except OSError as error:
        raise RnncliError(f"{folder} cannot be removed: {error.strerror or error}") from error
    return folder
