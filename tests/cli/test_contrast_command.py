"""``rnncli score --pairs``, ``--nbest`` and ``--tune`` through real pipes, over a toy model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def logprobs(toy: Call, *texts: str) -> list[float]:
    out = toy("score", "--json", stdin="".join(text + "\n" for text in texts).encode()).out
    return [record["logprob"] for record in records(out)]


def test_pairs(toy: Call) -> None:
    one, other = logprobs(toy, "the cat", "the zebra")
    text = b"kind\tgood\tbad\r\nx\tthe cat\tthe zebra\r\ny\tthe cat\tthe cat\r\n"
    code, out, err = toy("score", "--pairs", "-", "--json", stdin=text)
    x, y, total = records(out)
    assert (code, err) == (0, "")
    assert (x["group"], x["right"], x["ties"]) == ("x", int(one > other), 0)
    assert (y["group"], y["right"], y["ties"]) == ("y", 0, 1)
    assert (total["group"], total["pairs"], total["ties"], total["groups"]) == (None, 2, 1, 2)
    header, *rows = toy("score", "--pairs", "-", stdin=text).out.splitlines()
    assert header.split("\t")[:5] == ["group", "pairs", "right", "accuracy", "ties"]
    assert [row.split("\t")[0] for row in rows] == ["x", "y", ""]
    each = records(toy("score", "--pairs", "-", "--each", "--json", stdin=text).out)
    assert each[0]["difference"] == pytest.approx(one - other)
    assert [(r["line"], r["good"]) for r in each] == [(2, "the cat"), (3, "the cat")]
    assert "mean of 2 groups" in toy("score", "--pairs", "-", "--format", "table", stdin=text).out


def test_nbest_with_a_weight_and_with_a_fitted_one(toy: Call, tmp_path: Path) -> None:
    [one, other] = logprobs(toy, "the cat", "the zebra")
    text = b"g\t0\tthe cat\ng\t1\tthe zebra\n"
    [best] = records(toy("score", "--nbest", "-", "--weight", "2", "--json", stdin=text).out)
    assert best["combined"] == pytest.approx(max(2 * one, 1 + 2 * other))
    [best] = records(toy("score", "--nbest", "-", "--weight", "0", "--json", stdin=text).out)
    assert (best["line"], best["text"], best["candidates"], best["ties"]) == (2, "the zebra", 2, 0)
    low, high = ("the zebra", "the cat") if one > other else ("the cat", "the zebra")
    (tmp_path / "tune.tsv").write_text(f"group\tam\ttext\terrors\ng\t1\t{low}\t3\ng\t0\t{high}\t1\n")
    [fit] = records(toy("score", "--tune", "tune.tsv", "--json").out)
    assert (fit["errors_without"], fit["errors"], fit["errors_oracle"]) == (3, 1, 1)
    assert fit["low"] == pytest.approx(1 / abs(one - other))
    code, out, err = toy("score", "--tune", "tune.tsv", "--nbest", "tune.tsv", "--json")
    assert (code, records(out)[0]["text"], records(out)[0]["errors"]) == (0, high, 1)
    assert err.startswith("rnncli: tune.tsv: weight ")


def test_bytes_that_are_no_text_are_scored_and_counted(toy: Call) -> None:
    code, out, err = toy("score", "--pairs", "-", stdin=b"the cat\t\xff\n")
    assert (code, len(out.splitlines())) == (0, 2)
    assert err == "rnncli: 1 line was not UTF-8, and scored by the bytes\n"
    assert toy("score", "--pairs", "-", "--strict", stdin=b"the cat\t\xff\n").code == 4


def test_what_came_before_an_error_is_shown(toy: Call) -> None:
    options = ("score", "--each", "--json", "--pairs", "-")
    for text, more in ((b"the\tcat\nthe cat\n", ()), (b"the\tcat\n\xff\ta\n", ("--strict",))):
        code, out, err = toy(*options, *more, stdin=text)
        assert (code, [(r["line"], r["good"]) for r in records(out)]) == (4, [(1, "the")])
        assert err.startswith("rnncli: error: -, line 2 ")


def test_pairs_and_lists_after_a_prefix_and_masked(toy: Call) -> None:
    pairs, listed = b"the cat 12\tthe dog 99\n", b"a\t0\tthe cat 12\na\t0\tthe dog 99\n"
    [expected] = records(toy("score", "--pairs", "-", "--each", "--json", stdin=b"the cat 00\tthe dog 00\n").out)
    [found] = records(toy("score", "--pairs", "-", "--each", "--json", "--mask", stdin=pairs).out)
    for name in ("good_logprob", "bad_logprob"):
        assert found[name] == pytest.approx(expected[name])
    assert (found["good"], found["bad"]) == ("the cat 12", "the dog 99")
    prefixed = [
        record["logprob"]
        for text in (b"the cat 12\n", b"the dog 99\n")
        for record in records(toy("score", "--json", "--prefix", "the dog saw ", stdin=text).out)
    ]
    [pair] = records(toy("score", "--pairs", "-", "--each", "--json", "--prefix", "the dog saw ", stdin=pairs).out)
    assert [pair["good_logprob"], pair["bad_logprob"]] == pytest.approx(prefixed)
    [best] = records(toy("score", "--nbest", "-", "--json", "--prefix", "the dog saw ", stdin=listed).out)
    assert best["logprob"] == pytest.approx(max(prefixed))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--pairs", "none.tsv"], 4, "there is no file none.tsv"),
        (["--pairs", "-"], 4, "- holds no pair"),
        (["--pairs", "-", "--nbest", "a"], 2, "--pairs and --nbest cannot be given together"),
        (["--pairs", "-", "--tokens"], 2, "--tokens has no meaning with --pairs"),
        (["--nbest", "-", "--total"], 2, "--total has no meaning with --nbest"),
        (["--pairs", "-", "--context", "file"], 2, "--context file has no meaning with --pairs"),
        (["--nbest", "-", "--weight", "nan"], 2, "--weight must be 0 to 1e+09; got nan"),
        (["--nbest", "-", "--weight", "-1"], 2, "--weight must be 0 to 1e+09; got -1"),
        (["--nbest", "-", "--weight", "1e308"], 2, "--weight must be 0 to 1e+09; got 1e+308"),
        (["--pairs", "-", "a"], 2, "another FILE has no meaning with --pairs"),
        (["--pairs", "-", "--above", "3"], 2, "a filter (--above, --below, --keep) has no meaning with --pairs"),
        (["--pairs", "-", "--by", "logprob"], 2, "--by has no meaning with --pairs"),
        (["--tune", "-", "--nbest", "none.tsv"], 4, "there is no file none.tsv"),
        (["--weight", "1"], 2, "--weight is for --nbest"),
        (["--each"], 2, "--each is for --pairs"),
        (["--tune", "-", "--nbest", "-"], 2, "standard input was given twice"),
        (["--tune", "a", "--nbest", "-", "--weight", "1"], 2, "--weight and --tune cannot be given together"),
    ],
)
def test_errors(here: Call, arguments: list[str], code: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/null", encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        result = here("score", *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(f"rnncli: error: {message}")
