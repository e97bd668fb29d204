"""The model card: README.md of a model folder, written for a person."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 1e300
"""No figure is as large: an integer beyond could not be written as a float."""
PRIVACY = (
    "## Mind",
    "",
    "A language model tells of its text: words, names and passages of the corpus are in its vocabulary and its",
    "samples. Give it only to those who may see the corpus. The folder training/ holds the text itself, as ids and",
    "as valid.txt; it may be deleted, and then the training cannot be resumed.",
    "",
)


def model_card(name: str, config: Mapping[str, Any], samples: Sequence[str], *, reference: str | None = None) -> str:
    """Markdown from a config.json and some samples. ``reference``: what -m takes, if that is not the name.

    Only what a network is made of must be in it: what the model was trained on, and how well it does, may be missing
    or be anything, for the folder may be anyone's.
    """
    corpus, metrics = _mapping(config.get("corpus")), _mapping(config.get("metrics"))
    part = config["parts"][0]["model"]
    lines = [
        f"# {_one_line(name)}",
        "",
        f"A recurrent language model, trained by rnncli {_word(config.get('rnncli'))} on {_trained_on(corpus)}.",
        "",
        "It reads one line at a time, each by itself."
        if config["unit"] == "lines"
        else "It reads running text, from line to line.",
        *_directions(config),
        "",
        "## How well it does",
        "",
        *(_figures(metrics, corpus) or ["Nobody has measured it."]),
        "",
        "## What it is",
        "",
        f"- {part['layers']} {part['cell']} layer{'s' * (part['layers'] > 1)} of {part['hidden_size']} units, "
        f"{_number(config.get('params'), ',')} parameters",
        f"- tokenizer: {config['tokenizer']['kind']}, {part['vocab_size']:,} tokens",
        *_weights(config),
        f"- created {_word(config.get('created'))}",
        "",
    ]
    if samples:
        lines += ["## Three samples", "", "At temperature 0.8, as they came:", ""]
    for sample in samples:
        lines += ["~~~", sample.strip("\n").replace("~~~", "~ ~ ~"), "~~~", ""]
    use = _use(name if reference is None else reference, writes=_ways(config) != ["backward"])
    return "\n".join([*lines, *PRIVACY, *use])


def _directions(config: Mapping[str, Any]) -> list[str]:
    """Of what does not read forward alone; that goes without saying."""
    if len(_ways(config)) > 1:
        return ["It has two networks: one reads each line from its beginning, the other from its end (--direction)."]
    backward = _ways(config) == ["backward"]
    return ["It reads each line from its end: it scores, and does not write."] if backward else []


def _ways(config: Mapping[str, Any]) -> list[str]:
    return [part.get("direction", "forward") for part in config["parts"]]


def _use(reference: str, *, writes: bool) -> list[str]:
    model = _one_line(shlex.quote(reference))
    commands = [f"echo 'How likely is this sentence?' | rnncli score -m {model}"]
    if writes:
        commands.insert(0, f"rnncli sample -m {model}")
    return ["## Use", "", "```sh", *commands, "```", ""]


def _weights(config: Mapping[str, Any]) -> list[str]:
    """Of fewer bits, and what they cost; float32 goes without saying."""
    weights, cost = config["parts"][0].get("weights"), config.get("cost")
    if not weights:
        return []
    if not isinstance(cost, Mapping):
        return [f"- weights: {weights}"]
    per_byte = cost.get("bits_per_byte")
    figure, unit = (per_byte, "bits per byte") if per_byte is not None else (cost.get("bits_per_token"), "bits a token")
    price = f"{_number(figure, '+.5f')} {unit} ({_word(cost.get('text'))})"
    return [f"- weights: {weights}, which cost {price}; the figures above: float32"]


def _figures(metrics: Mapping[str, Any], corpus: Mapping[str, Any]) -> list[str]:
    """A table of what is known; nothing where nothing is."""
    valid = _mapping(metrics.get("valid"))
    rows = [
        ("nats per character", valid.get("nats_per_char")),
        ("bits per byte", valid.get("bits_per_byte")),
        ("perplexity per word", valid.get("perplexity")),
        (
            "nats per character, read backward",
            _mapping(_mapping(metrics.get("backward")).get("valid")).get("nats_per_char"),
        ),
        ("for comparison, an n-gram model of bytes: nats per character", metrics.get("ngram_nats_per_char")),
    ]
    known = [f"| {label} | {_number(value, '.4g')} |" for label, value in rows if value is not None]
    head = [f"On its validation text ({_word(corpus.get('validation'))}):", "", "| figure | value |", "|---|---|"]
    return [*head, *known] if known else []


def _trained_on(corpus: Mapping[str, Any]) -> str:
    """The names of files and their sizes."""
    files = corpus.get("files")
    names = _list(list(map(str, files))) if isinstance(files, Sequence) and not isinstance(files, str) else "text"
    sizes = [f"{_number(corpus[unit], ',')} {unit}" for unit in ("characters", "words", "lines") if unit in corpus]
    return f"{names}: {', '.join(sizes)}" if sizes else names


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any, form: str) -> str:
    """A figure of a config.json, which may be anything."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST:
        return f"{value:{form}}"
    return "?"


def _word(value: Any) -> str:
    return "?" if value is None else _one_line(str(value))


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_one_line, names)) if names else "text"


def _one_line(text: str) -> str:
    """A name that may hold anything, without what would break the line."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
