"""The folder of a new run: nothing that lay there is lost unless a model takes its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnncli.errors import ConfigError, RnncliError
from rnncli.store import TRAINING
from rnncli.training.place import Place


def test_a_new_folder_is_made_and_gone_again_if_nothing_comes_of_it(tmp_path: Path) -> None:
    place = Place(tmp_path / "models" / "a", overwrite=False)
    assert place.take() == tmp_path / "models" / "a" / TRAINING
    assert (tmp_path / "models" / "a" / TRAINING).is_dir()
    place.give_back()
    assert not (tmp_path / "models" / "a").exists()


def test_of_two_that_want_one_folder_the_second_is_refused_and_leaves_it_alone(tmp_path: Path) -> None:
    first, second = (Place(tmp_path / "a", overwrite=False) for _ in range(2))
    first.take()
    with pytest.raises(ConfigError, match="another training has just taken"):
        second.take()
    second.give_back()
    assert (tmp_path / "a" / TRAINING).is_dir()


def old_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("old")
    return folder


def test_overwriting_brings_the_old_model_back_if_nothing_comes_of_it(tmp_path: Path) -> None:
    place = Place(old_model(tmp_path / "a"), overwrite=True)
    place.take()
    assert not (tmp_path / "a" / "config.json").exists()
    place.give_back()
    assert (tmp_path / "a" / "config.json").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_overwriting_drops_the_old_model_once_there_is_a_new_one(tmp_path: Path) -> None:
    place = Place(old_model(tmp_path / "a"), overwrite=True)
    place.take()
    (tmp_path / "a" / "config.json").write_text("new")
    place.settle()
    assert (tmp_path / "a" / "config.json").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_overwriting_again_after_a_kill_still_has_the_first_model_to_give_back(tmp_path: Path) -> None:
    Place(old_model(tmp_path / "a"), overwrite=True).take()  # and killed here
    again = Place(tmp_path / "a", overwrite=True)
    again.take()
    again.give_back()
    assert (tmp_path / "a" / "config.json").read_text() == "old"


def test_an_empty_folder_of_the_users_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    place = Place(tmp_path / "mine", overwrite=False)
    place.take()
    place.give_back()
    assert (tmp_path / "mine").is_dir()
    assert not list((tmp_path / "mine").iterdir())


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RnncliError, match=r"cannot write .*a/training: Not a directory"):
        Place(tmp_path / "file" / "a", overwrite=False).take()
