"""Writes the locks: the versions that ``make`` installs, with the SHA-256 of each file that an index may give for them.

    python -m tests.supply.locks [--upgrade]

requirements.lock holds what the program and its tests need, fuzz.lock what make torture adds, hosts.lock what the
programs add that a model can run in (rnncli/integrations). Versions stay as they are unless ``--upgrade``, or what
pyproject.toml asks for, moves them. torch is left out with what it brings for a GPU: which of its builds is right
depends on the machine and the index. So are files for Pythons that the program does not run on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_sdist_filename, parse_wheel_filename

ROOT = Path(__file__).parents[2]
LOCKS = {"requirements.lock": ("dev",), "fuzz.lock": ("fuzz",), "hosts.lock": ("lm-eval", "llm")}
"""The lock files and the extras whose packages they hold, each without what those before it hold."""
TORCH = re.compile(r"torch|triton|(nvidia|cuda)-.*")
LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)")
PINS = ROOT / "torch.lock"
"""The version of torch, without hashes."""
JSON = "application/vnd.pypi.simple.v1+json"


def read_lock(path: Path) -> dict[str, str]:
    """The versions in a lock, by canonical name."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = (LINE.match(line) for line in lines)
    return {str(canonicalize_name(match[1])): match[2] for match in found if match}


def resolve(extras: tuple[str, ...], pins: Mapping[str, str]) -> dict[str, str]:
    """What pip would install for these extras, the program itself left out."""
    with tempfile.TemporaryDirectory() as folder:
        held, report = Path(folder, "held.txt"), Path(folder, "report.json")
        held.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"]
        where = f"{ROOT}[{','.join(extras)}]"
        env = {**os.environ, "PIP_CONSTRAINT": str(held)}
        subprocess.run([*command, "--report", str(report), where], check=True, env=env)
        entries: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
    metadata = [entry["metadata"] for entry in entries if not entry["is_direct"] or "dir_info" not in entry]
    found = {str(canonicalize_name(one["name"])): str(one["version"]) for one in metadata}
    found.pop("rnncli", None)
    return dict(sorted(found.items()))


def index() -> str:
    """Where pip looks."""
    from pip._internal.models.index import PyPI

    told = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True)
    return os.environ.get("PIP_INDEX_URL") or told.stdout.decode().strip() or str(PyPI.simple_url)


def hashes(name: str, version: str, pythons: frozenset[str]) -> list[str]:
    """SHA-256 of each file of a release that some Python of ours can use, as the index tells them."""
    request = urllib.request.Request(f"{index().rstrip('/')}/{name}/", headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files: list[dict[str, Any]] = json.load(answer)["files"]
    found = {file["hashes"]["sha256"] for file in files if not file["yanked"] and _is_of(file, name, version, pythons)}
    if not found:
        raise LookupError(f"the index has no file of {name} {version}")
    return sorted(found)


def _is_of(file: Mapping[str, Any], name: str, version: str, pythons: frozenset[str]) -> bool:
    filename = file["filename"]
    try:
        if filename.endswith(".whl"):
            _, found, _, tags = parse_wheel_filename(filename)
            usable = any(tag.interpreter in pythons or tag.abi == "abi3" for tag in tags)
        else:
            _, found = parse_sdist_filename(filename)
            usable = True
    except (InvalidWheelFilename, ValueError):
        return False
    return usable and str(found) == version


def lines(versions: Mapping[str, str]) -> Iterator[str]:
    """A lock's text."""
    newest = 11 + 4
    pythons = frozenset({"py3", *(f"py3{minor}" for minor in range(newest)), *(f"cp3{m}" for m in range(11, newest))})
    for name, version in versions.items():
        yield f"{name}=={version}"
        for digest in hashes(name, version, pythons):
            yield f" \\\n    --hash=sha256:{digest}"
        yield "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    given = parser.parse_args()
    old = {name: version for file in (*LOCKS, PINS.name) for name, version in read_lock(ROOT / file).items()}
    held = {"torch": old["torch"]} if given.upgrade else old
    known: dict[str, str] = {}
    for file, extras in LOCKS.items():
        found = resolve(extras, held | known)
        new = {name: version for name, version in found.items() if name not in known and not TORCH.fullmatch(name)}
        about = f"# {', '.join(extras)}: written by make locks (tests/supply/locks.py).\n"
        (ROOT / file).write_text(about + "".join(lines(new)), encoding="utf-8")
        known |= found


if __name__ == "__main__":
    main()
