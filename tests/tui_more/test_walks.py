"""Random walks through the app: 500 of 40 actions, a fifth of them over real models. RNNCLI_WALKS asks for more."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import train_small
from tests.tui.walking import ACTIONS, BLOCK, KINDS, dealt, walk_or_tell

WALKS = int(os.environ.get("RNNCLI_WALKS", "500"))
ONE_REAL_IN, ONE_LARGE_IN = 5, 25


@pytest.fixture(scope="session")
def real_models(tiny_model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One that writes, one that only scores, and the starter."""
    backward = tmp_path_factory.mktemp("models") / "backward"
    train_small(tiny_corpus, backward, steps=2, direction="backward", unit="lines")
    starter = Path(__file__).parents[2] / "models" / "starter"
    return {"tiny": tiny_model, "tiny again": tiny_model, "backward": backward, "starter": starter}


@pytest.mark.parametrize("block", range(0, WALKS, BLOCK))
def test_nothing_breaks_and_all_that_was_written_can_be_made_again(
    block: int, real_models: dict[str, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done: Counter[str] = Counter()
    for number in range(block, min(block + BLOCK, WALKS)):
        real = None if number % ONE_REAL_IN else dict(real_models)
        if real and number % ONE_LARGE_IN:
            del real["starter"]
        walked = walk_or_tell(number, tmp_path / str(number), real)
        assert walked == Counter(action.kind for action in dealt(number))
        done += walked
    record_property("walked", dict(done))


def test_each_action_is_done_as_often_as_any_other() -> None:
    counts = Counter(action.kind for number in range(WALKS // BLOCK * BLOCK) for action in dealt(number))
    assert len(dealt(0)) == ACTIONS
    assert {counts[kind] for kind in KINDS} == {WALKS // BLOCK * BLOCK}
