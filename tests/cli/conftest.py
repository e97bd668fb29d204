"""Two ways to call the command line: as a process with real pipes, and here, quickly."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

ROOT = Path(__file__).parents[2]
TOY = [sys.executable, str(Path(__file__).with_name("toycli.py"))]


class Result(NamedTuple):
    """What came of a call."""

    code: int
    out: str
    err: str


class Call(Protocol):
    def __call__(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result: ...


def run_here(arguments: Sequence[str]) -> Result:
    """A call in this process. (pytest's own capture cannot hold bytes that are no UTF-8.)"""
    from rnncli.cli.app import run

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape", newline="") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
    return Result(code, out.read(), err.read())


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what changes colours or models."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "RNNCLI_MODEL", "RNNCLI_ENGINE", "COLUMNS", "PYTHONUNBUFFERED")
    env = {k: v for k, v in os.environ.items() if k not in unwanted}
    return {**env, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **(extra or {})}


@pytest.fixture
def toy(tmp_path: Path) -> Call:
    """The command line over a toy model, as a process in an empty folder."""

    def call(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            [*TOY, *arguments],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=clean_env(env),
            timeout=60,
            check=False,
        )
        return Result(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "replace"),
        )

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line over a toy model, in this process; stdin is empty."""
    spec = importlib.util.spec_from_file_location("toycli", TOY[1])
    assert spec is not None
    assert spec.loader is not None
    toycli = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "toycli", toycli)
    spec.loader.exec_module(toycli)
    monkeypatch.setitem(sys.modules, "rnncli.api", sys.modules.get("rnncli.api") or toycli)
    toycli.install()
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNCLI_MODEL", "RNNCLI_ENGINE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Result:
        assert not stdin
        assert not env
        return run_here(arguments)

    return call
