"""Which model a word means, and what a new one is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rnncli import library, naming
from rnncli.errors import ConfigError, ModelError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no starter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(library.VARIABLE, raising=False)
    monkeypatch.setattr(library, "_BOX", tmp_path / "no-box")
    monkeypatch.setattr(library, "_CHECKOUT", tmp_path / "no-checkout")
    return tmp_path


def put(name: str, created: Any = None, **config: Any) -> Path:
    folder = Path("models") / name
    folder.mkdir(parents=True)
    if created is not None:
        config["created"] = created
    (folder / "config.json").write_text(json.dumps({"format": 1, "parts": [], **config}))
    return folder


def put_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "box" / "models" / "starter"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format": 1, "parts": [], "created": "2999-01-01"}))
    monkeypatch.setattr(library, "_BOX", tmp_path / "box")
    return folder


def test_a_name_is_a_folder_in_models() -> None:
    assert library.resolve(put("poems").name) == Path("models/poems")


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    put("poems").rename(tmp_path / "elsewhere")
    assert library.resolve("elsewhere") == Path("elsewhere")
    assert library.resolve(str(tmp_path / "elsewhere")) == tmp_path / "elsewhere"
    assert library.resolve("./elsewhere/") == Path("elsewhere")


def test_a_name_in_models_goes_before_a_folder_here() -> None:
    put("poems")
    Path("poems").mkdir()
    assert library.resolve("poems") == Path("models/poems")


def test_a_reference_is_what_finds_the_folder_again(tmp_path: Path) -> None:
    for name in ("x", "elsewhere/deep", "-x"):
        folder = Path(name)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        assert library.resolve(library.reference(folder)).samefile(folder)
        assert library.resolve(library.reference(folder.absolute())).samefile(folder)
    inside = put("x")
    assert library.reference(inside) == library.reference(str(inside.absolute())) == "x"
    assert library.resolve("x").samefile(inside)
    assert [library.reference(name) for name in ("x", "-x", "elsewhere/deep")] == ["./x", "./-x", "elsewhere/deep"]
    assert library.resolve("./x").samefile(tmp_path / "x")


def test_without_a_name_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starter = put_starter(tmp_path, monkeypatch)
    assert library.resolve() == starter
    put("old", "2026-01-01T00:00:00+00:00")
    put("new", "2026-01-01T09:00:00+02:00")  # seven o'clock in Greenwich
    put("middle", "2026-01-01T06:59:00+00:00")
    (Path("models") / "no-model").mkdir()
    assert library.resolve() == Path("models/new")


def test_created_may_be_seconds_or_missing() -> None:
    put("seconds", 4e9)
    put("nothing")
    put("nonsense", "yesterday")
    assert library.resolve() == Path("models/seconds")


def test_the_variable_goes_before_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    put("old", "2026-01-01")
    put("new", "2026-01-02")
    monkeypatch.setenv(library.VARIABLE, "old")
    assert library.resolve() == Path("models/old")
    assert library.resolve("new") == Path("models/new")
    monkeypatch.setenv(library.VARIABLE, "gone")
    with pytest.raises(ModelError, match=r"\$RNNCLI_MODEL: there is no model gone"):
        library.resolve()
    monkeypatch.setenv(library.VARIABLE, "")
    assert library.resolve() == Path("models/new")


def test_no_model_at_all() -> None:
    with pytest.raises(ModelError, match="there is no model yet") as caught:
        library.resolve()
    assert caught.value.hint == "Train one: rnncli train CORPUS"


def test_a_near_miss_is_named() -> None:
    put("shakespeare")
    with pytest.raises(ModelError, match="there is no model shakespere") as caught:
        library.resolve("shakespere")
    assert "Did you mean shakespeare?" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "x" * 5000, "\x00"])
def test_nonsense_is_one_clear_error(name: str) -> None:
    with pytest.raises(ModelError):
        library.resolve(name)


def test_a_training_that_never_saved_is_told_apart() -> None:
    (Path("models") / "begun" / "training").mkdir(parents=True)
    with pytest.raises(ModelError, match="has not been saved yet") as caught:
        library.resolve("begun")
    assert caught.value.hint == "Go on: rnncli train --resume begun"


@pytest.mark.parametrize("begun", [True, False])
def test_a_model_that_an_unfinished_training_replaces_is_told_of(begun: bool) -> None:
    put(".book.old")
    if begun:
        (Path("models") / "book" / "training").mkdir(parents=True)
    with pytest.raises(ModelError) as caught:
        library.resolve("book")
    assert "models/.book.old" in str(caught.value.hint)
    assert ("--resume book" in str(caught.value.hint)) == begun


def test_the_list_is_newest_first_with_the_starter_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_starter(tmp_path, monkeypatch)
    put("old", "2026-01-01")
    put("new", "2026-01-02")
    (put("broken") / "config.json").write_text("{")
    names = [entry.name for entry in library.list_models()]
    assert sorted(names) == ["broken", "new", "old", "starter"]
    assert names.index("new") < names.index("old") < names.index("starter") == 3
    assert next(e for e in library.list_models() if e.name == "broken").config == {}


def test_size_leaves_out_what_resume_needs() -> None:
    folder = put("poems")
    (folder / "model.safetensors").write_bytes(bytes(1000))
    (folder / "training").mkdir()
    (folder / "training" / "state").write_bytes(bytes(50_000))
    [entry] = library.list_models()
    assert entry.size == 1000 + (folder / "config.json").stat().st_size


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ("book.txt", "book"),
        ("data/names/train.txt.xz", "names"),
        ("data/shakespeare/input.txt", "shakespeare"),
        ("data/CORPUS.TXT", "data"),
        ("logs.gz", "logs"),
        ("My long book.txt", "My-long-book"),
        ("../../etc/passwd", "passwd"),
        ("唐诗.txt", "唐诗"),
        ("a.b.txt", "a.b"),
        ("-", "stdin"),
        ("???.txt", "model"),
        ("..txt", "model"),
        ("x" * 500 + ".txt", "x" * 75),
    ],
)
def test_a_name_from_the_corpus(corpus: str, name: str) -> None:
    assert library.new_name([corpus, "other.txt"]) == name
    assert naming.check_name(name) == name


def test_a_folder_gives_its_own_name() -> None:
    for folder in ("mail.old", "train"):
        Path(folder).mkdir()
    assert library.new_name(["mail.old/"]) == "mail.old"
    assert library.new_name(["train"]) == "train"
    assert library.new_name(["."]) == Path.cwd().name.strip("-.")


def test_taken_names_get_numbers() -> None:
    put("book")
    assert library.new_name(["book.txt"]) == "book-2"
    put("book-2")
    assert library.new_name(["book.txt"]) == "book-3"
    assert library.new_name(["book.txt"], overwrite=True) == "book"
    assert library.new_name(["starter.txt"]) == "starter-2"
    (Path("models") / "empty").mkdir()
    assert library.new_name(["empty.txt"]) == "empty"


def test_only_an_explicit_name_collides() -> None:
    put("book")
    with pytest.raises(ConfigError, match="the model book exists") as caught:
        library.new_name(["x.txt"], "book")
    assert "--overwrite" in (caught.value.hint or "")
    assert "--resume book" in (caught.value.hint or "")
    assert library.new_name(["x.txt"], "book", overwrite=True) == "book"
    assert library.new_name(["x.txt"], "fresh") == "fresh"


@pytest.mark.parametrize(
    "name", ["", " ", ".hidden", "..", "a/b", "a\\b", "starter", "x" * 81, "a\nb", "-m", "字" * 79]
)
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ConfigError):
        naming.check_name(name)


def test_out_wants_an_empty_folder_or_a_model_to_replace(tmp_path: Path) -> None:
    assert library.new_folder(["book.txt"]) == Path("models/book")
    assert library.new_folder(["book.txt"], out="new/place") == Path("new/place")
    model = put("book")
    with pytest.raises(ConfigError, match="holds a model"):
        library.new_folder(["x.txt"], out=str(model))
    assert library.new_folder(["x.txt"], out=str(model), overwrite=True) == model
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(ConfigError, match="holds other things"):
        library.new_folder(["x.txt"], out="photos", overwrite=True)
    with pytest.raises(ConfigError, match="is a file"):
        library.new_folder(["x.txt"], out="photos/cat.jpg")


def test_remove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starter = put_starter(tmp_path, monkeypatch)
    put("book")
    assert library.remove("book") == Path("models/book")
    assert not Path("models/book").exists()
    for name in ("book", "starter", str(starter)):
        with pytest.raises(ModelError):
            library.remove(name)
    assert starter.is_dir()


def test_remove_touches_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "website").mkdir()
    (tmp_path / "website" / "config.json").write_text('{"title": "my site"}')
    with pytest.raises(ModelError, match="does not look like a model folder"):
        library.remove("website")
    kept = put("kept")
    (Path("models") / "link").symlink_to(kept.absolute())
    library.remove("link")
    assert (kept / "config.json").is_file()


def test_overwriting_replaces_models_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "notes").mkdir(parents=True)
    (tmp_path / "models" / "notes" / "my.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other things"):
        library.new_name(["notes.txt"], "notes", overwrite=True)
    assert library.new_name(["notes.txt"], overwrite=True) == "notes-2"


def test_an_absurd_date_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"created": 1' + "0" * 400 + "}")
    assert library.entry(tmp_path).created > 0
