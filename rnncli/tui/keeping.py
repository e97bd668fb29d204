"""Chats and pads on the disk: kept as they grow, found again, exported. No Textual here.

They lie where programs keep what a person did (XDG's state folder), one JSON file each; see formats/story.py.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rnncli.errors import ConfigError, StoryError
from rnncli.formats import story as files
from rnncli.text.escapes import bytes_of

if TYPE_CHECKING:
    from rnncli.api import Model
    from rnncli.inference.engine import Engine
    from rnncli.inference.story import Story

MOST_KEPT = 200
"""Chats: the oldest go."""


def folder(kind: str = "chat") -> Path:
    """Where chats are kept, or pads."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "rnncli" / f"{kind}s"


def new_file(model: Model, kind: str = "chat") -> Path:
    """A file for a new chat or pad, named after its model and the time. It is not made yet."""
    name = re.sub(r"[^\w.-]", "_", model.name)[:60] or "model"
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    path, number = folder(kind) / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = folder(kind) / f"{stem}-{number}.json"
    return path


def writer(model: Model) -> Engine:
    """The engine that a story is written with: on one thread, for the screen needs a processor too.

    Two write a fifth faster on two cores, and have keys wait for them.
    """
    return model.sampler.engine.workers()[0]


def author(model: Model) -> files.Author:
    """Whose chat it is: it can be told on by the same weights alone."""
    return files.Author(model.name, str(model.definition["model"]))


def save(path: Path, model: Model, story: Story) -> None:
    """Write a chat whole. Only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.save(path, story, author(model))
    if path.parent in (folder(), folder("pad")):
        for old in sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)[:-MOST_KEPT]:
            old.unlink(missing_ok=True)


def load(path: Path, model: Model) -> Story:
    """A chat of this model. A StoryError where it is damaged or another's."""
    return files.load(path, writer(model), model.tokenizer, model.unit, author(model))


def latest(model: Model, kind: str = "chat") -> Path:
    """The chat or pad with this model that was written to last. A StoryError where there is none."""
    found = sorted(folder(kind).glob("*.json"), key=lambda one: -one.stat().st_mtime)
    for path in found:
        try:
            load(path, model)
        except StoryError:
            continue
        return path
    hint = f"They are kept in {folder(kind)}, and gone on with by the weights that wrote them alone."
    raise StoryError(f"there is no {kind} with {model.name} as it is now", hint=hint)


def export(path: Path, model: Model, story: Story, node: int) -> None:
    """Write what the end of the name says: .json the whole chat, .md or .txt the text up to a node."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        files.save(path, story, author(model))
    elif suffix == ".md":
        path.write_text(files.markdown(story, node, author(model)), encoding="utf-8", errors="surrogateescape")
    elif suffix == ".txt":
        path.write_bytes(story.path_data(node))
    else:
        raise ConfigError(f"a chat is written as .json, .md or .txt; got {path.name}")


def export_text(path: Path, text: str) -> str:
    """Write a text that no story has, bytes that are no UTF-8 as they were; what was done is returned."""
    if path.suffix.lower() != ".txt":
        raise ConfigError(f"a text that is not a chat's is written as .txt; got {path.name}")
    path.write_bytes(bytes_of(text))
    return f"saved as {path}"
