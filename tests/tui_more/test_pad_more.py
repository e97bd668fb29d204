"""The pad in other sizes, with longer texts, and one walk an app."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.tui import test_pad, test_pad_shows
from tests.tui.conftest import Walk
from tests.tui.pads import quick, walk_pad

__all__ = ["quick"]


@pytest.mark.parametrize("size", [(60, 20), (100, 30), (160, 50), (20, 5)])
def test_any_size_shows_the_text_or_the_panel(tiny_model: Path, size: tuple[int, int]) -> None:
    walk_pad(tiny_model, test_pad_shows.shows_the_text_or_the_panel, ghosts=True, size=size)


def test_a_long_line_and_a_long_paste_do_not_keep_the_person_waiting(tiny_model: Path) -> None:
    walk_pad(tiny_model, partial(test_pad.a_long_line_and_a_long_paste, times=11))


@pytest.mark.parametrize(
    "walk",
    [
        test_pad.the_same_with_the_same_seed,
        test_pad.undo_and_redo,
        test_pad.an_edit_keeps_what_was_drawn_before_it,
        test_pad.typing_ends_it,
        test_pad.bytes_and_control_characters,
    ],
)
@pytest.mark.parametrize("seed", [2, 3])
def test_a_walk_under_other_seeds(tiny_model: Path, walk: Walk, seed: int) -> None:
    walk_pad(tiny_model, walk, seed=seed)
