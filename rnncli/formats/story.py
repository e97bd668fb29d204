"""A story as a file that can be told again, as plain text, and as Markdown.

The file is one JSON object, a token a line. All of it is checked before it is believed: whoever opens one may have it
from anywhere.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from rnncli.config import SampleConfig, Unit, from_dict, to_dict
from rnncli.errors import ConfigError, StoryError
from rnncli.inference.engine import Engine
from rnncli.inference.story import LONGEST_TAKEN, Story
from rnncli.inference.tree import BY, CHOSEN, DRAWN, HEALED, MOST_SAMPLES, TYPED, Healing, Tree
from rnncli.text.escapes import has_lone, without_lone
from rnncli.text.files import write_bytes
from rnncli.text.tokenizers.base import Tokenizer

KIND, VERSION = "rnncli story", 1
MOST_BYTES = 1 << 30
TOKEN = {"parent", "id", "token", "by", "logprob"}
RECORD = {"settings", "sample"}
HEALING = {"size", "taken", "original"}
MOST_SHOWN = 200
"""Characters of a file's own words in a message."""
LONE = re.compile("[\ud800-\udfff]")


class Author(NamedTuple):
    """The model of a story: its name, and the fingerprint of its weights."""

    name: str
    fingerprint: str


# Writing


def dumps(story: Story, author: Author) -> str:
    """The whole story as JSON that a person can read."""
    model = {
        "name": without_lone(author.name),
        "fingerprint": author.fingerprint,
        "tokenizer": story.tokenizer.fingerprint,
        "engine": dict(story.engine.definition),
    }
    settings = [to_dict(config) for config in story.tree.configs]
    nodes = ",\n".join(_line(_entry(story, node)) for node in range(1, len(story)))
    parts = {"kind": _line(KIND), "version": _line(VERSION), "model": _line(model)}
    parts |= {"settings": "[" + ",\n".join(map(_line, settings)) + "]", "nodes": "[\n" + nodes + "\n]"}
    return "{\n" + ",\n".join(f'"{name}": {value}' for name, value in parts.items()) + "\n}\n"


def save(path: Path, story: Story, author: Author) -> None:
    """Write a story's file whole, or leave what was there."""
    write_bytes(path, dumps(story, author).encode())


def _line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # A stop text may hold bytes that are no UTF-8, as lone surrogates: JSON has them as escapes alone.
    return LONE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _entry(story: Story, node: int) -> dict[str, Any]:
    tree = story.tree
    token_id, logprob, by = tree.ids[node], tree.logprobs[node], tree.by[node]
    entry: dict[str, Any] = {
        "parent": tree.parents[node],
        "id": token_id,
        "token": story.tokenizer.token(token_id),
        "by": BY[by],
        "logprob": None if math.isinf(logprob) else logprob,
    }
    healing = tree.healings.get(node)
    if by == DRAWN or healing is not None:
        entry |= {"settings": tree.settings[node], "sample": tree.samples[node]}
    if healing is not None:
        entry |= {"size": healing.size, "taken": healing.taken.hex(), "original": list(healing.original)}
    return entry


# Reading


