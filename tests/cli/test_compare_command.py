"""``rnncli compare``: lines in, the models' bits and the winner out; two tiny models that know their texts apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result, clean_env, run_here
from tests.folders import make_folder

PATIENCE = 60
"""Seconds after which a process that should have ended is taken to hang."""
SMALL = ["--steps", "60", "--hidden-size", "24", "--layers", "1", "--device", "cpu", "--threads", "1", "-q"]
WORDS = {
    "sea": ("the gull", "a wave", "the harbour", "salt wind", "an anchor", "the tide", "a sail"),
    "town": ("ein Haus", "die Gasse", "der Markt", "das Tor", "ein Turm", "die Uhr", "der Hof"),
}
Inside = Callable[..., Result]


def sentences(name: str, *, held_out: bool) -> list[str]:
    """What one text says: sentences of three of its words; which of them are held out is as good as chance."""
    words = WORDS[name]
    triples = [(a, b, c) for a in words for b in words for c in words if len({a, b, c}) == 3]
    return [", ".join(triple) + "." for place, triple in enumerate(triples) if (place % 2 == 1) == held_out]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models of two tiny texts, 200 lines held out with their labels, and a model of words."""
    folder = tmp_path_factory.mktemp("two")
    for name in WORDS:
        (folder / f"{name}.txt").write_text("\n".join(sentences(name, held_out=False)) + "\n", encoding="utf-8")
        arguments = ["train", str(folder / f"{name}.txt"), "--unit", "lines", "--out", str(folder / name), *SMALL]
        code, _, err = run_here([*arguments, "--tokenizer", "char"])
        assert code == 0, err
    held = {name: sentences(name, held_out=True)[:100] for name in WORDS}
    rows = [f"{number}\t{line}\t{name}\n" for name, lines in held.items() for number, line in enumerate(lines)]
    (folder / "held.tsv").write_text("id\ttext\tfrom\n" + "".join(rows), encoding="utf-8")
    make_folder(folder / "words", "gru", kind="word")
    return folder


