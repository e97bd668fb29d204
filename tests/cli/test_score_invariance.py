"""A line's score is the line's own: however it comes, with whatever it comes, whatever reads it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnncli.text.escapes import text_of
from tests.cli.conftest import run_here
from tests.cli.test_score_pipes import mixed_lines
from tests.folders import make_folder

LINES = [line for line in dict.fromkeys(mixed_lines(160)) if not line.endswith(b"\r")]
EXACT = ["--engine", "onnx", "--threads", "1"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("models") / "model", "lstm", kind="hybrid", head="projected", hidden=24)


def scores(model: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    code, out, _ = run_here(["score", "-m", str(model), "--json", "--tokens", "-q", *map(str, arguments)])
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def alone(model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """What each line scores in a run of its own window, one at a time."""
    path = tmp_path_factory.mktemp("lines") / "lines"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return [record["logprob"] for record in scores(model, *EXACT, "--batch-size", "1", path)]


def packed(pack: Callable[[bytes], bytes], end: bytes = b"\n", *, last: bool = True) -> bytes:
    return pack(end.join(LINES) + (end if last else b""))


def plain(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("lines", packed(plain), EXACT),
        ("lines", packed(plain), [*EXACT, "--batch-size", "7"]),
        ("lines", packed(plain), ["--engine", "onnx", "--threads", "2"]),
        ("lines", packed(plain, last=False), EXACT),
        ("lines", packed(plain, b"\r\n"), EXACT),
        ("lines", packed(plain, b"\r\n", last=False), EXACT),
        ("lines.gz", packed(gzip.compress), EXACT),
        ("lines.bz2", packed(bz2.compress), EXACT),
        ("lines.xz", packed(lzma.compress), EXACT),
        ("lines", b"".join(line + b"\n" + line + b"\n" for line in LINES), EXACT),
    ],
    ids=["together", "by seven", "threads", "no last end", "crlf", "crlf, no last", "gz", "bz2", "xz", "twice"],
)
def test_how_lines_come_changes_no_bit(
    model: Path, alone: list[float], tmp_path: Path, name: str, data: bytes, options: list[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    found = scores(model, *options, tmp_path / name)
    times = len(found) // len(LINES)
    assert [record["logprob"] for record in found] == [value for value in alone for _ in range(times)]


def test_the_order_and_the_company_change_no_bit(model: Path, alone: list[float], tmp_path: Path) -> None:
    order = list(range(len(LINES)))
    random.Random(3).shuffle(order)
    half = len(order) // 2
    for name, part in (("a", order[:half]), ("b", order[half:])):
        (tmp_path / name).write_bytes(b"".join(LINES[i] + b"\n" for i in part))
    found = scores(model, *EXACT, tmp_path / "a", tmp_path / "b")
    assert [record["logprob"] for record in found] == [alone[i] for i in order]


def test_the_engine_changes_next_to_nothing(model: Path, alone: list[float], tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(packed(plain))
    ours = scores(model, *EXACT, tmp_path / "lines")
    for record, other, value in zip(
        ours, scores(model, "--engine", "torch", "--device", "cpu", tmp_path / "lines"), alone, strict=True
    ):
        assert record["logprob"] == value
        assert other["logprob"] == pytest.approx(value, rel=0, abs=1e-4 + 1e-5 * record["tokens"])
        for token, again in zip(record["token_scores"], other["token_scores"], strict=True):
            assert again["logprob"] == pytest.approx(token["logprob"], rel=0, abs=1e-4)


@pytest.mark.parametrize("context", ["line", "file"])
def test_tokens_add_up_to_lines_and_lines_to_the_total(model: Path, context: str, tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(packed(plain))
    found = scores(model, "--context", context, "--words", tmp_path / "lines")
    for record in found:
        tokens = [token["logprob"] for token in record["token_scores"]]
        assert sum(tokens) == pytest.approx(record["logprob"], rel=0, abs=1e-9 * len(tokens) + 1e-9)
        assert len(tokens) == record["tokens"]
        if record["word_scores"]:
            pieces = sum(word["pieces_logprob"] for word in record["word_scores"])
            assert pieces + tokens[-1] == pytest.approx(record["logprob"], abs=1e-6)
    [total] = [json.loads(line) for line in totals(model, context, tmp_path / "lines")]
    for field in ("tokens", "words", "chars", "bytes", "spelled"):
        assert total[field] == sum(record[field] for record in found)
    assert total["logprob"] == pytest.approx(sum(record["logprob"] for record in found), rel=1e-9)
    texts = [text_of(line) for line in LINES]
    assert (total["lines"], total["chars"]) == (len(LINES), sum(map(len, texts)))


def totals(model: Path, context: str, path: Path) -> Iterator[str]:
    code, out, _ = run_here(["score", "-m", str(model), "--json", "--total", "-q", "--context", context, str(path)])
    assert code == 0
    yield from out.splitlines()
