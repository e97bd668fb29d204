"""SECURITY.md says what is so: the versions of the locks, a table of a whole torture in which nothing was lost."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply.locks import LOCKS, PINS, read_lock
from tests.torture.__main__ import BEGIN, END, RECORDS, ROOT
from tests.torture.parts import PARTS

SECURITY, RESULTS = (path.read_text(encoding="utf-8") for path in RECORDS)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = {
    "kills": 270, "real-kills": 30, "folders": 2_000, "commands": 2_000, "real-commands": 100, "lines": 10_000_000,
    "disks": 50, "switches": 1_000, "app": 1_000, "crowd": 100,
}  # fmt: skip
"""Attempts below which the promises are not tried as they should be."""


def rows(text: str) -> list[list[str]]:
    """The cells of the torture's table in a document, its head left out."""
    table = text.partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_is_of_all_parts_and_nothing_was_lost() -> None:
    found = rows(SECURITY)
    assert found == rows(RESULTS)
    assert [row[0] for row in found] == [part.what for part in PARTS]
    for part, (_, tried, survived, _, lost) in zip(PARTS, found, strict=True):
        assert int(tried.replace(",", "")) >= part.whole
        assert survived == tried
        assert lost == "0"


def test_as_many_attempts_as_were_promised() -> None:
    whole = {part.name: part.whole for part in PARTS}
    assert {name: whole[name] for name in WANTED if whole[name] < WANTED[name]} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_file_that_is_installed_is_held_by_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = [one for one in re.split(r"\n(?=\S)", text) if not one.startswith("#")]
    assert len(pins) == len(read_lock(ROOT / lock)) > 0
    assert all(re.fullmatch(r"\S+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+\n?", one) for one in pins)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    held = {name: version for file in (*LOCKS, PINS.name) for name, version in read_lock(ROOT / file).items()}
    extras = PROJECT["optional-dependencies"].values()
    for text in (*PROJECT["dependencies"], *(one for extra in extras for one in extra)):
        wanted = Requirement(text)
        assert held[canonicalize_name(wanted.name)] in wanted.specifier, text


def test_the_audit_is_of_what_is_installed() -> None:
    told = dict(re.findall(r"^\| ([a-z]+) \| ([0-9.]+) \|", SECURITY, re.MULTILINE))
    held = read_lock(ROOT / "requirements.lock") | read_lock(PINS)
    assert told.keys() == {Requirement(text).name for text in PROJECT["dependencies"]}
    assert {name: held[name] for name in told} == told


def test_the_guide_names_the_page() -> None:
    assert "SECURITY.md" in Path(ROOT, "README.md").read_text(encoding="utf-8")
