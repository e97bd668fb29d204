"""Help that was written down is what Typer prints, to the byte; all else goes the long way."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from rnncli.cli import instant, write_help
from rnncli.cli.commands import Group, all_words, find
from tests.cli.conftest import ROOT, clean_env, run_here

SHORT_WAY = [sys.executable, "-m", "rnncli"]
LONG_WAY = [sys.executable, "-c", "import sys; from rnncli.cli.app import run; sys.exit(run(sys.argv[1:]))"]
ASKED = [[*words, flag] for words in all_words() for flag in instant.HELP]
ASKED += [list(words) for words in all_words() if isinstance(find(words), Group)]


@pytest.fixture(autouse=True)
def in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal, and nothing said about its width."""
    monkeypatch.setattr(sys, "__stdout__", None)
    for name in ("COLUMNS", "_RNNCLI_COMPLETE"):
        monkeypatch.delenv(name, raising=False)


def test_the_texts_are_what_typer_prints() -> None:
    kept = {path: path.read_text(encoding="utf-8") for path in Path(instant.FOLDER).iterdir()}
    assert kept == write_help.texts(), "help has changed: write it down with make help"
    assert all(text.isascii() for text in kept.values()), "a terminal may lack a character: leave it out"


def test_the_writer_makes_the_folder_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in Path(instant.FOLDER).iterdir()}
    monkeypatch.setattr(instant, "FOLDER", str(tmp_path / "help"))
    monkeypatch.setattr(write_help, "FOLDER", str(tmp_path / "help"))
    for _ in range(2):
        write_help.main()
        assert {path.name: path.read_bytes() for path in (tmp_path / "help").iterdir()} == before
        (tmp_path / "help" / "rnncli-gone.txt").touch()


@pytest.mark.parametrize("arguments", [*ASKED, ["--version"]], ids=" ".join)
def test_each_way_shows_the_same(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert instant.answer(arguments)
    assert (0, *capfd.readouterr()) == run_here(arguments)


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ("80", True),
        ("200", True),
        (" +1_00 ", True),
        ("0", True),
        ("-5", True),
        ("wide", True),
        ("", True),
        ("79", False),
        ("1", False),
    ],
)
def test_width_as_typer_sees_it(
    columns: str, kept: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long_way = run_here(["train", "--help"])
    assert instant.answer(["train", "--help"]) is kept
    out = capfd.readouterr().out
    assert out == (long_way.out if kept else "")
    assert (Path(instant.file_of(("train",))).read_text(encoding="utf-8") == long_way.out) is kept


@pytest.mark.parametrize("columns", [0, 60, 79, 80, 132])
def test_on_a_terminal(columns: int) -> None:
    short, long = (on_terminal([*way, "sample", "--help"], columns) for way in (SHORT_WAY, LONG_WAY))
    assert short == long
    assert b"Usage: rnncli sample" in short


def on_terminal(command: Sequence[str], columns: int) -> bytes:
    """What a command shows on a terminal so wide. 0: it does not say."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    subprocess.run(command, stdin=follower, stdout=follower, cwd=ROOT, env=clean_env(), check=True)
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:  # the other side is closed
        pass
    os.close(leader)
    return shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["score"],
        ["models", "list"],
        ["help"],
        [""],
        ["", "--help"],
        ["nonsense", "--help"],
        ["..", "--help"],
        ["models-list", "--help"],
        ["models", "nonsense", "--help"],
        ["score", "list", "--help"],
        ["--help", "score"],
        ["--help", "--help"],
        ["--debug", "--help"],
        ["score", "--", "--help"],
        ["score", "--help", "--debug"],
        ["--version", "--help"],
        ["score", "--version"],
    ],
    ids=" ".join,
)
def test_all_else_goes_the_long_way(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert not instant.answer(arguments)
    assert capfd.readouterr() == ("", "")


def test_a_shell_that_completes_is_not_shown_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_RNNCLI_COMPLETE", "complete_bash")
    assert not instant.answer([])
    env = {"_RNNCLI_COMPLETE": "complete_bash", "COMP_CWORD": "1", "COMP_WORDS": "rnncli s"}
    done = subprocess.run(SHORT_WAY, capture_output=True, cwd=ROOT, env=clean_env(env), check=False)
    assert done.stdout.split() == [b"sample", b"score"]


def test_where_a_text_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(instant, "FOLDER", str(tmp_path))
    assert not instant.answer(["--help"])


@pytest.mark.parametrize(
    ("ends", "code", "error"),
    [
        (">&-", 0, b""),
        (">/dev/full", 1, b"rnncli: error: No space left on device\n"),
        ("2>&-", 0, b""),
        ("| true", 141, b""),
    ],
)
def test_streams_that_take_nothing(ends: str, code: int, error: bytes) -> None:
    """``| true``: the reader is gone before the writer begins, which waits for it."""
    wait = "sleep 0.3; " if "|" in ends else ""
    for way in (SHORT_WAY, LONG_WAY):
        script = f'set -o pipefail; {{ {wait}"$@"; }} {ends}'
        done = subprocess.run(
            ["bash", "-c", script, "bash", *way, "train", "--help"],
            capture_output=True, cwd=ROOT, env=clean_env(), check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (code, error)
