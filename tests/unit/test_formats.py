"""Records as strings: golden files, and cells that hold."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.errors import ConfigError
from rnncli.events import Done, Evaluated, Notice, Saved, Setting, StepDone
from rnncli.formats import FORMATS, Layout
from rnncli.formats import events as event_format
from rnncli.formats import json as json_format
from rnncli.formats.tsv import escape
from rnncli.records import Sample, Tally, TextScore, TokenScore, WordScore

GOLDEN = Path(__file__).parent.parent / "golden"
CAT = TextScore(
    text="the\tcat\\ 春\udce4",
    line=3,
    file="a b.txt",
    tally=Tally(logprob=-10.5, tokens=4, lines=1, words=3, chars=11, bytes=13, spelled=1),
    token_scores=(
        TokenScore(token="the", start=0, end=3, logprob=-1.0, rank=1, entropy=2.5),
        TokenScore(token="\t", start=3, end=4, logprob=-2.0, rank=7, entropy=0.25),
        TokenScore(token="\n", start=11, end=11, logprob=-0.1, rank=2, entropy=1 / 3),
    ),
    word_scores=(
        WordScore(word="the", start=0, end=3, logprob=-1.0, pieces_logprob=-1.5, tokens=1, spelled=False),
        WordScore(word="春\udce4", start=9, end=11, logprob=-3.5, pieces_logprob=-3.5, tokens=3, spelled=True),
    ),
)
EMPTY = TextScore(text="", tally=Tally(logprob=-800.0, tokens=1, lines=1, lossless=False))
PLAIN = Layout()
VALID = Tally(logprob=-70.0, tokens=20, lines=5, words=10, chars=45, bytes=45)
VALID_TEXT = TextScore(text="", tally=VALID)


def written(name: str, *, tokens: bool = False, words: bool = False) -> Iterator[str]:
    return FORMATS[name].scores([CAT, EMPTY], Layout(tokens=tokens, words=words))


def cells(score: TextScore, layout: Layout = PLAIN) -> dict[str, str]:
    [header, row] = FORMATS["tsv"].scores([score], layout)
    return dict(zip(header.split("\t"), row.split("\t"), strict=True))


def parsed(score: TextScore, layout: Layout = PLAIN) -> dict[str, Any]:
    [line] = FORMATS["json"].scores([score], layout)
    assert "\n" not in line
    value: dict[str, Any] = json.loads(line.encode())
    return value


def events() -> Iterator[str]:
    yield event_format.plan([Setting(name="cell", value="lstm", why="it is the default")])
    yield event_format.event(
        StepDone(
            step=7,
            loss=2.5,
            nats_per_char=None,
            learning_rate=0.003,
            grad_norm=math.inf,
            tokens_per_second=1e4,
            progress=0.5,
            seconds=1.5,
            seconds_left=1.5,
        )
    )
    yield event_format.event(
        Evaluated(step=7, valid=VALID, train_loss=2.0, partial=True, best=True, seconds=2.0, weights=dict)
    )
    yield event_format.event(Saved(step=7, folder="models/a", best=True, seconds=2.5))
    yield event_format.event(Notice(message="a step was skipped"))
    yield event_format.event(
        Done(
            model="models/a",
            steps=9,
            seconds=3.0,
            tokens_per_second=1e4,
            valid=VALID,
            train=None,
            params=1234,
            uniform_nats_per_char=3.5,
            ngram_nats_per_char=1.5,
            reason="steps",
            extra={"device": "cpu"},
        )
    )


DEFINITION = {"base": "e", "lossless": True}
SAMPLE = Sample(
    prompt="a\udce4",
    text=" b\ufffd",
    data=b" b\xff",
    ids=(1, 2),
    tokens=(" b", "<0xFF>"),
    logprobs=(-0.5, -math.inf),
    canonical=True,
    stopped="length",
    seed=2**63 - 1,
)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("score.tsv", written("tsv")),
        ("tokens.tsv", written("tsv", tokens=True)),
        ("words.tsv", written("tsv", words=True)),
        ("total.tsv", FORMATS["tsv"].total([CAT, VALID_TEXT], DEFINITION, PLAIN)),
        ("score.jsonl", written("json")),
        ("details.jsonl", written("json", tokens=True, words=True)),
        ("total.jsonl", FORMATS["json"].total([CAT, VALID_TEXT], DEFINITION, PLAIN)),
        ("sample.jsonl", iter([json_format.sample(SAMPLE)])),
        ("events.jsonl", events()),
    ],
)
def test_formats_are_as_they_were(name: str, lines: Iterator[str]) -> None:
    assert "".join(line + "\n" for line in lines) == (GOLDEN / "formats" / name).read_text(encoding="utf-8")


def test_json_has_the_fields_of_the_contract() -> None:
    value = parsed(CAT)
    assert list(value) == [
        *("logprob", "tokens", "words", "chars", "bytes", "spelled", "perplexity", "token_perplexity"),
        *("perplexity1", "nats_per_char", "bits_per_char", "bits_per_byte", "line", "file", "text"),
    ]
    assert value["perplexity"] == pytest.approx(math.exp(10.5 / 4))
    assert value["perplexity1"] == pytest.approx(math.exp(10.5 / 3))
    assert value["token_perplexity"] == pytest.approx(math.exp(10.5 / 4))
    assert value["nats_per_char"] == pytest.approx(10.5 / 12)
    assert value["bits_per_char"] == pytest.approx(10.5 / 12 / math.log(2))
    assert value["bits_per_byte"] == pytest.approx(10.5 / 14 / math.log(2))


def test_what_has_no_value_is_null_or_empty() -> None:
    value = parsed(EMPTY)
    # exp(800) is beyond a float.
    assert value["perplexity"] is value["perplexity1"] is value["nats_per_char"] is value["file"] is None
    row = cells(EMPTY)
    assert (row["perplexity"], row["perplexity1"], row["bits_per_byte"]) == ("inf", "", "")


def test_one_table_cannot_hold_tokens_and_words() -> None:
    with pytest.raises(ConfigError, match="one table"):
        list(written("tsv", tokens=True, words=True))


@pytest.mark.parametrize(("base", "number"), [("e", math.e), ("2", 2), ("10", 10)])
def test_logarithms_have_the_base_that_is_asked_for(base: str, number: float) -> None:
    layout = Layout(tokens=True, words=True, log_base=base)
    value = parsed(CAT, layout)
    assert number ** value["logprob"] == pytest.approx(math.exp(-10.5))
    assert number ** value["token_scores"][1]["logprob"] == pytest.approx(math.exp(-2))
    assert number ** value["word_scores"][1]["logprob"] == pytest.approx(math.exp(-3.5))
    # What is no logarithm of a probability stays as it is.
    assert value["perplexity"] == parsed(CAT)["perplexity"]
    assert value["word_scores"][1]["surprisal_bits"] == pytest.approx(3.5 / math.log(2))
    assert number ** float(cells(CAT, Layout(log_base=base))["logprob"]) == pytest.approx(math.exp(-10.5))
    [_, total] = FORMATS["tsv"].total([CAT], {}, Layout(log_base=base))
    assert number ** float(total.split("\t")[0]) == pytest.approx(math.exp(-10.5))


def test_what_stands_beside_a_text_stays_beside_it() -> None:
    score = dataclasses.replace(CAT, beside=("7", "a\tb"))
    layout = Layout(columns=("item", "group"))
    assert parsed(score, layout)["columns"] == {"item": "7", "group": "a\tb"}
    assert [cells(score, layout)[name] for name in ("line", "item", "group")] == ["3", "7", "a\\tb"]
    [_, *rows] = FORMATS["tsv"].scores([score], Layout(tokens=True, columns=("item", "group")))
    assert all(row.endswith("\t7\ta\\tb") for row in rows)


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_is_one_cell_and_one_line(text: str) -> None:
    score = TextScore(text=text, tally=EMPTY.tally, file=text)
    [_, row] = FORMATS["tsv"].scores([score], PLAIN)
    assert len(row.encode().decode().splitlines()) == 1
    assert cells(score)
    value = parsed(score)["text"]
    assert len(value) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, value, strict=True))


def test_escapes_are_told_apart() -> None:
    raw = "a\\b \x1b[0m \x85 \u2028 \udce4 \ud800 \r\n\t"
    assert escape(raw) == r"a\\b \x1b[0m \u0085 \u2028 \xe4 \ud800 \r\n\t"
    assert escape("plain 春眠 🙂") == "plain 春眠 🙂"


def test_events_are_read_as_they_were_told() -> None:
    plan, step, evaluated, saved, notice, done = map(event_format.read, events())
    assert plan == (Setting(name="cell", value="lstm", why="it is the default"),)
    assert isinstance(step, StepDone)
    assert (step.step, step.nats_per_char, step.grad_norm) == (7, None, math.inf)
    assert isinstance(evaluated, Evaluated)
    assert evaluated.valid.nats_per_char == VALID.nats_per_char
    assert evaluated.valid.token_perplexity == VALID.token_perplexity
    assert evaluated.best
    assert saved == Saved(step=7, folder="models/a", best=True, seconds=2.5)
    assert notice == Notice(message="a step was skipped")
    assert isinstance(done, Done)
    assert (done.model, done.steps, done.train, done.extra) == ("models/a", 9, None, {"device": "cpu"})
    assert done.valid.perplexity == VALID.perplexity


@pytest.mark.parametrize("line", ["", "no event", "[]", "3", '{"event": "nothing"}', '{"event": "step"}', '{"a": 1}'])
def test_a_line_that_is_no_event_is_none(line: str) -> None:
    assert event_format.read(line) is None
