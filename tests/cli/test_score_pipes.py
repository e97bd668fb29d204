"""``rnncli score`` between real pipes, with the model that comes with the program and the engine that it chooses."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.conftest import clean_env, run_here
from tests.folders import make_folder

SCORE = [sys.executable, "-m", "rnncli", "score", "-m", "starter"]
PATIENCE = 60
"""Seconds after which a process that should have ended is taken to hang."""


def mixed_lines(count: int) -> list[bytes]:
    """Short and long, empty, repeated, alike at their beginnings, in other scripts, and some that are no UTF-8."""
    dice = random.Random(1)
    words = "Anna Bob saw heard followed the moon river and wind old zebra 12 春眠 🙂 don't".split()  # noqa: SIM905
    lines = [
        *[b"", b"", b" ", b"\xff\xfe", b"caf\xe9 au lait", b"\x00\x01", b"a" * 700, b"tab\there \x1b[31mred"],
        " ".join(words * 25).encode(),
        b"Anna saw the moon and the wind.",
        b"Anna saw the moon and the river.",
    ]
    while len(lines) < count:
        if dice.random() < 0.7:
            lines.append(dice.choice(lines))
        elif dice.random() < 0.1:
            lines.append(bytes(dice.choice(b"\x80\xc3\xe6abc ") for _ in range(dice.randrange(6))))
        else:
            lines.append(" ".join(dice.choices(words, k=dice.randrange(1, 6))).encode())
    dice.shuffle(lines)
    return lines


def cells_of(out: str) -> list[dict[str, str]]:
    """The rows of a table by the names of their columns. (Only a newline ends one: lines have other controls.)"""
    head, *rows = [line.split("\t") for line in out.removesuffix("\n").split("\n")]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_thousands_of_lines_give_the_rows_that_each_would_give_alone(tmp_path: Path) -> None:
    """Windows, threads, shared beginnings and repeats on one side; PyTorch and a line at a time on the other."""
    folder = make_folder(tmp_path / "model", "gru", kind="hybrid", head="projected", hidden=24)
    lines = mixed_lines(3000)
    different = list(dict.fromkeys(lines))
    assert 500 < len(different) < 1500
    (tmp_path / "different").write_bytes(b"\n".join(different) + b"\n")
    done = subprocess.run(
        [*SCORE[:-1], str(folder), "--threads", "2"],
        input=b"\n".join(lines),
        capture_output=True,
        cwd=tmp_path,
        env=clean_env(),
        timeout=PATIENCE,
        check=True,
    )
    assert re.fullmatch(rb"rnncli: [\d,]+ lines were not UTF-8, and scored by the bytes\n", done.stderr)
    found = cells_of(done.stdout.decode("utf-8", "surrogateescape"))
    options = ["--engine", "torch", "--batch-size", "1", "--device", "cpu", "--threads", "1"]
    code, out, _ = run_here(["score", "-m", str(folder), str(tmp_path / "different"), *options])
    assert code == 0
    alone = dict(zip(different, cells_of(out), strict=True))
    assert [int(row.pop("line")) for row in found] == list(range(1, len(lines) + 1))
    scores: dict[bytes, set[str]] = {}
    for line, row in zip(lines, found, strict=True):
        other = alone[line]
        for name in ("tokens", "words", "chars", "bytes", "spelled", "text"):
            assert row[name] == other[name]
        allowed = 1e-4 + 1e-5 * int(row["tokens"])
        assert float(row["logprob"]) == pytest.approx(float(other["logprob"]), abs=allowed, rel=0)
        scores.setdefault(line, set()).add(row["logprob"])
    assert all(len(different_ones) == 1 for different_ones in scores.values())


def test_a_line_is_answered_while_the_pipe_stays_open(tmp_path: Path) -> None:
    child = subprocess.Popen(
        SCORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=clean_env()
    )
    watch = threading.Timer(PATIENCE, child.kill)
    watch.start()
    assert child.stdin is not None
    assert child.stdout is not None
    for number, text in enumerate((b"The old woman", b"", b"The old man"), start=1):
        child.stdin.write(text + b"\n")
        child.stdin.flush()
        if number == 1:
            assert child.stdout.readline().startswith(b"logprob\t")
        assert child.stdout.readline().endswith(b"\t%d\t-\t%s\n" % (number, text))
        assert child.poll() is None
    # Half a line is no line; several at once are all answered.
    child.stdin.write(b"and\nand again\nhalf a")
    child.stdin.flush()
    assert child.stdout.readline().endswith(b"\t4\t-\tand\n")
    assert child.stdout.readline().endswith(b"\t5\t-\tand again\n")
    rest, said = child.communicate(b" line", timeout=PATIENCE)
    watch.cancel()
    assert rest.endswith(b"\t6\t-\thalf a line\n")
    assert (child.returncode, said, rest.count(b"\n")) == (0, b"", 1)


@pytest.mark.parametrize("source", ["yes 'The old woman looked at the sea.'", "cat many; exec sleep 30"])
def test_a_reader_that_leaves_ends_it_quietly_and_soon(source: str, tmp_path: Path) -> None:
    """Also in the middle of windows that are under way, and while the writer keeps its end open."""
    (tmp_path / "many").write_bytes(b"\n".join(mixed_lines(4000)) + b"\n")
    arguments = " ".join(f"'{part}'" for part in SCORE)
    script = f"""
    mkfifo pipe
    ({source}) > pipe 2> /dev/null &
    feeder=$!
    {arguments} --no-header < pipe | head -1 > first
    echo "${{PIPESTATUS[*]}}"
    kill $feeder 2> /dev/null
    """
    start = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        cwd=tmp_path,
        env=clean_env(),
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"141 0\n", b"")
    assert (tmp_path / "first").read_bytes().count(b"\n") == 1
    assert time.monotonic() - start < 20
