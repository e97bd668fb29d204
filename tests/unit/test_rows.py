"""Scores as rows for a DataFrame: the names and values that JSON and TSV have."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rnncli
from rnncli.errors import ConfigError
from rnncli.formats import FORMATS, Layout
from rnncli.inference.plan import Line
from rnncli.inference.scorer import Scorer
from rnncli.records import TextScore
from tests.toy import ToyEngine, toy_tokenizer

TEXTS = ["the cat saw the zebra", "", "\u6625\u7720\tx", "the dog."]


def scored(texts: list[str], **wish: Any) -> list[TextScore]:
    tokenizer = toy_tokenizer()
    scorer = Scorer(ToyEngine(tokenizer.vocab_size), tokenizer)
    return list(scorer.score([Line(text, None, i) for i, text in enumerate(texts, 1)], **wish))


def test_a_row_a_text_is_the_object_that_json_has() -> None:
    scores = scored(TEXTS)
    assert rnncli.rows(scores) == [json.loads(line) for line in FORMATS["json"].scores(scores, Layout())]


@pytest.mark.parametrize("of", ["tokens", "words"])
def test_a_row_a_piece_is_the_row_that_tsv_has(of: Any) -> None:
    scores = scored(TEXTS, tokens=True, words=True)
    header, *lines = FORMATS["tsv"].scores(scores, Layout(tokens=of == "tokens", words=of == "words"))
    rows = rnncli.rows(scores, of)
    assert len(rows) == len(lines) == sum(getattr(s.tally, of) for s in scores)
    for row, line in zip(rows, lines, strict=True):
        assert list(row) == header.split("\t")
        cells = dict(zip(row, line.split("\t"), strict=True))
        for name in ("surprisal", "logprob"):
            assert row[name] == pytest.approx(float(cells[name]))
        assert [str(row[name]) for name in ("sentence_id", "token_id", "start", "end")] == [
            cells[name] for name in ("sentence_id", "token_id", "start", "end")
        ]
    assert {"\u7720\tx", "\u7720", "\t", "\n"} & {row["token"] for row in rows}  # as they are, not escaped


def test_what_was_not_asked_for_is_missed() -> None:
    with pytest.raises(ConfigError, match="hold no tokens") as raised:
        rnncli.rows(scored(TEXTS), "tokens")
    assert raised.value.hint == "Score with tokens=True."
    with pytest.raises(ConfigError, match="hold no words"):
        rnncli.rows(scored(TEXTS, tokens=True), "words")
    with pytest.raises(ConfigError, match="texts, tokens or words; got lines"):
        rnncli.rows(scored(TEXTS), "lines")  # type: ignore[arg-type]


def test_a_text_may_have_none() -> None:
    assert rnncli.rows(scored([""], words=True), "words") == []
    assert rnncli.rows(scored([""], tokens=True, end=False), "tokens") == []
    assert rnncli.rows([]) == []
