"""stdout is data, stderr is talk: through real pipes and a real terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rnncli.cli.terminal import one_line, visible
from tests.cli.conftest import TOY, Call, clean_env


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """A bash pipeline, in which ``rnncli`` is the toy."""
    script = f'rnncli() {{ "{TOY[0]}" "{TOY[1]}" "$@"; }}\n{command}'
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, cwd=cwd, env=clean_env(), timeout=60, check=False
    )


def on_terminal(
    arguments: Sequence[str], cwd: Path, typed: bytes = b"", env: dict[str, str] | None = None
) -> tuple[int, str]:
    """The exit code and everything shown, where all three streams are one terminal."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [*TOY, *arguments], stdin=follower, stdout=follower, stderr=follower, cwd=cwd, env=clean_env(env)
    )
    os.close(follower)
    os.write(leader, typed)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    return child.wait(30), shown.decode("utf-8", "replace").replace("\r\n", "\n")


@pytest.mark.parametrize(
    "command",
    [
        "yes 'the cat sat' | head -3000 | rnncli score | head -1",
        "rnncli train x.txt --steps 3000 --json | head -1",
        "rnncli train --help | head -1",
        "rnncli sample 'the cat' -n 20 --count 300 | head -1",
    ],
)
def test_a_closed_pipe_ends_quietly(command: str, tmp_path: Path) -> None:
    done = shell(f'{command}; echo "${{PIPESTATUS[*]}}" >&2', tmp_path)
    assert done.stderr.decode().split()[-2:] in (
        ["141", "0"],
        ["0", "0"] if "help" in command else ["141", "0"],
    )
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stdout.splitlines()) == 1


def test_a_pipe_closed_before_the_last_flush(tmp_path: Path) -> None:
    done = shell('{ echo cat; sleep 0.5; } | rnncli score | true; echo "${PIPESTATUS[*]}"', tmp_path)
    assert done.stdout.split()[1] == b"141"
    assert done.stderr == b""


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    done = shell("echo cat | rnncli score > /dev/full; echo $?", tmp_path)
    assert done.stdout == b"1\n"
    assert done.stderr.decode() == "rnncli: error: No space left on device\n"


@pytest.mark.parametrize("command", ["score --no-header", "sample -", "sample --prompts -"])
def test_a_closed_stdin_is_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"rnncli {command} <&-; echo $?", tmp_path)
    assert done.stderr.decode() == ("rnncli: error: standard input is closed\nName a file, or pipe some text in.\n")
    assert done.stdout == b"4\n"


def test_a_closed_stderr_is_no_error(tmp_path: Path) -> None:
    done = shell("rnncli train x.txt --steps 4 2>&-; echo $?; rnncli train 2>&-; echo $?", tmp_path)
    assert (done.stdout, done.stderr) == (b"0\n2\n", b"")
    code = """
import os, sys
from rnncli.cli import app, train
train._open = lambda *a, **k: print(os.path.samestat(os.fstat(2), os.stat(os.devnull))) or sys.exit()
app.run(["train", "x"])
"""
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code],
        capture_output=True, env=clean_env(), check=False,
    )  # fmt: skip
    assert done.stdout == b"True\n"


def test_a_second_ctrl_c_gives_the_cursor_back(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [*TOY, "train", "x.txt"], stdin=follower, stdout=follower, stderr=follower, cwd=tmp_path,
        env=clean_env({"TOY_SECONDS": "30"}),
    )  # fmt: skip
    os.close(follower)
    shown = b""
    for mark in (b"\x1b[?25l", b"stopping"):
        while mark not in shown:
            shown += os.read(leader, 4096)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
    assert child.wait(10) == 130
    with contextlib.suppress(OSError):  # the other side is closed
        while piece := os.read(leader, 4096):
            shown += piece
    os.close(leader)
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_a_line_is_answered_while_the_pipe_stays_open(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*TOY, "score"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=clean_env()
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"the cat\nthe do")
    child.stdin.flush()
    header, first = child.stdout.readline(), child.stdout.readline()
    assert header.startswith(b"logprob\t")
    assert first.endswith(b"\t1\t-\tthe cat\n")
    child.stdin.write(b"g\n")
    child.stdin.flush()
    assert child.stdout.readline().endswith(b"\t2\t-\tthe dog\n")
    child.stdin.close()
    assert child.stdout.read() == b""
    assert child.wait(10) == 0
    child.stdout.close()


def test_a_terminal_sees_glyphs_and_a_table(tmp_path: Path) -> None:
    code, shown = on_terminal(["score"], tmp_path, "the \x1b[31mcat\u202e\n\x04".encode())
    assert code == 0
    assert "rnncli: reading lines from the terminal; end it with Ctrl-D" in shown
    assert "bits/byte" in shown
    assert "\u202e" not in shown.split("logprob")[1]
    assert "<U+202E>" in shown
    assert "\x1b[38;5;" in shown


def test_no_color_and_force_color(tmp_path: Path, toy: Call) -> None:
    _, shown = on_terminal(["score"], tmp_path, b"the cat\n\x04", env={"NO_COLOR": "1"})
    assert "\x1b" not in shown
    assert "the" in shown
    assert "\x1b" not in toy("score", "--format", "table", stdin=b"the cat\n").out
    assert "\x1b[38;5;" in toy("score", "--format", "table", stdin=b"the cat\n", env={"FORCE_COLOR": "1"}).out
    assert toy("train", env={"FORCE_COLOR": "1"}).err.startswith("\x1b[1;31mrnncli: error:\x1b[0m there is nothing")