@pytest.fixture
def inside(texts: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The real command line in this process, where the models are."""
    monkeypatch.chdir(texts)
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNCLI_MODEL", "RNNCLI_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: run_here(["compare", *arguments])


BOTH = ("-m", "./sea", "-m", "./town")
LABELLED = (*BOTH, "held.tsv", "--text-column", "text", "--label-column", "from")


def cells(out: str) -> list[dict[str, str]]:
    head, *rows = [line.split("\t") for line in out.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_two_models_tell_200_held_out_lines_apart(inside: Inside) -> None:
    code, out, err = inside(*LABELLED, "--total", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)["identification"]
    assert (found["lines"], found["chance"], found["chance_guessing"]) == (200, 0.5, 0.5)
    assert found["accuracy"] >= 0.9
    assert found["low"] > 0.8
    assert {label: sum(row.values()) for label, row in found["confusion"].items()} == {"sea": 100, "town": 100}
    assert found["right"] == sum(found["confusion"][name][name] for name in WORDS)
    table = inside(*LABELLED, "--total", "--format", "table").out
    assert re.search(rf"right: {found['right']} of 200, .*chance: 50.0% by always saying sea, 50.0% by guess", table)
    assert re.search(r"^label +sea +town +tie +recall$", table, re.MULTILINE)


def test_rows_have_the_bits_of_score(inside: Inside, texts: Path) -> None:
    lines = ["the gull, a wave, ein Haus.", "", "Anna"]
    (texts / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    rows = cells(inside(*BOTH, "lines.txt").out)
    assert list(rows[0]) == [
        "winner", "difference", "bits_sea", "bits_town", "bytes", "bits_per_byte", "line", "file", "text",
    ]  # fmt: skip
    for name in WORDS:
        code, out, _ = run_here(["score", "-m", f"./{name}", "--log-base", "2", "lines.txt"])
        assert code == 0
        for row, alone in zip(rows, cells(out), strict=True):
            assert float(row[f"bits_{name}"]) == pytest.approx(-float(alone["logprob"]), rel=1e-8)
            assert (row["line"], row["file"], row["text"]) == (alone["line"], alone["file"], alone["text"])
            if row["winner"] == name:
                assert row["bits_per_byte"] == alone["bits_per_byte"]
    for row in rows:
        bits = {name: float(row[f"bits_{name}"]) for name in WORDS}
        assert row["winner"] == min(bits, key=bits.__getitem__)
        assert float(row["difference"]) == pytest.approx(abs(bits["sea"] - bits["town"]), rel=1e-6)
    assert [row["line"] for row in cells(inside(*BOTH, "--skip-empty", "lines.txt").out)] == ["1", "3"]


def test_labels_stand_beside_the_winner(inside: Inside) -> None:
    records = [json.loads(line) for line in inside(*LABELLED, "--json").out.splitlines()]
    assert list(records[0]) == [
        "winner", "difference", "bits", "bytes", "bits_per_byte", "lossy", "label", "right",
        "line", "file", "text", "columns",
    ]  # fmt: skip
    assert [one["columns"]["id"] for one in records[98:102]] == ["98", "99", "0", "1"]
    assert all(one["right"] == (one["label"] == one["winner"]) for one in records)
    rows = cells(inside(*LABELLED).out)
    assert list(rows[0])[-4:] == ["line", "file", "text", "id"]
    assert [(row["label"], row["right"]) for row in rows] == [(one["label"], str(int(one["right"]))) for one in records]
    bare = inside(*BOTH, "held.tsv", "--text-column", "2", "--label-column", "3", "--no-header").out.splitlines()
    assert len(bare) == 201  # numbers say that there is no header
    assert bare[1].split("\t")[7:9] == ["1", "2"]


def test_total_in_every_form(inside: Inside) -> None:
    code, out, err = inside(*LABELLED, "--total", "--json", "--seed", "3")
    total = json.loads(out)
    assert (code, err, total["lines"], total["bootstrap"]["seed"]) == (0, "", 200, 3)
    sea, town = total["models"]
    assert sea["wins"] + town["wins"] + total["ties"] == 200
    assert sea["definition"]["lossless"] is True
    [pair] = total["pairs"]
    worse, better = (sea, town) if pair["other"] == "sea" else (town, sea)
    assert pair["difference"] == pytest.approx(worse["bits_per_byte"] - better["bits_per_byte"])
    assert pair["low"] < pair["difference"] < pair["high"]
    assert inside(*LABELLED, "--total", "--json", "--seed", "3").out == out
    other = json.loads(inside(*LABELLED, "--total", "--json").out)["pairs"][0]
    assert (other["difference"], other["low"]) != (pair["difference"], pair["low"])
    rows = cells(inside(*LABELLED, "--total").out)
    assert [row["model"] for row in rows] == ["sea", "town"]
    assert {row["model"]: row["difference"] == "" for row in rows}[pair["best"]]
    assert int(rows[0]["won_sea"]) == total["identification"]["confusion"]["sea"]["sea"]
    assert json.loads(rows[0]["definition"]) == sea["definition"]
    assert len(inside(*LABELLED, "--total", "--no-header").out.splitlines()) == 2


def test_three_models_and_one_that_loses_text(inside: Inside) -> None:
    code, out, err = inside(*BOTH, "-m", "w=./words", "held.tsv", "--total", "--json")
    assert code == 0
    assert err == "rnncli: w loses some of each text: its bits are of another one, which is easier\n"
    total = json.loads(out)
    assert [(model["model"], model["lossless"]) for model in total["models"]] == [
        ("sea", True), ("town", True), ("w", False),
    ]  # fmt: skip
    assert total["models"][2]["bits_per_byte"] is None
    units = {pair["unit"] for pair in total["pairs"] if "w" in (pair["best"], pair["other"])}
    assert "bits_per_line" in units
    assert len(units) == 1
    records = [
        json.loads(line) for line in inside(*BOTH, "-m", "w=./words", "held.tsv", "--json", "-q").out.splitlines()
    ]
    assert all(one["lossy"] == ["w"] for one in records)
    assert all((one["bits_per_byte"] is None) == (one["winner"] == "w") for one in records)


def test_one_model_twice_ties_everywhere(inside: Inside) -> None:
    assert {row["winner"] for row in cells(inside("-m", "a=./sea", "-m", "b=./sea", "held.tsv").out)} == {"tie"}
    total = json.loads(inside("-m", "a=./sea", "-m", "b=./sea", "held.tsv", "--total", "--json").out)
    assert (total["ties"], total["pairs"][0]["excludes_zero"]) == (201, False)


def test_labels_of_models_and_paths_with_an_equals_sign(inside: Inside, texts: Path) -> None:
    link = texts / "rate=0.1"
    link.symlink_to(texts / "sea")
    for model, label in (("./rate=0.1", "rate=0.1"), ("rate=0.1", "rate=0.1"), ("x=rate=0.1", "x"), ("x=./sea", "x")):
        code, out, err = inside("-m", model, "-m", "./town", "sea.txt")
        assert code == 0, err
        assert out.split("\t")[2] == f"bits_{label}"
    link.unlink()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "two models or more"),
        (("-m", "./sea"), 2, "two models or more"),
        (("-m", "./sea", "-m", "./sea"), 2, "two models are called sea"),
        (("-m", "x=./sea", "-m", "x=./town"), 2, "two models are called x"),
        (("-m", "tie=./sea", "-m", "./town"), 2, "no model can be called tie"),
        (("-m", "./sea", "-m", "x=./none"), 3, "there is no model ./none"),
        (("-m", "./sea", "-m", "./a=b/none"), 3, "there is no model ./a=b/none"),
        (("-m", "./sea", "-m", "=./town"), 3, "there is no model =./town"),
        ((*BOTH, "--label-column", "from", "held.tsv"), 2, "--label-column needs --text-column"),
        (
            (*BOTH, "--text-column", "text", "--label-column", "who", "held.tsv"),
            4,
            "held.tsv, line 1 has no column named who; it has id, text, from",
        ),
        ((*BOTH, "--text-column", "2", "--label-column", "2", "held.tsv"), 2, "the label and the text"),
        ((*BOTH, "missing.txt"), 4, "there is no file missing.txt"),
        ((*BOTH, "--format", "table", "--json", "sea.txt"), 2, "--json and --format table"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(inside: Inside, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = inside(*arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("rnncli: error: ")
    assert words in result.err
    assert len(result.err.splitlines()) <= 2


def test_labels_that_are_no_models_are_told(inside: Inside) -> None:
    code, out, err = inside("-m", "S=./sea", "-m", "./town", *LABELLED[4:], "--total", "--json")
    assert (code, json.loads(out)["identification"]["recall"]["S"]) == (0, None)
    assert err.startswith("rnncli: 100 lines have labels that no model is called (sea): ")


def test_a_table_shows_control_characters_and_sums_up_on_stderr(inside: Inside, texts: Path) -> None:
    (texts / "odd.txt").write_bytes(b"the \x1b[31mgull\nein\xff Haus\n")
    code, out, err = inside("-m", "\x1b[1m=./sea", "-m", "./town", "odd.txt", "--format", "table")
    assert code == 0
    assert "\x1b" not in out + err
    assert out.splitlines()[1].endswith("the \u241b[31mgull")
    assert re.match(r"rnncli: of 2 lines: \u241b\[1m \d \(\d+\.0%\), town \d \(\d+\.0%\)\n", err)
    assert err.endswith("rnncli: 1 line was not UTF-8, and scored by the bytes\n")
    total = inside("-m", "\x1b[1m=./sea", "-m", "./town", *LABELLED[4:], "--total", "--format", "table")
    assert "\x1b" not in total.out + total.err
    code, out, err = inside(*BOTH, "odd.txt", "--strict")
    assert (code, len(out.splitlines())) == (4, 2)
    assert "odd.txt, line 2 is not UTF-8" in err


def test_nothing_to_compare(inside: Inside, texts: Path) -> None:
    (texts / "nothing.txt").touch()
    assert inside(*BOTH, "nothing.txt", "--json") == (0, "", "")
    assert inside(*BOTH, "nothing.txt").out.startswith("winner\t")
    total = json.loads(inside(*BOTH, "nothing.txt", "--total", "--json").out)
    assert (total["lines"], total["pairs"], total["models"][0]["share"]) == (0, [], None)
    assert inside(*BOTH, "nothing.txt", "--total", "--format", "table").code == 0


def test_a_pipe_gets_each_row_as_soon_as_its_line_is_there(texts: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "rnncli", "compare", *BOTH]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=texts, env=clean_env()
    )
    watch = threading.Timer(PATIENCE, child.kill)
    watch.start()
    assert child.stdin is not None
    assert child.stdout is not None
    for number, text in enumerate((b"the gull", b"", b"ein Haus"), start=1):
        child.stdin.write(text + b"\n")
        child.stdin.flush()
        if number == 1:
            assert child.stdout.readline().startswith(b"winner\t")
        assert child.stdout.readline().endswith(b"\t%d\t-\t%s\n" % (number, text))
    out, err = child.communicate(timeout=PATIENCE)
    watch.cancel()
    assert (child.returncode, out) == (0, b"")
    imported = {line.rsplit(b"|", 1)[-1].strip() for line in err.splitlines()}
    assert b"rnncli.analysis.compare" in imported
    assert not {b"torch", b"textual", b"pandas"} & imported
