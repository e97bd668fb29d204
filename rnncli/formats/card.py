"""The model card: README.md of a model folder, written for a person."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

PRIVACY = (
    "## Mind",
    "",
    "A language model tells of its text: words, names and passages of the corpus are in its vocabulary and its",
    "samples. Give it only to those who may see the corpus. The folder training/ holds the text itself, as ids and",
    "as valid.txt; it may be deleted, and then the training cannot be resumed.",
    "",
)


def model_card(name: str, config: Mapping[str, Any], samples: Sequence[str], *, reference: str | None = None) -> str:
    """Markdown from a config.json and some samples. ``reference``: what -m takes, if that is not the name."""
    corpus, metrics = config["corpus"], config["metrics"]
    part = config["parts"][0]["model"]
    lines = [
        f"# {_one_line(name)}",
        "",
        f"A recurrent language model, trained by rnncli {config['rnncli']} on {_list(corpus['files'])}: "
        f"{corpus['characters']:,} characters, {corpus['words']:,} words, {corpus['lines']:,} lines.",
        "",
        "It reads one line at a time, each by itself."
        if config["unit"] == "lines"
        else "It reads running text, from line to line.",
        *_directions(config),
        "",
        "## How well it does",
        "",
        *_figures(metrics, corpus),
        "",
        "## What it is",
        "",
        f"- {part['layers']} {part['cell']} layer{'s' * (part['layers'] > 1)} of {part['hidden_size']} units, "
        f"{config['params']:,} parameters",
        f"- tokenizer: {config['tokenizer']['kind']}, {part['vocab_size']:,} tokens",
        *_weights(config),
        f"- created {config['created']}",
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
    figure, unit = (cost["bits_per_byte"], "bits per byte") if cost["bits_per_byte"] is not None else (
        cost["bits_per_token"], "bits a token"
    )  # fmt: skip
    return [
        f"- weights: {weights}, which cost {figure:+.5f} {unit} ({_one_line(cost['text'])}); the figures above: float32"
    ]


def _figures(metrics: Mapping[str, Any], corpus: Mapping[str, Any]) -> list[str]:
    valid = metrics["valid"]
    lines = [f"On its validation text ({corpus['validation']}):", ""]
    rows = [
        ("nats per character", valid["nats_per_char"]),
        ("bits per byte", valid["bits_per_byte"]),
        ("perplexity per word", valid["perplexity"]),
    ]
    lines += ["| figure | value |", "|---|---|"]
    lines += [f"| {label} | {value:.4g} |" for label, value in rows if value is not None]
    other = metrics.get("backward", {}).get("valid", {}).get("nats_per_char")
    if other is not None:
        lines.append(f"| nats per character, read backward | {other:.4g} |")
    ngram = metrics.get("ngram_nats_per_char")
    if ngram is not None:
        lines.append(f"| for comparison, an n-gram model of bytes: nats per character | {ngram:.4g} |")
    return lines


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_one_line, names)) if names else "text"


def _one_line(text: str) -> str:
    """A name that may hold anything, without what would break the line."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
