"""``rnncli sample``: the prompt, what follows, and how samples are kept apart."""

from __future__ import annotations

import json
import os
import select
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnncli.cli.sample import _stream
from rnncli.config import SampleConfig
from rnncli.records import Chunk
from tests.cli.conftest import Call

BRIEF = ("-n", "12", "--seed", "5", "--temperature", "0.9")


def test_the_prompt_comes_first_unless_it_is_not_wanted(toy: Call) -> None:
    code, out, err = toy("sample", "the cat", *BRIEF)
    assert (code, err) == (0, "")
    assert out.startswith("the cat")
    assert out.endswith("\n")
    assert toy("sample", "the cat", *BRIEF, "--no-echo").out == out.removeprefix("the cat")
    assert toy("sample", "-", *BRIEF, stdin=b"the cat\n").out == out
    assert toy("sample", "-", *BRIEF, stdin=b"the cat").out == out


def test_one_seed_one_text_alone_or_among_others(toy: Call) -> None:
    alone, again = (json.loads(toy("sample", "the cat", *BRIEF, "--json").out) for _ in range(2))
    three = [json.loads(x) for x in toy("sample", "the cat", *BRIEF, "--count", "3", "--json").out.splitlines()]
    assert alone == again
    assert alone["ids"] == three[0]["ids"]
    assert len({sample["text"] for sample in three}) == 3
    streamed = toy("sample", "the cat", *BRIEF, "--no-echo").out.removesuffix("\n")
    whole = alone["text"].replace("\ufffd", "")
    assert "".join(c for c in streamed if not "\udc80" <= c <= "\udcff") == whole


def test_samples_of_a_stream_have_an_empty_line_between_them(toy: Call) -> None:
    # A stop at any space and newline keeps each sample on its line.
    samples = toy("sample", "the", *BRIEF, "--count", "2", "--stop", "\n").out
    assert samples.count("\n\n") == 1
    assert samples.endswith("\n")
    assert all(part.startswith("the") for part in samples.split("\n\n"))


def test_samples_of_lines_stand_one_a_line(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("the\r\n\nthey\n")
    out = toy("sample", "-m", "lines", *BRIEF, "--prompts", "prompts.txt", "--count", "2").out
    lines = out.split("\n")
    assert len(lines) == 7
    assert [line[:3] for line in (lines[0], lines[1], lines[4], lines[5])] == ["the"] * 4
    piped = toy("sample", "-m", "lines", *BRIEF, "--prompts", "-", "--count", "2", stdin=b"the\n\nthey")
    assert piped.out == out


def test_a_mark_at_the_beginning_is_no_prompt(toy: Call, tmp_path: Path) -> None:
    mark = "\ufeff".encode()
    plain = toy("sample", "-", *BRIEF, stdin=b"the cat\n").out
    assert toy("sample", "-", *BRIEF, stdin=mark + b"the cat\n").out == plain
    (tmp_path / "prompts.txt").write_bytes(mark + b"the cat\n")
    assert toy("sample", "--prompts", "prompts.txt", *BRIEF).out == plain
    assert toy("sample", "--prompts", "-", *BRIEF, stdin=mark + b"the cat\n").out == plain


def test_each_piece_goes_into_a_pipe_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    seen = []

    class Sampler:
        def stream(self, prompt: str, config: SampleConfig) -> Iterator[Chunk]:
            for text in (" one", " two"):
                yield Chunk(text=text, data=text.encode(), id=0, logprob=-1.0)
                seen.append(os.read(reader, 100) if select.select([reader], [], [], 0)[0] else b"")

    with open(writer, "w") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        _stream(types.SimpleNamespace(sampler=Sampler()), "the", SampleConfig(), echo=True)  # type: ignore[arg-type]
    os.close(reader)
    assert seen == [b"the one", b" two"]


@pytest.mark.parametrize(("prompt", "written"), [("the", "the\n"), ("the\n", "the\n"), ("", "")])
def test_what_goes_wrong_after_the_prompt_is_told_on_a_line_of_its_own(
    prompt: str, written: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    class Sampler:
        def stream(self, prompt: str, config: SampleConfig) -> Iterator[Chunk]:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        _stream(types.SimpleNamespace(sampler=Sampler()), prompt, SampleConfig(), echo=True)  # type: ignore[arg-type]
    assert capsysbinary.readouterr().out.decode() == written


def test_json_is_one_object_a_sample(toy: Call) -> None:
    [record] = map(json.loads, toy("sample", "the", *BRIEF, "--json").out.splitlines())
    assert list(record) == ["prompt", "text", "ids", "tokens", "logprobs", "canonical", "stopped", "seed"]
    assert (len(record["ids"]), record["stopped"], record["seed"]) == (12, "length", 5)


def test_defaults_come_from_the_table(toy: Call) -> None:
    [record] = map(json.loads, toy("sample", "--json").out.splitlines())
    assert len(record["ids"]) == 200


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--temperature", "-1"], 2, "--temperature must be at least 0 and at most 100; got -1.0"),
        (["--top-p", "0"], 2, "--top-p must be at most 1 and more than 0; got 0.0"),
        (["-n", "x"], 2, "Invalid value for '-n' / '--max-tokens': 'x' is not a valid int"),
        (["--count", "0"], 2, "--count must be at least 1; got 0"),
        (["the", "--prompts", "x"], 2, "PROMPT and --prompts cannot be given together"),
        (["--prompts", "missing.txt"], 4, "cannot read missing.txt: No such file or directory"),
        (["--stop", ""], 2, "--stop needs some text"),
    ],
)
def test_errors(here: Call, arguments: list[str], code: int, message: str) -> None:
    result = here("sample", *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(f"rnncli: error: {message}")


LONG = ("-n", "60", "--seed", "5", "--temperature", "0.5")


def test_the_longest_passage_that_stands_in_a_corpus_is_told(toy: Call, tmp_path: Path) -> None:
    plain = toy("sample", "the cat", *LONG)
    written = json.loads(toy("sample", "the cat", *LONG, "--json").out)["text"].strip("\ufffd")
    longest = max(written.split("\ufffd"), key=len)  # between bytes that are no characters
    assert len(longest) > 8
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text(f"x{longest}x\n", encoding="utf-8")
    (tmp_path / "none.txt").write_text("\u0416\u0416\n", encoding="utf-8")
    told = toy("sample", "the cat", *LONG, "--check-copy", "corpus")
    assert (told.code, told.out) == (0, plain.out)
    assert told.err.startswith("rnncli: the longest passage in corpus is ")
    assert toy("sample", "the cat", *LONG, "--check-copy", "none.txt").err == (
        "rnncli: no passage of eight bytes stands in none.txt\n"
    )
    code, out, err = toy("sample", "the cat", *LONG, "--count", "2", "--check-copy", "corpus")
    assert (code, err.count("rnncli: sample 1: "), err.count("rnncli: sample 2: ")) == (0, 1, 1)
    assert out == toy("sample", "the cat", *LONG, "--count", "2").out
    first, second = map(
        json.loads,
        toy("sample", "the cat", *LONG, "--count", "2", "--json", "--check-copy", "corpus").out.splitlines(),
    )
    for sample in (first, second):
        start, chars = sample["copied"]["start"], sample["copied"]["chars"]
        assert sample["text"][start : start + chars] == sample["copied"]["text"]


def test_a_corpus_that_is_not_there_costs_no_samples(toy: Call) -> None:
    code, out, err = toy("sample", "the cat", *BRIEF, "--check-copy", "gone.txt")
    assert (code, out) == (4, "")
    assert "gone.txt" in err
