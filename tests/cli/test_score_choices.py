"""``rnncli score`` with a prefix, columns, regions, masks and filters, through the real command line."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from rnncli.formats.definitions import DEFINITIONS
from rnncli.formats.fields import SCORE_FIELDS
from tests.cli.conftest import Call


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def table(out: str) -> list[dict[str, str]]:
    header, *rows = [line.split("\t") for line in out.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_a_prefix_is_read_and_not_counted(here: Call, tmp_path: Path) -> None:
    (tmp_path / "whole").write_text("the cat saw the dog\n")
    (tmp_path / "rest").write_text(" saw the dog\n")
    [whole] = records(here("score", "--json", "--tokens", "whole").out)
    [rest] = records(here("score", "--json", "--tokens", "--prefix", "the cat", "rest").out)
    assert rest["token_scores"][0]["start"] == 0
    assert [t["logprob"] for t in rest["token_scores"]] == [t["logprob"] for t in whole["token_scores"][2:]]
    [total] = records(here("score", "--json", "--total", "--prefix", "the cat", "rest").out)
    assert total["definition"]["prefix"] == "the cat"
    assert total["logprob"] == pytest.approx(rest["logprob"])
    code, _, err = here("score", "--context", "file", "--prefix", "the cat", "rest")
    assert (code, err.split("\n")[0]) == (
        2,
        "rnncli: error: with --context file the lines before are the prefix: give no other",
    )


def test_without_the_end_and_in_another_base(here: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("the cat\n")
    [whole] = records(here("score", "--json", "--tokens", "a").out)
    [open_] = records(here("score", "--json", "--no-eos", "--log-base", "10", "a").out)
    assert open_["logprob"] * math.log(10) == pytest.approx(whole["logprob"] - whole["token_scores"][-1]["logprob"])
    assert open_["perplexity"] == open_["perplexity1"]
    [total] = records(here("score", "--json", "--total", "--no-eos", "--log-base", "2", "a").out)
    assert (total["definition"]["end_counted"], total["definition"]["log_base"], total["lines"]) == (False, "2", 1)
    assert total["logprob"] * math.log(2) == pytest.approx(open_["logprob"] * math.log(10))


def test_columns_are_passed_through(here: Call, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("item\ttext\tbefore\n7\tthe cat\tthe dog\n8\tthe cat\t\n")
    found = table(here("score", "--text-column", "text", "--prefix-column", "before", "a.tsv").out)
    assert [(row["text"], row["item"], row["line"]) for row in found] == [("the cat", "7", "2"), ("the cat", "8", "3")]
    assert found[0]["logprob"] != found[1]["logprob"]
    [words, *_] = table(here("score", "--words", "--text-column", "2", "a.tsv").out)
    assert (words["token"], words["column_1"]) == ("text", "item")
    shown = here("score", "--format", "table", "--text-column", "text", "a.tsv").out.splitlines()
    assert shown[0].split() == ["bits/byte", "perplexity", "logprob", "item", "before", "text"]
    code, out, err = here("score", "--text-column", "2", "-q", "a.tsv", "a.tsv")
    assert (code, len(out.splitlines()), err) == (0, 7, "")
    (tmp_path / "b.tsv").write_text("1\tthe\n2\n")
    code, out, err = here("score", "--text-column", "2", "b.tsv")
    assert (code, err.split("\n")[0]) == (4, "rnncli: error: b.tsv, line 2 has 1 column, not 2")
    assert [row["text"] for row in table(out)] == ["the"]  # what came before it is answered


def test_regions_are_sums_of_words(here: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("the cat | saw | the dog\n")
    (tmp_path / "b").write_text("the cat saw the dog\n")
    regions = table(here("score", "--regions", "|", "a").out)
    words = table(here("score", "--words", "b").out)
    assert [row["token"] for row in regions] == ["the cat", "saw", "the dog"]
    sums = [sum(float(words[i]["surprisal"]) for i in part) for part in ((0, 1), (2,), (3, 4))]
    assert [float(row["surprisal"]) for row in regions] == pytest.approx(sums)
    plain = here("score", "--words", "b").out.splitlines()
    marked = here("score", "--regions", "|", "--words", "a").out.splitlines()
    assert marked == plain
    [record] = records(here("score", "--regions", "|", "--json", "a").out)
    assert (record["text"], len(record["word_scores"])) == ("the cat saw the dog", 3)


def test_masked_digits_are_read_as_0_and_shown_as_they_are(here: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("12 the 7\n00 the 0\n")
    masked = records(here("score", "--json", "--mask", "a").out)
    plain = records(here("score", "--json", "a").out)
    assert masked[0]["logprob"] == masked[1]["logprob"] == plain[1]["logprob"] != plain[0]["logprob"]
    assert [record["text"] for record in masked] == ["12 the 7", "00 the 0"]


# -- filters

LINES = [b"the cat sat\n", b"zx qk vw\r\n", b"\n", b"the d\xffg\n", b"\xe6\x98\xa5\n", b"they saw the cat"]


def scores_of(here: Call, *options: str) -> list[float]:
    return [record["perplexity"] for record in records(here("score", "--json", *options).out)]


def test_a_filter_passes_lines_on_byte_for_byte(toy: Call, here: Call, tmp_path: Path) -> None:
    data = b"".join(LINES)
    (tmp_path / "a").write_bytes(data)
    values = scores_of(here, "a")
    bound = sorted(values)[2]
    low = b"".join(line for line, value in zip(LINES, values, strict=True) if value < bound)
    high = b"".join(line for line, value in zip(LINES, values, strict=True) if value > bound)
    assert toy("score", "--below", repr(bound), stdin=data).out.encode("utf-8", "surrogateescape") == low
    assert toy("score", "--above", repr(bound), "-q", stdin=data).out.encode("utf-8", "surrogateescape") == high
    assert here("score", "--above", "0", "a").out.encode("utf-8", "surrogateescape") == data
    assert here("score", "--above", repr(min(values)), "--below", repr(max(values)), "a").out.count("\n") >= 3
    assert here("score", "--above", "1e300", "a").out == ""
    # What it did, and the figure to do the same without a reference.
    count = len(LINES)
    assert here("score", "--above", "1e300", "a").err.endswith(f"passed 0 of {count} lines: perplexity above 1e+300\n")
    assert here("score", "--keep", "50%", "a").err.endswith(f"passed {-(-count // 2)} of {count} lines\n")
    assert "passed" not in here("score", "--keep", "50%", "a", "-q").err


def test_a_file_without_a_last_end_does_not_run_into_the_next(here: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfthe cat")
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        file.write(b"the dog")
    assert here("score", "--above", "0", "a", "b.gz").out.encode() == b"\xef\xbb\xbfthe cat\nthe dog"


def test_the_best_share(here: Call, toy: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"".join(LINES))
    values = scores_of(here, "a")
    expected = b"".join(LINES[i] for i in sorted(sorted(range(6), key=values.__getitem__)[:3]))
    assert toy("score", "--keep", "50%", stdin=b"".join(LINES)).out.encode("utf-8", "surrogateescape") == expected
    assert here("score", "--keep", "50", "a").out.encode("utf-8", "surrogateescape") == expected
    likely = [record["logprob"] for record in records(here("score", "--json", "a").out)]
    best = LINES[max(range(6), key=likely.__getitem__)]
    assert here("score", "--keep", "1%", "--by", "logprob", "a").out.encode("utf-8", "surrogateescape") == best
    for wrong in ("0", "101", "x"):
        assert here("score", "--keep", wrong, "a").code == 2
    assert here("score", "--keep", "5", "--json", "a").code == 2
    assert here("score", "--keep", "5", "--above", "5", "a").code == 2


def test_a_reference_gives_thresholds_a_meaning(here: Call, tmp_path: Path) -> None:
    usual = [f"the cat saw {i}\n" for i in range(100)]
    (tmp_path / "usual").write_text("".join(usual))
    (tmp_path / "new").write_text("the cat saw 7\nzx qk vw yy\n")
    found = table(here("score", "--calibrate", "usual", "new").out)
    values = scores_of(here, "usual")
    mine = scores_of(here, "new")
    assert [float(row["percentile"]) for row in found] == [100 * sum(v < m for v in values) / 100 for m in mine]
    code, out, _ = here("score", "--calibrate", "usual", "--above", "99%", "--fail", "new")
    assert (code, out) == (1, "zx qk vw yy\n")
    code, out, _ = here("score", "--calibrate", "usual", "--above", "99%", "--fail", "usual")
    assert (code, len(out.splitlines())) == (1, 1)  # of a hundred lines one is above the 99th percentile
    assert here("score", "--calibrate", "usual", "--keep", "50%", "usual").out.count("\n") == 50
    top = here("score", "--calibrate", "usual", "--keep", "50%", "--by", "logprob", "usual").out
    assert 50 <= top.count("\n") <= 51
    [record] = records(here("score", "--json", "--calibrate", "usual", "--above", "99%", "new").out)
    assert record["columns"] == {"percentile": 100.0}
    [total] = records(here("score", "--json", "--total", "--calibrate", "usual", "--above", "99%", "new").out)
    assert (total["lines"], total["logprob"]) == (1, pytest.approx(record["logprob"]))


def test_what_cannot_be_chosen_by_is_said(here: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("the\nthe cat\n")
    for options, code, message in (
        (("--above", "99%"), 2, "99% is a share of some text"),
        (("--above", "x"), 2, "'x' is no number"),
        (("--above", "99%", "--calibrate", "a"), 4, "a has 2 lines: too few for 99 %"),
        (("--calibrate", "missing"), 4, "there is no file missing"),
        (("--above", "1", "--words"), 2, "a filter passes lines on as they are: --words has no place there"),
        (("--keep", "50%", "--tokens"), 2, "a filter passes lines on as they are: --tokens has no place there"),
        (("--calibrate", "a", "--fail"), 2, "--fail needs --above, --below or --keep"),
        (("--calibrate", "-", "--above", "9", "-"), 2, "standard input was given twice"),
        (("--keep", "0.9"), 2, "--keep 0.9 is a share in per cent"),
        (("--fail",), 2, "--fail needs --above, --below or --keep"),
        (("--prefix-column", "2"), 2, "--prefix-column needs --text-column"),
    ):
        found, out, err = here("score", *options, "a")
        assert (found, out, err.split("\n")[0]) == (code, "", f"rnncli: error: {message}"), options
    assert here("score", "--above", "0", "--fail", "a").code == 1
    assert here("score", "--above", "1e300", "--fail", "a").code == 0


def test_a_filter_over_rows_keeps_their_header(here: Call, tmp_path: Path) -> None:
    rows = "text\titem\nthe cat\t1\nzx qk vw yy\t2\n"
    (tmp_path / "a.tsv").write_text(rows)
    assert here("score", "--text-column", "text", "--above", "0", "a.tsv").out == rows
    assert here("score", "--text-column", "text", "--keep", "50%", "a.tsv").out == "text\titem\nthe cat\t1\n"


def test_every_figure_is_explained(here: Call) -> None:
    code, out, err = here("score", "--explain")
    assert (code, err) == (0, "")
    assert {*SCORE_FIELDS, "surprisal", "rank", "entropy", "percentile"} == set(DEFINITIONS)
    for name, meaning in DEFINITIONS.items():
        assert [line.split(maxsplit=1) for line in out.splitlines()].count([name, meaning]) == 1
