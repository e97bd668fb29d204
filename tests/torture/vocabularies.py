"""A tokenizer.json that the library itself opens, or would die of, and that no kind of tokenizer here writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from tests.torture.harming import Surroundings

Document: TypeAlias = dict[str, Any]
SLOW = (r"(a+)+$", r"(a|aa)+\z", r"(?:(?:.*)*)*x", r"((\S+)*)*\n", "(" * 5000 + ")" * 5000, "[")
"""Regular expressions that take for ever on some text, or cannot be compiled."""
NO_MERGES: tuple[Any, ...] = ([["no", "such"]], ["ab"], [[]], [1], "x", [["a"] * 3])
SETTINGS: tuple[Document, ...] = (
    {"ignore_merges": True},
    {"byte_fallback": False},
    {"unk_token": "x"},
    {"continuing_subword_prefix": "é"},
    {"dropout": 1.0},
    {"dropout": "x"},
)


def lie(path: Path, dice: Random, around: Surroundings) -> str:
    """One of LIES."""
    document = json.loads(path.read_bytes())
    chosen = dice.choice(sorted(LIES))
    LIES[chosen](document, dice)
    path.write_text(json.dumps(document), encoding="utf-8")
    return chosen


def _split(dice: Random) -> Document:
    return {"type": "Split", "pattern": {"Regex": dice.choice(SLOW)}, "behavior": "Isolated", "invert": False}


def _replacement(dice: Random) -> Document:
    return {"type": "Replace", "pattern": {"Regex": dice.choice(SLOW)}, "content": "b" * dice.choice((1, 10**6))}


def _both_splits(document: Document, dice: Random) -> None:
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [document["pre_tokenizer"], _split(dice)]}


def _added(document: Document, dice: Random) -> None:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    token = {"id": 0, "content": dice.choice(_words(document)), "special": True, **flags}
    document["added_tokens"] = [token] * dice.choice((1, 10_000))


def _words(document: Document) -> list[str]:
    return list(document["model"]["vocab"])


def _id(document: Document, dice: Random, *ids: Any) -> None:
    document["model"]["vocab"][dice.choice(_words(document))] = dice.choice(ids)


def _large(document: Document, dice: Random) -> None:
    first = len(_words(document))
    document["model"]["vocab"] |= {f"w{number}": first + number for number in range(300_000)}


def _strange(document: Document, dice: Random) -> None:
    words = _words(document)
    strange = (f"\x1b[{number}m" if number % 3 == 0 else word for number, word in enumerate(words))
    document["model"]["vocab"] = {word: number for number, word in enumerate(strange)}


def _merges(document: Document, dice: Random) -> None:
    document["model"]["merges"] = [_words(document)[-2:]] * 1_000_000


def _deep(document: Document, dice: Random) -> None:
    document["decoder"] = json.loads('{"a":' * 400 + "1" + "}" * 400)


def _truncation(document: Document, dice: Random) -> None:
    document["truncation"] = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}


def _without(document: Document, dice: Random, *words: str) -> None:
    for word in words:
        document["model"]["vocab"].pop(word, None)


LIES: dict[str, Callable[[Document, Random], object]] = {
    "a slow pattern": lambda document, dice: document.update(pre_tokenizer=_split(dice)),
    "a slow pattern more": _both_splits,
    "no pre-tokenizer": lambda document, dice: document.update(pre_tokenizer=None),
    "a slow normalizer": lambda document, dice: document.update(normalizer=_replacement(dice)),
    "a normalizer": lambda document, dice: document.update(
        normalizer={"type": dice.choice(("NFKC", "Strip", "Precompiled", "Lowercase"))}
    ),
    "added tokens": _added,
    "a slow decoder": lambda document, dice: document.update(decoder=_replacement(dice)),
    "a template": lambda document, dice: document.update(
        post_processor={"type": "RobertaProcessing", "sep": ["x", 0], "cls": ["y", 1]}
    ),
    "a truncation": _truncation,
    "a gap": lambda document, dice: _id(document, dice, 10**9, 2**31, 2**32 - 1, -1, 2**64, 1.5, True, "1"),
    "an id twice": lambda document, dice: _id(document, dice, *range(20)),
    "a token less": lambda document, dice: _without(document, dice, dice.choice(_words(document))),
    "no newline": lambda document, dice: _without(document, dice, "\n", "Ċ", "<0x0A>"),
    "a large vocabulary": _large,
    "strange tokens": _strange,
    "a million merges": _merges,
    "merges of nothing": lambda document, dice: document["model"].update(merges=dice.choice(NO_MERGES)),
    "other settings": lambda document, dice: document["model"].update(dice.choice(SETTINGS)),
    "another model": lambda document, dice: document["model"].update(
        type=dice.choice(("Unigram", "WordPiece", "WordLevel", "BPE", "X"))
    ),
    "deep": _deep,
    "more": lambda document, dice: document.update({"x" * dice.choice((1, 10**6)): dice.choice(("y", 1, [1]))}),
}
