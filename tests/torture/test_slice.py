"""A slice of the torture: a few attempts of each part. ``make torture`` makes them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.parts import PARTS, Part

SEED = 7


@pytest.mark.parametrize("part", PARTS, ids=[part.name for part in PARTS])
def test_slice(part: Part, tmp_path: Path) -> None:
    tried, lost = 0, []
    for one in part.attempts(part.slice, SEED, tmp_path):
        tried += one.times
        if one.lost:
            lost.append(f"number {tried}: {one.lost}")
    assert lost == []
    assert tried >= part.slice
