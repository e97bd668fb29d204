"""``rnncli score``: lines in, records out, whatever the lines hold."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Call


def records(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_tsv_with_and_without_header(toy: Call) -> None:
    code, out, err = toy("score", stdin=b"the cat\nthe dog")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert header[0] == "logprob"
    assert header[-3:] == ["line", "file", "text"]
    assert [row[-3:] for row in rows] == [["1", "-", "the cat"], ["2", "-", "the dog"]]
    bare = toy("score", "--no-header", stdin=b"the cat\nthe dog\n").out
    assert bare == out.split("\n", 1)[1]


def test_json_has_the_fields_of_the_contract(toy: Call) -> None:
    [record] = records(toy("score", "--json", stdin="春眠 cat\r\n".encode()).out)
    assert list(record) == [
        "logprob", "tokens", "words", "chars", "bytes", "spelled",
        "perplexity", "token_perplexity", "perplexity1", "nats_per_char", "bits_per_char", "bits_per_byte",
        "line", "file", "text",
    ]  # fmt: skip
    assert (record["words"], record["chars"], record["bytes"], record["text"]) == (3, 6, 10, "春眠 cat")


def test_files_compressed_files_and_stdin_in_order(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat\n\nthe dog")
    with gzip.open(tmp_path / "b.txt.gz", "wt") as file:
        file.write("they\n")
    found = records(toy("score", "--json", "a.txt", "-", "b.txt.gz", stdin=b"12 12\n").out)
    assert [(r["file"], r["line"], r["text"]) for r in found] == [
        ("a.txt", 1, "the cat"), ("a.txt", 2, ""), ("a.txt", 3, "the dog"), ("-", 1, "12 12"),
        ("b.txt.gz", 1, "they"),
    ]  # fmt: skip
    assert len(records(toy("score", "--json", "--skip-empty", "a.txt").out)) == 2


def test_a_file_given_twice_is_two_texts(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat\nthe dog\n")
    found = records(toy("score", "--json", "--context", "file", "a.txt", "a.txt").out)
    assert [r["line"] for r in found] == [1, 2, 1, 2]
    assert [r["logprob"] for r in found[2:]] == pytest.approx([r["logprob"] for r in found[:2]], abs=1e-12)
    assert found[0]["logprob"] != pytest.approx(
        records(toy("score", "--json", "--context", "file", stdin=b"the dog\nthe cat\n").out)[1]["logprob"]
    )


def test_a_missing_file_is_found_out_before_the_first_row(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat\n")
    code, out, err = toy("score", "a.txt", "-", "missing.txt", stdin=b"the dog\n")
    assert (code, out) == (4, "")
    assert err.startswith("rnncli: error: there is no file missing.txt\n")


def test_a_pipe_by_name_is_read_in_its_turn(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"the dog\n",))
    writer.start()
    found = records(toy("score", "--json", "a.txt", "pipe").out)
    writer.join()
    assert [(r["file"], r["line"], r["text"]) for r in found] == [("a.txt", 1, "the cat"), ("pipe", 1, "the dog")]


def test_total_is_the_sum(toy: Call) -> None:
    text = b"the cat\n\nthe dog saw\n"
    lines = records(toy("score", "--json", stdin=text).out)
    [total] = records(toy("score", "--json", "--total", stdin=text).out)
    assert total["logprob"] == pytest.approx(sum(float(str(r["logprob"])) for r in lines))
    assert (total["lines"], total["words"], total["chars"]) == (3, 5, 18)
    assert total["definition"] == {
        "engine": "toy", "lossless": True, "context": "line", "log_base": "e", "end_counted": True,
    }  # fmt: skip
    header, row = toy("score", "--total", stdin=text).out.splitlines()
    assert dict(zip(header.split("\t"), row.split("\t"), strict=True))["lines"] == "3"
    assert toy("score", "--total", "--no-header", stdin=text).out == row + "\n"
    assert "bits_per_byte" in toy("score", "--total", "--format", "table", stdin=text).out


def test_tokens_and_words(toy: Call) -> None:
    [record] = records(toy("score", "--json", "--tokens", "--words", stdin=b"the cat\n").out)
    assert [t["token"] for t in record["token_scores"]] == ["the", " cat", "\n"]  # type: ignore[attr-defined]
    assert [w["word"] for w in record["word_scores"]] == ["the", "cat"]  # type: ignore[attr-defined]
    table = toy("score", "--tokens", stdin=b"the cat\nthe\n").out.splitlines()
    assert table[0].startswith("sentence_id\ttoken_id\ttoken\tsurprisal")
    assert [line.split("\t")[:3] for line in table[1:]] == [
        ["1", "1", "the"], ["1", "2", " cat"], ["1", "3", "\\n"], ["2", "1", "the"], ["2", "2", "\\n"],
    ]  # fmt: skip
    code, out, err = toy("score", "--tokens", "--words", stdin=b"the cat\n")
    assert (code, out) == (2, "")
    assert "Use --json for both" in err


def test_a_table_in_a_pipe_has_no_colour_and_one_row_a_line(toy: Call) -> None:
    out = toy("score", "--format", "table", "--tokens", "--words", stdin=b"the\x1b[1m\tdog\n").out
    assert "\x1b" not in out
    assert out.splitlines()[1].endswith("the\u241b[1m dog")
    assert [line.split()[0] for line in out.splitlines() if "spelled" in line] == ["the\u241b[1m", "dog"]


def test_bytes_that_are_no_text_are_scored_and_counted(toy: Call) -> None:
    text = b"the cat\n\xff\xfe\ncaf\xe9\n"
    code, out, err = toy("score", "--json", stdin=text)
    assert code == 0
    assert [(r["chars"], r["bytes"]) for r in records(out)] == [(7, 7), (2, 2), (4, 4)]
    assert err == "rnncli: 2 lines were not UTF-8, and scored by the bytes\n"
    assert toy("score", "--json", "-q", stdin=text).err == ""
    code, out, err = toy("score", "--json", "--strict", stdin=text)
    assert code == 4
    assert len(records(out)) == 1
    assert err.startswith("rnncli: error: -, line 2 is not UTF-8\n")
    code, out, err = toy("score", "--json", "--encoding", "latin-1", stdin=b"caf\xe9\n")
    assert (records(out)[0]["text"], err) == ("caf\u00e9", "")


def test_a_file_in_utf16_is_told_to_be_one(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "wide.txt").write_text("the cat\n", encoding="utf-16")
    code, _, err = toy("score", "wide.txt")
    assert code == 0
    hint = "rnncli: wide.txt begins as UTF-16 does: score it as UTF-8, iconv -f utf-16 converts it\n"
    assert err == f"rnncli: 1 line was not UTF-8, and scored by the bytes\n{hint}"


def test_a_mark_at_the_beginning_is_no_text(toy: Call, tmp_path: Path) -> None:
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbfcat\n\xef\xbb\xbfcat\n")
    for arguments, stdin in ((["marked.txt"], b""), ([], (tmp_path / "marked.txt").read_bytes())):
        assert [r["chars"] for r in records(toy("score", "--json", *arguments, stdin=stdin).out)] == [3, 4]
    (tmp_path / "only.txt").write_bytes(b"\xef\xbb\xbf")
    for arguments, stdin in ((["only.txt"], b""), ([], b"\xef\xbb\xbf")):
        assert toy("score", "--json", *arguments, stdin=stdin) == (0, "", "")


def test_context_file_is_passed_on(toy: Call) -> None:
    text = b"the cat\nthe cat\n"
    alone = records(toy("score", "--json", stdin=text).out)
    assert alone[0]["logprob"] == alone[1]["logprob"]
    carried = records(toy("score", "--json", "--context", "file", stdin=text).out)
    assert carried[0]["logprob"] == pytest.approx(alone[0]["logprob"])
    assert carried[0]["logprob"] != carried[1]["logprob"]


@pytest.mark.parametrize("size", ["1", "3", "64"])
def test_the_batch_does_not_matter(toy: Call, size: str) -> None:
    text = b"".join(b"the cat saw %d dogs\n" % i for i in range(40))
    expected = [r["logprob"] for r in records(toy("score", "--json", stdin=text).out)]
    assert [
        r["logprob"] for r in records(toy("score", "--json", "--batch-size", size, stdin=text).out)
    ] == pytest.approx(expected)


def test_nothing_in_nothing_out(toy: Call) -> None:
    assert toy("score", "--json") == (0, "", "")
    assert toy("score").out.count("\n") == 1
    [total] = records(toy("score", "--json", "--total").out)
    assert (total["lines"], total["perplexity"], total["logprob"]) == (0, None, 0.0)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.txt"], 4, "there is no file missing.txt"),
        (["--encoding", "klingon"], 2, "--encoding 'klingon' is not known"),
        (["--encoding", "utf-16"], 2, "lines cannot be told apart in utf-16"),
        (["--format", "xml"], 2, "Invalid value for '--format'"),
        (["--json", "--format", "tsv"], 2, "--json and --format tsv cannot be given together"),
    ],
)
def test_errors(toy: Call, arguments: list[str], code: int, message: str) -> None:
    result = toy("score", *arguments, stdin=b"cat\n")
    assert result.code == code
    assert result.err.startswith(f"rnncli: error: {message}")
    assert len(result.err.splitlines()) <= 2
