"""The real command in a real pseudo-terminal, and without one."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "rnncli", "chat"]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RNNCLI")}
    return {**kept, "TERM": "xterm-256color", "XDG_STATE_HOME": str(home), "COLUMNS": "100", "LINES": "30"}


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE])
def test_without_a_terminal_it_says_what_to_use_instead(tiny_model: Path, tmp_path: Path, stdin: int) -> None:
    done = subprocess.run(
        [*COMMAND, str(tiny_model)],
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path),
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first == "rnncli: error: chat needs a terminal to draw on"
    assert "rnncli sample" in second


ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=:]*[A-Za-z]|\][^\x07\x1b]*(\x07|\x1b\\\\)|[()].|[=>])")


def until(master: int, wanted: bytes, so_far: bytes = b"", seconds: float = 30.0) -> bytes:
    """What the terminal was sent until it holds ``wanted``, without what steers it unless that is wanted."""
    end = time.monotonic() + seconds
    while wanted not in (so_far if wanted.startswith(b"\x1b") else ESCAPES.sub(b"", so_far)):
        assert time.monotonic() < end, so_far[-3000:]
        if select.select([master], [], [], 0.1)[0]:
            try:
                so_far += os.read(master, 1 << 16)
            except OSError as error:  # nobody is at its other end
                raise AssertionError(so_far[-3000:]) from error
    return so_far


def test_it_opens_is_typed_at_and_leaves(tiny_model: Path, tmp_path: Path) -> None:
    """Standard input is a pipe with a text, standard output a file: keys come from the terminal all the same."""
    read_end, write_end = os.pipe()
    out = tmp_path / "out"
    pid, master = pty.fork()
    if pid == 0:
        os.dup2(read_end, 0)
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
        os.close(write_end)
        os.execve(sys.executable, [*COMMAND, str(tiny_model)], environment(tmp_path))
    os.close(read_end)
    os.write(write_end, b"Piped beginning\n")
    os.close(write_end)
    try:
        sent = until(master, b"beginning")
        os.write(master, b"zebra\r")
        sent = until(master, b"zebra", sent)
        os.write(master, b"\x11")  # Ctrl-Q
        sent = until(master, b"\x1b[?1049l", sent)  # the screen as it was
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(master)
    assert os.waitstatus_to_exitcode(status) == 0
    assert out.read_bytes() == b""
    assert list((tmp_path / "rnncli" / "chats").glob("*.json"))
