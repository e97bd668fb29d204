"""``rnncli score --format kenlm`` and ``srilm`` through pipes."""

from __future__ import annotations

import json
import math
import re

import pytest

from tests.cli.conftest import Call

TEXT = "the cat\n\nthe zebra \u6625\u7720zq\n \x1c\x1b[0m\tcat".encode() + b"\xff"


def test_kenlm_at_each_level(toy: Call) -> None:
    records = [json.loads(row) for row in toy("score", "--json", stdin=TEXT).out.splitlines()]
    code, out, _ = toy("score", "--format", "kenlm", stdin=TEXT)
    rows = out.splitlines()
    assert code == 0
    totals = [re.fullmatch(r"Total: (\S+) OOV: (\d+)", row) for row in rows[:-4]]
    assert [float(m[1]) for m in totals if m] == pytest.approx([r["logprob"] / math.log(10) for r in records])
    assert [m[2] for m in totals if m] == ["0", "0", "2", "2"]
    logprob = sum(r["logprob"] for r in records)
    assert float(rows[-4].removeprefix("Perplexity including OOVs:\t")) == pytest.approx(math.exp(-logprob / (7 + 4)))
    assert rows[-2:] == ["OOVs:\t4", "Tokens:\t11"]
    words = toy("score", "--format", "kenlm", "--words", stdin=TEXT).out.splitlines()
    assert [row.split("\t")[-1] for row in words[:-4]] == rows[:-4]
    assert [part.split(" ")[0] for part in words[2].split("\t")[:-1]] == [
        "the=1", "zebra=0", "\u6625\u7720zq=0", "</s>=1",
    ]  # fmt: skip
    assert words[3].startswith("\\x1b[0m=0 ")
    assert words[-4:] == rows[-4:]
    assert toy("score", "--format", "kenlm", "--total", stdin=TEXT).out.splitlines() == rows[-4:]
    assert toy("score", "--format", "kenlm", "--total", "--no-eos", stdin=TEXT).out.splitlines()[-1] == "Tokens:\t7"


def test_srilm_at_each_level(toy: Call) -> None:
    total = toy("score", "--format", "srilm", "--total", stdin=TEXT).out
    assert total.startswith("file -: 4 sentences, 7 words, 4 OOVs\n0 zeroprobs, logprob= ")
    assert total.splitlines()[2].startswith("Perplexity including OOVs:\t")
    plain = toy("score", "--format", "srilm", stdin=TEXT).out
    assert plain.endswith("\n\n" + total)
    assert [block.split("\n")[0] for block in plain.removesuffix(total).split("\n\n")][:1] == ["the cat"]
    assert "the zebra \u6625\u7720zq\n1 sentences, 3 words, 2 OOVs\n0 zeroprobs, logprob= " in plain
    assert "\n  \\x1b[0m cat\\xff\n1 sentences, 2 words, 2 OOVs\n" in plain
    words = toy("score", "--format", "srilm", "--words", stdin=TEXT).out
    assert "the zebra \u6625\u7720zq\n\tp( the | <s> ) \t= [1gram] " in words
    assert "\tp( <unk> | the ...) \t= [OOV] 0 [ -inf ]\n\tp( <unk> | <unk> ...) \t= [OOV] 0 [ -inf ]\n" in words
    assert "".join(row + "\n" for row in words.splitlines() if not row.startswith("\t")) == plain


@pytest.mark.parametrize("name", ["kenlm", "srilm"])
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--tokens"], "--tokens"),
        (["--regions", "/"], "--regions"),
        (["--log-base", "2"], "--log-base"),
        (["--calibrate", "ordinary.txt"], "--calibrate without a filter"),
    ],
)
def test_what_has_no_place_there_is_refused(here: Call, name: str, options: list[str], named: str) -> None:
    code, out, err = here("score", "--format", name, *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"rnncli: error: --format {name} has no place for {named}\n")
    assert "--format json" in err