def load(path: Path, engine: Engine, tokenizer: Tokenizer, unit: Unit, author: Author) -> Story:
    """The story of a file; see ``loads``. A StoryError where it cannot be read."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise StoryError(f"{path} is no file of a story")
        data = path.read_bytes()
    except OSError as error:
        raise StoryError(f"{path} cannot be read: {error.strerror or error}") from None
    return loads(data, engine, tokenizer, unit, author)


def loads(data: bytes, engine: Engine, tokenizer: Tokenizer, unit: Unit, author: Author) -> Story:
    """The story that ``dumps`` wrote, told on by the same model. The model is not asked: ``reproduce`` does that.

    A StoryError where it is damaged, from a newer version, or of another model.
    """
    document = _document(data)
    _check_model(document["model"], tokenizer, author)
    reader = _Reader(tokenizer, document["settings"])
    for entry in document["nodes"]:
        reader.add(entry)
    reader.finish()
    return Story(engine, tokenizer, unit, reader.tree)


def _document(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(f"it is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise _damaged("it is the file of something else")
    version = found.get("version")
    if type(version) is int and version > VERSION:
        raise StoryError(f"the story has format {version}; this rnncli reads {VERSION}", hint="Install a newer rnncli.")
    if type(version) is not int or version != VERSION:
        raise _damaged("it has no format that there is")
    kinds = {"model": dict, "settings": list, "nodes": list}
    for name, kind in kinds.items():
        if not isinstance(found.get(name), kind):
            raise _damaged(f"it has no {name}")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _check_model(model: Mapping[str, Any], tokenizer: Tokenizer, author: Author) -> None:
    told = [model.get(name) for name in ("name", "fingerprint", "tokenizer")]
    if not all(isinstance(one, str) and not has_lone(one) for one in told):
        raise _damaged("it does not tell its model")
    name, fingerprint, vocabulary = map(str, told)
    if (fingerprint, vocabulary) != (author.fingerprint, tokenizer.fingerprint):
        theirs, ours = (f"{n[:MOST_SHOWN]} ({f[:12]})" for n, f in ((name, fingerprint), author))
        raise StoryError(
            f"the story is by the model {theirs}, and this is {ours}: not the same weights",
            hint="Open it with the model that it is by; one trained on is another.",
        )


def _damaged(reason: str) -> StoryError:
    shown = without_lone(reason if len(reason) <= MOST_SHOWN else reason[:MOST_SHOWN] + "...")
    return StoryError(f"the story is damaged: {shown}", hint="Copy the file again from where it came.")


class _Reader:
    """Builds a tree from entries, each checked."""

    def __init__(self, tokenizer: Tokenizer, settings: list[Any]) -> None:
        self.tree = Tree(tokenizer.newline_id)
        self._tokenizer = tokenizer
        self._numbers = [self._setting(number, values) for number, values in enumerate(settings)]
        self._healing = 0
        """How many tokens are still to come of a healed piece."""

    def _setting(self, number: int, values: Any) -> int:
        try:
            config = from_dict(SampleConfig, values)
            if not all(isinstance(stop, str) and stop for stop in config.stop):
                raise ConfigError("a stop text is none")
            return self.tree.intern(config)
        except (ConfigError, RecursionError) as error:
            raise _damaged(f"settings {number}: {error}") from None

    def add(self, entry: Any) -> None:
        """The next node."""
        node = len(self.tree)
        by = self._kind(node, entry)
        parent = self._number(node, entry, "parent", node)
        token_id = self._number(node, entry, "id", self._tokenizer.vocab_size)
        if entry["token"] != self._tokenizer.token(token_id):
            raise _damaged(f"node {node}: token {token_id} has another text")
        logprob = self._logprob(node, entry["logprob"])
        if self._healing:
            if by != HEALED or parent != node - 1:
                raise _damaged(f"node {node}: it should end a healed piece")
            self._healing -= 1
            self.tree.go_on_healing(parent, token_id, logprob)
        elif by in (TYPED, CHOSEN):
            self.tree.add(parent, token_id, by, logprob)
        else:
            setting = self._numbers[self._number(node, entry, "settings", len(self._numbers))]
            sample = self._number(node, entry, "sample", MOST_SAMPLES)
            if by == DRAWN:
                self.tree.add(parent, token_id, DRAWN, logprob, setting, sample)
            else:
                healing = self._read_healing(node, entry)
                self.tree.begin_healing(parent, token_id, logprob, setting, sample, healing)
                self._healing = healing.size - 1

    def finish(self) -> None:
        """After the last."""
        if self._healing:
            raise _damaged("a healed piece is cut off")

    def _kind(self, node: int, entry: Any) -> int:
        """Who put it there, its fields being those that it must have."""
        by = entry.get("by") if isinstance(entry, dict) else None
        if not isinstance(by, str) or by not in BY[1:]:
            raise _damaged(f"node {node}: nobody put it there")
        fields = {"drawn": TOKEN | RECORD, "healed": TOKEN | RECORD | HEALING}.get(by, TOKEN)
        if set(entry) != (TOKEN if self._healing else fields):
            raise _damaged(f"node {node}: fields are missing, or too many")
        return BY.index(by)

    @staticmethod
    def _number(node: int, entry: Mapping[str, Any], name: str, below: int) -> int:
        value = entry[name]
        if type(value) is not int or not 0 <= value < below:
            raise _damaged(f"node {node}: {name} must be a whole number from 0 to {below - 1}")
        return value

    @staticmethod
    def _logprob(node: int, value: Any) -> float:
        if value is None:
            return -math.inf
        if type(value) not in (int, float) or not -1e9 <= value <= 0:
            raise _damaged(f"node {node}: its log-probability is none")
        return float(value)

    def _read_healing(self, node: int, entry: Mapping[str, Any]) -> Healing:
        size = self._number(node, entry, "size", LONGEST_TAKEN + 1)
        original, taken = entry["original"], entry["taken"]
        whole = isinstance(original, list) and 0 < len(original) <= LONGEST_TAKEN
        if not size or not whole or not isinstance(taken, str) or not re.fullmatch("(?:[0-9a-f]{2})+", taken):
            raise _damaged(f"node {node}: what was healed is not told")
        ids = tuple(self._number(node, {"original": one}, "original", self._tokenizer.vocab_size) for one in original)
        if len(taken) > 2 * LONGEST_TAKEN:
            raise _damaged(f"node {node}: more was healed than can be")
        return Healing(size, bytes.fromhex(taken), ids)


# For reading


def plain_text(story: Story, node: int) -> str:
    """The text from the root to a node; U+FFFD for what is no character."""
    return "".join(story.texts(node))


def markdown(story: Story, node: int, author: Author) -> str:
    """A path as Markdown: who wrote what, and under which settings, each text fenced as it is."""
    path = story.path(node)[1:]
    lines = ["# A story", "", f"With the model {_inline(author.name)}.", ""]
    for title, pairs in groupby(zip(path, story.texts(node), strict=True), key=lambda pair: _title(story, pair[0])):
        text = "".join(text for _, text in pairs)
        longest = max(map(len, re.findall("~+", text)), default=0)
        fence = "~" * max(3, longest + 1)
        lines += [f"**{title}**", "", f"{fence}text", text, fence, ""]
    return "\n".join(lines)


def _title(story: Story, node: int) -> str:
    tree = story.tree
    if tree.by[node] in (TYPED, CHOSEN):
        return "You" if tree.by[node] == TYPED else "You, by hand"
    config, plain = tree.configs[tree.settings[node]], SampleConfig()
    names = ("top_k", "top_p", "min_p", "repeat_penalty")
    filters = [f"{name.replace('_', '-')} {getattr(config, name)}" for name in names]
    changed = [text for name, text in zip(names, filters, strict=True) if getattr(config, name) != getattr(plain, name)]
    parts = [f"temperature {config.temperature:g}", *changed, f"seed {config.seed}", f"sample {tree.samples[node]}"]
    return f"The model: {', '.join(parts)}"


def _inline(name: str) -> str:
    """A name that may hold anything, as code on one line."""
    shown = "".join(char if char.isprintable() and char != "`" else "\ufffd" for char in name)
    return f"`{shown}`"
