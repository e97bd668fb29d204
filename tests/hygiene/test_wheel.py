"""The wheel works when it is installed alone: the texts and the starter are inside."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    built, target = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


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
