"""The wheel works when it is installed alone: the texts and the starter are inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(source: Path, target: Path) -> Path:
    """A wheel of the program in ``source``."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=source, capture_output=True, check=True)
    [wheel] = target.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_the_same_source_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """From another folder, checked out at another time by another person."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "rnncli", "corpora", "models/starter"):
        source, target = ROOT / name, copy / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for path in copy.rglob("*"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700 if path.is_dir() else 0o600)
    again = build(copy, tmp_path / "dist")
    assert (again.name, again.read_bytes()) == (wheel.name, wheel.read_bytes())


def call(site: Path, cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rnncli", *arguments],
        capture_output=True,
        check=True,
        cwd=cwd,
        env={"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.stdout.decode()


def test_the_box_is_in_it(installed: Path, tmp_path: Path) -> None:
    shown = call(installed, tmp_path, "corpora", "show", "places-en")
    assert shown == (ROOT / "corpora" / "places-en.txt").read_text(encoding="utf-8")
    assert Path(call(installed, tmp_path, "models", "path").strip()) == installed / "rnncli/box/models/starter"


def test_help_is_in_it(installed: Path, tmp_path: Path) -> None:
    kept = installed / "rnncli" / "cli" / "help" / "rnncli-score.txt"
    assert call(installed, tmp_path, "score", "--help") == kept.read_text(encoding="utf-8")


def test_nothing_else_is_in_it(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert names == {"rnncli", next(name for name in names if name.endswith(".dist-info"))}
    assert not list(installed.rglob("__pycache__"))
    assert not list((installed / "rnncli" / "box").rglob("training"))
