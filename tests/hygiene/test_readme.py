"""Every command in the README runs, in order, in one folder, on little data and for few steps."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rnncli.records import Tally
from tests.cli.conftest import run_here
from tests.conftest import TINY_TEXT

README = Path(__file__).parents[2] / "README.md"
SMALL = "--steps 3 --hidden-size 16 --embedding-size 16 --layers 1 --device cpu --threads 1"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def scaled_down(arguments: Sequence[str]) -> list[str]:
    """The same command on less: a training takes three steps of a small network, a sample few tokens."""
    line = " ".join(map(shlex.quote, arguments))
    if arguments[0] == "train" and "--dry-run" not in arguments:
        line = re.sub(r" --(minutes|steps|hidden-size|layers) \S+", "", line) + " " + SMALL
        if "--from" in arguments:
            line = line.replace("--hidden-size 16 --embedding-size 16 --layers 1 ", "")
    elif arguments[0] == "sample":
        line = re.sub(r" -n \S+", "", line) + " -n 5"
    return shlex.split(line)


def run_line(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline: rnncli in this process, all else in a shell."""
    data = b""
    for part in line.split(" | "):
        command, _, target = part.partition(" > ")
        command, _, source = command.partition(" < ")
        if not command.startswith("rnncli "):
            data = subprocess.run(["bash", "-c", part], input=data, capture_output=True, check=True).stdout
            continue
        Path("stdin").write_bytes(Path(source.strip()).read_bytes() if source else data)
        with open("stdin", encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            result = run_here(scaled_down(shlex.split(command)[1:]))
        if command.startswith("rnncli chat"):  # its options were read; tests/tui has a terminal for it
            assert (result.code, "needs a terminal" in result.err) == (2, True), f"{part}\n{result.err}"
            continue
        assert result.code == 0, f"{part}\n{result.err}"
        data = result.out.encode("utf-8", "surrogateescape")
        if target:
            Path(target.strip()).write_bytes(data)


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RNNCLI_MODEL", raising=False)
    Path("book.txt").write_text(TINY_TEXT)
    Path("server.log").write_text("GET /index 200\n\nGET /about 404\n")
    Path("ordinary.log").write_text("".join(f"GET /page/{i} 200\n" for i in range(200)))
    Path("prompts.txt").write_text("Anna\nBob\n")
    lines = [line for block in (*blocks("sh"), *blocks("console")) for line in block.splitlines()]
    lines = [line.removeprefix("$ ") for line in lines if not line.startswith("#") and line.strip()]
    assert len(lines) > 15
    for line in lines:
        run_line(line, monkeypatch)
        little = Path("python-docs.txt")
        if little.exists() and little.stat().st_size > 20_000:
            little.write_text(little.read_text(encoding="utf-8")[:20_000], encoding="utf-8")
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})


def test_each_command_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    for command in (
        "train",
        "chat",
        "sample",
        "score",
        "compare",
        "models list",
        "models show",
        "models remove",
        "corpora list",
    ):
        assert f"rnncli {command}" in text
    for target in re.findall(r"^    make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in (README.parent / "Makefile").read_text(encoding="utf-8")


def test_the_example_by_hand_is_right() -> None:
    text = README.read_text(encoding="utf-8")
    [tokens] = re.findall(r"^\| log P \|(.*)\|$", text, re.MULTILINE)
    logprobs = [float(cell) for cell in tokens.split("|")]
    tally = Tally(logprob=sum(logprobs), tokens=len(logprobs), lines=1, words=2, chars=7, bytes=7)
    example = text[text.index("By hand:") : text.index("costs 3.0")]
    assert f"`logprob` is {tally.logprob} over {tally.tokens} tokens, 2 words, 7 characters and 7 bytes" in example
    example = " ".join(example.split())
    for claim in (
        f"`perplexity` exp(6/3) = {tally.perplexity:.4g}",
        f"`token_perplexity` exp(6/3) = {tally.token_perplexity:.4g}",
        f"`perplexity1` exp(6/2) = {tally.perplexity1:.4g}",
        f"`nats_per_char` 6/8 = {tally.nats_per_char:.4g}",
        f"`bits_per_char` and `bits_per_byte` 0.75/ln 2 = {tally.bits_per_byte:.4g}",
    ):
        assert claim in example
    assert tally.bits_per_char == tally.bits_per_byte
    assert 3.0 - math.log(0.5) == pytest.approx(3.693, abs=5e-4)
    assert (3.0 - math.log(0.5)) / math.log(2) == pytest.approx(5.328, abs=5e-4)
