"""Numbers that hold: the same on any number of threads, and never one where the network has overflowed."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from rnncli.api import load
from rnncli.choices import ActivationName, CellName, EngineName
from rnncli.config import TokenizerKind
from rnncli.precision import Arrays
from rnncli.store import open_folder
from tests.cli.conftest import run_here
from tests.conftest import TINY_TEXT, train_small
from tests.folders import HEADS, KINDS, make_folder, save_folder
from tests.torture.parts import Tried

THREADS = (1, 2, 7)
MOST_APART = 1e-4
"""Nats of a token, or of a character, that two numbers of threads may differ by."""
LINES = [
    *TINY_TEXT.splitlines()[::5],
    "",
    "  ",
    "春眠不覺曉，處處聞啼鳥。",
    "\x00\x1b[31m",
    "nobody knew " * 40,
    "\udcff",
]
EVERY = 10
"""One attempt in so many trains on each number of threads; the others score."""


def threads(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Networks whose scores, or whose trainings, are compared."""
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        where = folder / str(number)
        yield Tried(_trained(rng, where) if number % EVERY == 0 else _scored(rng, where))


def _network(rng: random.Random, where: Path, kinds: tuple[TokenizerKind, ...] = KINDS) -> tuple[str, Path]:
    cell: CellName = rng.choice(get_args(CellName))
    activation: ActivationName = rng.choice(get_args(ActivationName)) if cell == "rnn" else "tanh"
    kind, head, layers, hidden = rng.choice(kinds), rng.choice(HEADS), rng.choice((1, 2)), rng.choice((6, 32, 96))
    seed = rng.randrange(1000)
    made = make_folder(where, cell, activation, kind, head, layers, hidden=hidden, seed=seed)
    return f"{cell} {activation} {kind} {head} {layers}x{hidden} seed {seed}", made


def _scored(rng: random.Random, where: Path) -> str:
    name, model = _network(rng, where)
    lines = rng.sample(LINES, len(LINES))
    engine: EngineName = rng.choice(("onnx", "torch"))
    found = [
        np.concatenate(load(model, threads=threads, engine=engine, device="cpu").token_logprobs(lines))
        for threads in THREADS
    ]
    apart = max(float(np.abs(one - found[0]).max()) for one in found)
    return "" if apart <= MOST_APART else f"{name}, {engine}: {apart} apart"


def _trained(rng: random.Random, where: Path) -> str:
    """A few steps on each number of threads."""
    where.mkdir()
    corpus = where / "corpus.txt"
    corpus.write_text(TINY_TEXT)
    given = {
        "cell": rng.choice(get_args(CellName)),
        "unit": rng.choice(("lines", "stream")),
        "hidden_size": rng.choice((16, 64)),
        "seed": rng.randrange(1000),
        "precision": "fp32",
        "steps": 4,
    }
    found = []
    for threads in THREADS:
        model = train_small(corpus, where / str(threads), threads=threads, **given)
        found.append(open_folder(model).config["metrics"]["valid"]["nats_per_char"])
    apart = max(found) - min(found)
    return "" if apart <= MOST_APART else f"{given}: {found}"


# -- overflow


def overflow(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """Networks with some weights so large that sums or states are infinite, scored and sampled."""
    text = folder / "text.txt"
    text.write_text("Anna saw the moon.\n\nnobody\n")
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        name, model = _network(rng, folder / str(number))
        stored = open_folder(model)
        power = rng.uniform(2, 39)
        arrays, grown = _grown(stored.arrays, rng, power)
        save_folder(model, arrays, replace(stored.model), stored.tokenizer)
        command = rng.choice(COMMANDS)
        words = [str(text) if word == "TEXT" else word for word in command]
        engine = rng.choice(("onnx", "torch"))
        result = run_here([*words, "-m", str(model), "--json", "--engine", engine, "--threads", "1"])
        lost = _judged(result.code, result.out, result.err)
        what = f"{name}, {grown} times 1e{power:.1f}, {' '.join(command)}, {engine}"
        yield Tried(f"{what}: {lost}" if lost else "")


COMMANDS = (
    ("score", "TEXT"),
    ("score", "TEXT", "--tokens", "--words"),
    ("score", "TEXT", "--total", "--context", "file"),
    ("sample", "Anna", "-n", "12", "--seed", "1"),
    ("sample", "Anna", "-n", "12", "--temperature", "0"),
    ("sample", "Anna", "-n", "12", "--beam", "2"),
)


def _grown(arrays: Arrays, rng: random.Random, power: float) -> tuple[Arrays, str]:
    """Some arrays times ten to a power, as large as float32 goes, and their names."""
    chosen = rng.sample(sorted(arrays), rng.randint(1, len(arrays)))
    limit = float(np.finfo(np.float32).max)
    large = {name: np.clip(arrays[name].astype(np.float64) * 10**power, -limit, limit) for name in chosen}
    return {**arrays, **{name: array.astype(np.float32) for name, array in large.items()}}, " ".join(chosen)


def _judged(code: int, out: str, err: str) -> str:
    """What is wrong with an answer: numbers, each of them one, or exit code 3 and two lines."""
    if code == 0:
        found = [json.loads(line) for line in out.splitlines()]
        numbers = list(itertools.chain.from_iterable(map(_logprobs, found)))
        if not numbers:
            return f"no number in {out!r}"
        return "" if all(number is not None and math.isfinite(number) for number in numbers) else f"no numbers: {out!r}"
    lines = err.splitlines()
    if code != 3 or len(lines) != 2 or not lines[0].startswith("rnncli: error: "):
        return f"exit code {code}: {err!r}"
    return ""


def _logprobs(value: object) -> Iterator[float | None]:
    """Every logarithm in an answer. (A perplexity may be larger than a number can be: that is null.)"""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("logprob", "surprisal_bits", "entropy"):
                yield inner
            elif name == "logprobs":
                yield from inner
            else:
                yield from _logprobs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _logprobs(inner)
