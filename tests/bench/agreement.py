"""Whether ``score`` gives, line for line, what the PyTorch engine gives with every line by itself.

    python -m tests.bench.agreement --lines 200000

Lines of many kinds in random order: sentences and pieces of them, words in disorder, Chinese, log lines, empty ones,
blanks, repeated ones, controls, bytes that are no UTF-8, some of thousands and a few of a hundred thousand characters.
Both go through the real command line; ``--batch-size 1`` has PyTorch read one line at a time, in a process a core,
each with a part of the lines.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rnncli.device import usable_cores

CORPORA = Path(__file__).parents[2] / "corpora"


def mixed(count: int, seed: int = 0) -> Iterator[bytes]:
    """So many lines without their ends."""
    rng = random.Random(seed)
    texts = {
        "english": [
            line for name in ("stories-en", "howto-en", "dialogue-en") for line in _lines(f"{name}.txt") if line
        ],
        "chinese": _lines("stories-zh.txt"),
        "log": _lines("service.log"),
    }
    before = [b"the first line"]
    for number in range(count):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        if number % 5_000 == 2_500:
            kind = "huge" if number % 60_000 == 32_500 else "long"
        line = rng.choice(before) if kind == "again" else _line(kind, texts, rng)
        before = [*before[-200:], line]
        yield line


KINDS = {
    "piece": 50, "words": 10, "chinese": 8, "log": 8, "empty": 6, "again": 10, "blank": 2, "invalid": 4, "controls": 2,
}  # fmt: skip
"""Kinds of lines, and how many of each hundred are one."""


def _line(kind: str, texts: Mapping[str, list[str]], rng: random.Random) -> bytes:
    sentence = rng.choice(texts["english"])
    start = rng.randrange(len(sentence))
    match kind:
        case "piece":
            return sentence[start : start + rng.randrange(1, 40)].encode()
        case "words":
            return " ".join(rng.sample(sentence.split(), min(6, len(sentence.split())))).encode()
        case "chinese":
            return rng.choice(texts["chinese"])[: rng.randrange(1, 20)].encode()
        case "log":
            return rng.choice(texts["log"]).encode()
        case "blank":
            return b" " * rng.randrange(1, 5) + b"\t" * rng.randrange(3)
        case "invalid":
            return rng.randbytes(rng.randrange(1, 20)).replace(b"\n", b"?").replace(b"\r", b"?")
        case "controls":
            return sentence[:20].encode() + b"\x00\x1b[31m\x7f" + sentence[20:40].encode()
        case "long" | "huge":
            return " ".join(rng.choices(texts["english"], k=60 if kind == "long" else 900)).encode()
    return b""


def _lines(name: str) -> list[str]:
    return (CORPORA / name).read_text(encoding="utf-8").split("\n")


def scores(model: str, path: Path, *options: str) -> Iterator[dict[str, float]]:
    command = [sys.executable, "-m", "rnncli", "score", "-m", model, "--json", "-q", *options, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)
    assert process.returncode == 0


def read_alone(model: str, path: Path, parts: int) -> list[dict[str, float]]:
    """All lines with PyTorch, one at a time, in order."""
    lines = path.read_bytes().split(b"\n")[:-1]
    bounds = [len(lines) * i // parts for i in range(parts + 1)]
    options = ("--engine", "torch", "--batch-size", "1", "--threads", "1")

    def part(i: int) -> list[dict[str, float]]:
        piece = path.with_name(f"part{i}.txt")
        piece.write_bytes(b"".join(line + b"\n" for line in lines[bounds[i] : bounds[i + 1]]))
        return list(scores(model, piece, *options))

    with ThreadPoolExecutor(parts) as pool:
        return [score for piece in pool.map(part, range(parts)) for score in piece]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--lines", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        path.write_bytes(b"".join(line + b"\n" for line in mixed(given.lines)))
        begin = time.perf_counter()
        mine = list(scores(given.model, path))
        between = time.perf_counter()
        alone = read_alone(given.model, path, usable_cores())
        end = time.perf_counter()
    worst, allowed, tokens = 0.0, 0.0, 0
    for one, other in zip(mine, alone, strict=True):
        same = ("text", "tokens", "words", "chars", "bytes", "spelled")
        assert [one[name] for name in same] == [other[name] for name in same], (one, other)
        tokens += int(one["tokens"])
        difference = abs(one["logprob"] - other["logprob"])
        worst = max(worst, difference)
        allowed = max(allowed, difference / (1e-4 + 1e-5 * one["tokens"]))
    print(
        f"{len(mine):,} lines, {tokens:,} tokens; largest difference {worst:.1e} nats a line, "
        f"{allowed:.3f} of the 1e-4 + 1e-5 x tokens that is allowed; {between - begin:.0f} s and {end - between:.0f} s"
    )
    assert len(mine) == given.lines
    assert allowed <= 1


if __name__ == "__main__":
    main()
