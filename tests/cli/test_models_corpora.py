"""``rnncli models`` and ``rnncli corpora``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rnncli import library
from rnncli.cli.columns import aligned, human_count, human_size
from rnncli.text import box, pydocs
from tests.cli.conftest import Call


@pytest.fixture(autouse=True)
def no_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_BOX", tmp_path / "no-box")
    monkeypatch.setattr(library, "_CHECKOUT", tmp_path / "no-checkout")


def put(name: str, **config: Any) -> Path:
    folder = Path("models") / name
    (folder / "training").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format": 1, "parts": [], **config}))
    (folder / "README.md").write_text(f"# {name}\n")
    (folder / "training" / "valid.txt").write_bytes("held out\r\n春\n".encode())
    return folder


def test_list_is_a_table_for_programs(here: Call) -> None:
    assert here("models", "list") == (
        0,
        "",
        "rnncli: there is no model yet; train one: rnncli train CORPUS\n",
    )
    put(
        "poems", created="2026-01-02T03:04:05+00:00", tokenizer={"kind": "char"},
        metrics={"valid": {"nats_per_char": 1.23456}},
    )  # fmt: skip
    (put("broken") / "config.json").write_text("[]")
    code, out, err = here("models", "list")
    rows = {line.split("\t")[0]: line.split("\t") for line in out.splitlines()}
    assert (code, err) == (0, "")
    assert rows["name"][:3] == ["name", "created", "tokenizer"]
    assert rows["poems"][2] == "char"
    assert rows["poems"][4] == "1.235"
    assert rows["broken"][2] == "unreadable"
    records = {record["name"]: record for record in map(json.loads, here("models", "list", "--json").out.splitlines())}
    assert records["poems"]["valid"] == {"nats_per_char": 1.23456}
    assert records["poems"]["folder"] == "models/poems"


def test_list_survives_odd_values(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    put("late", created=1e30, metrics={"valid": {"nats_per_char": 10**400}})
    put("timeless", created=float("nan"), tokenizer={"kind": "\ud800"})
    closed = put("closed")
    listed = Path.iterdir

    def iterdir(self: Path) -> Iterator[Path]:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    code, out, err = here("models", "list")
    rows = {line.split("\t")[0]: line.split("\t") for line in out.splitlines()}
    assert (code, err) == (0, "")
    assert (rows["late"][1], rows["late"][4], rows["timeless"][1], rows["closed"][3]) == ("-", "-", "-", "-")
    code, out, err = here("models", "list", "--json")
    records = {record["name"]: record for record in map(json.loads, out.splitlines())}
    assert (code, records["closed"]["size"], records["timeless"]["created"]) == (0, None, None)


def test_show_path_and_remove(here: Call) -> None:
    folder = put("poems")
    card, _, machine = here("models", "show", "poems").out.partition("\n## On this machine\n\n")
    assert card == "# poems\n"
    assert machine.startswith("Engine: onnx (")
    assert here("models", "show").out.startswith("# poems\n\n## On this machine")
    assert json.loads(here("models", "show", "poems", "--json").out)["format"] == 1
    assert here("models", "path", "poems").out == f"{folder.absolute()}\n"
    code, _, err = here("models", "remove", "poems")
    assert (code, "Say --yes." in err) == (2, True)
    assert folder.is_dir()
    assert here("models", "remove", "poems", "--yes") == (0, "", "rnncli: removed models/poems\n")
    assert not folder.exists()
    code, _, err = here("models", "show", "poems")
    assert (code, err.splitlines()[0]) == (3, "rnncli: error: there is no model poems")


def test_corpora(here: Call) -> None:
    listed = here("corpora", "list").out
    names = [line.split("\t")[0] for line in listed.splitlines()[1:]]
    assert {text.name for text in box.list_texts()} < set(names)
    assert "python-docs" in names
    text = box.list_texts()[0]
    assert here("corpora", "show", text.name).out == text.path.read_bytes().decode()
    code, _, err = here("corpora", "show", text.name + "x")
    assert code == 4
    assert f"Did you mean {text.name}?" in err


def test_the_held_out_text_comes_back(here: Call) -> None:
    folder = put("poems")
    assert here("corpora", "show", "poems", "--valid") == (0, "held out\r\n春\n", "")
    (folder / "training" / "valid.txt").unlink()
    assert here("corpora", "show", "poems", "--valid").code == 4
    assert here("corpora", "show", "nothing", "--valid").code == 3


def test_make(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = box.Recipe("python-docs", "something", lambda: iter(["one", "two\ud800"]))
    monkeypatch.setattr(box, "RECIPES", (recipe,))
    code, out, err = here("corpora", "make", "python-docs")
    assert (code, out) == (0, "")
    assert Path("python-docs.txt").read_text() == "one\n\ntwo?\n"
    assert "rnncli train python-docs.txt" in err
    assert here("corpora", "make", "python-docs").code == 2
    assert here("corpora", "make", "python-docs", "--overwrite", "-q") == (0, "", "")
    assert here("corpora", "make", "python-docs", "--out", "-").out == "one\n\ntwo?\n"
    assert here("corpora", "make", "python-docs", "--out", "no/where.txt").code == 1
    assert here("corpora", "make", "cooking").code == 4


def test_python_docs_are_much_text_and_always_the_same() -> None:
    first = list(pydocs.paragraphs())
    again = list(islice(pydocs.paragraphs(), len(first) // 3))
    assert first[: len(again)] == again
    assert sum(map(len, first)) > 1_000_000
    assert not [p for p in first if not p.strip() or "\n\n" in p or "\r" in p]


def test_paragraphs_are_unwrapped_and_code_is_not() -> None:
    text = (
        "A title\n*******\n\nSome prose that was wrapped to a width of about fifty\ncharacters and goes on."
        "\n\n* an item of a list that is also wrapped where it\n  need not be\n\n   if x:\n       return y"
        "\n\n===\n"
    )
    assert list(pydocs.clean(text)) == [
        "A title",
        "Some prose that was wrapped to a width of about fifty characters and goes on.",
        "* an item of a list that is also wrapped where it need not be",
        "   if x:\n       return y",
    ]


def test_columns() -> None:
    table = aligned(("a", "size"), [("春眠", "1"), ("x\x1b", "200")], right=(1,), color=False)
    assert table == "a     size\n春眠     1\nx\u241b     200\n"
    assert [human_size(n) for n in (5, 999, 1000, 123_456, 5_000_000, 2e12)] == [
        "5 B", "999 B", "1.0 kB", "123 kB", "5.0 MB", "2000 GB",
    ]  # fmt: skip
    assert [human_count(n) for n in (5, 1500, 1_900_000)] == ["5", "1.5k", "1.9M"]


@pytest.mark.parametrize("name", ["config.json", "README.md", "training/valid.txt"])
def test_what_is_shown_of_a_folder_lies_in_it(here: Call, tmp_path: Path, name: str) -> None:
    folder = put("poems")
    (folder / name).unlink()
    (tmp_path / "secret").write_text("{secret}")
    (folder / name).symlink_to(tmp_path / "secret")
    words = ("corpora", "show", "poems", "--valid") if name.startswith("training") else ("models", "show", "poems")
    if name == "config.json":
        (folder / "README.md").unlink()
    code, out, err = here(*words)
    assert (code, out) == (3, "")
    assert "leads out of the folder" in err
    assert "secret}" not in here("models", "list", "--json").out


@pytest.mark.parametrize("name", ["config.json", "README.md"])
def test_a_file_that_takes_no_place_is_not_read_through(here: Call, name: str) -> None:
    folder = put("poems")
    os.truncate(folder / name, 100 << 30)
    assert here("models", "list").code == 0
    if name == "config.json":
        (folder / "README.md").unlink()
    code, out, err = here("models", "show", "poems")
    assert (code, out) == (3, "")
    assert "more than" in err
