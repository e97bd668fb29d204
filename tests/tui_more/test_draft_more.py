"""The pad's story under more random walks."""

from __future__ import annotations

import pytest

from tests.tui import test_draft
from tests.tui.test_draft import KINDS, SEEDS

MORE = range(SEEDS, 25)


@pytest.mark.parametrize("kind", KINDS)
def test_the_story_follows_and_comes_back_to_the_bit(kind: str) -> None:
    test_draft.comes_back_to_the_bit(kind, MORE)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_typed_in_many_places_is_read_as_if_typed_at_once(kind: str) -> None:
    test_draft.is_read_as_if_typed_at_once(kind, MORE)


@pytest.mark.parametrize("kind", ["hybrid", "bpe", "byte"])
def test_what_was_drawn_before_an_edit_stays_as_it_was(kind: str) -> None:
    test_draft.stays_as_it_was(kind, MORE)


def test_a_file_has_what_was_the_text_at_some_time_and_ends_with_what_it_is_now() -> None:
    test_draft.is_in_the_file(MORE)
