"""The chat and the scores in other sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui import test_chat, test_scores
from tests.tui.conftest import run_app
from tests.tui.test_scores import hasty

__all__ = ["hasty"]
SIZES = [(60, 20), (100, 30), (160, 50), (30, 10), (20, 5)]


@pytest.mark.parametrize("size", SIZES)
def test_the_chat_shows_its_text_or_the_panel(tiny_model: Path, size: tuple[int, int]) -> None:
    run_app(tiny_model, test_chat.shows_the_text_or_the_panel(size), size=size)


@pytest.mark.parametrize("size", SIZES)
def test_the_scores_of_any_text(tiny_model: Path, size: tuple[int, int]) -> None:
    run_app(tiny_model, test_scores.any_text(size), size=size)