def test_without_colours_a_terminal_sees_marks_and_their_legend(tmp_path: Path) -> None:
    _, shown = on_terminal(["score"], tmp_path, b"the cat zebra\n\x04", env={"NO_COLOR": "1"})
    assert "bits of surprisal: under 2  2 to 5\u00b2  5 to 8\u00b3  8 to 11\u2074  11 or more\u2075" in shown
    row = shown.split("text")[1]
    assert row.translate({ord(mark): None for mark in "\u00b2\u00b3\u2074\u2075"}).split("the cat zebra\u21b5")[1:]
    assert any(mark in row for mark in "\u00b2\u00b3\u2074\u2075")
    _, colored = on_terminal(["score"], tmp_path, b"the cat zebra\n\x04")
    assert "\x1b[38;5;160m11 or more\x1b[0m" in colored
    assert "\u2075" not in colored


def test_a_prompt_reaches_a_pipe_raw_and_a_terminal_as_glyphs(tmp_path: Path, toy: Call) -> None:
    arguments = ["sample", "a\x1b[2J\x9b\x07", "-n", "0"]
    assert toy(*arguments).out == "a\x1b[2J\x9b\x07\n"
    assert on_terminal(arguments, tmp_path) == (0, "a\u241b[2J<U+009B>\u2407\n")


def test_a_training_on_a_terminal_has_a_live_line(tmp_path: Path) -> None:
    code, shown = on_terminal(["train", "x.txt", "--steps", "8"], tmp_path, env={"TOY_SECONDS": "0.1"})
    assert code == 0
    for part in (
        "you said so",
        "% ",
        "tok/s",
        "1:05 left",
        "validation 1.5000 nats/char",
        "rnncli sample -m x",
    ):
        assert part in shown, part
    assert any("\u2800" <= char <= "\u28ff" for char in shown)
    assert "\x1b[31m" not in shown.split("a notice with")[1].split("characters")[0]


NOISY = """
import os
from rnncli.cli.display import open_display
from rnncli.events import Notice
with open_display(as_json=True, quiet=True) as display:
    display.event(Notice(message="one"))
    os.write(1, b"Error: in fn add\\n")
    display.event(Notice(message="two"))
os.write(1, b"after\\n")
"""


@pytest.mark.parametrize(
    ("closed", "out", "err"),
    [("", [b"one", b"two", b"after"], [b"Error: in fn add"]), ("2>&-", [b"one", b"Error", b"two", b"after"], [])],
)
def test_what_a_native_library_prints_is_no_event(closed: str, out: list[bytes], err: list[bytes]) -> None:
    program = ["bash", "-c", f'"$@" {closed}', "-", sys.executable, "-c", NOISY]
    done = subprocess.run(program, capture_output=True, env=clean_env(), timeout=60, check=True)
    assert len(done.stdout.splitlines()) == len(out)
    assert all(words in line for words, line in zip(out, done.stdout.splitlines(), strict=True))
    assert done.stderr.splitlines() == err


def test_visible() -> None:
    kept = "text\n\ttab \U0001f469\u200d\U0001f467 \u6625 e\u0301"
    assert visible(kept) == kept
    assert visible("\x00\x1b\r\x7f\x85\u200f\ud800\udc80") == "\u2400\u241b\u240d\u2421<U+0085><U+200F>\ufffd\ufffd"
    assert one_line("a\nb\tc\x1b") == "a b c\u241b"


def test_unexpected_errors_are_one_line(tmp_path: Path) -> None:
    code = """
import sys
sys.argv[0] = "rnncli"
from rnncli import errors
from rnncli.cli import app, train
def fail(*a, **k): raise {0}
train._open = fail
sys.exit(app.run({1}))
"""
    for error, arguments, message in (
        (
            "ValueError('bad\\nworse')",
            ["train", "x"],
            "rnncli: error: ValueError: bad\n--debug shows where.\n",
        ),
        ("MemoryError()", ["train", "x"], "rnncli: error: out of memory\n"),
        ("RuntimeError('x: you can\\'t allocate memory: 9')", ["train", "x"], "rnncli: error: out of memory\n"),
        ("RuntimeError('could not create a primitive')", ["train", "x"], "rnncli: error: out of memory\n"),
        ("RuntimeError('can\\'t start new thread')", ["train", "x"], "rnncli: error: out of memory\n"),
        (
            "errors.ModelError('x: Cannot allocate memory', hint='Remove it')",
            ["train", "x"],
            "rnncli: error: out of memory\n",
        ),
        ("OSError(12, 'Cannot allocate memory')", ["train", "x"], "rnncli: error: out of memory\n"),
        (
            "PermissionError(13, 'Permission denied', 'a.txt')",
            ["train", "x"],
            "rnncli: error: a.txt: Permission denied\n",
        ),
        ("ValueError('bad')", ["--debug", "train", "x"], "Traceback (most recent call last):\n"),
        ("ValueError('bad')", ["train", "x", "--debug"], "Traceback (most recent call last):\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.format(error, arguments)],
            capture_output=True,
            env=clean_env(),
            check=False,
            text=True,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(message), done.stderr


def test_a_traceback_cannot_steer_the_terminal(toy: Call) -> None:
    found = toy("corpora", "show", "\x1b[2J\u202ename", "--debug")
    assert found.code == 4
    assert found.err.startswith("Traceback")
    assert "CorpusError: there is no text \u241b[2J<U+202E>name" in found.err
    assert not {"\x1b", "\u202e"} & set(found.err)


def test_ctrl_c_is_130_and_silent(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*TOY, "score"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=clean_env(),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"the cat\n")
    child.stdin.flush()
    child.stdout.readline()
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)
    assert (child.returncode, err) == (130, b"")
