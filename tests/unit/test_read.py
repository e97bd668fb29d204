"""Files as sources, text in blocks, lines as they come, and what a corpus is like."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.errors import ConfigError, CorpusError
from rnncli.text.escapes import bytes_of
from rnncli.text.read import check_encoding, decode_line, ended, find_sources, iter_lines, read_blocks
from rnncli.text.sources import Source, Spool, without

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": lambda data: zstandard.compress(data),
}


def source_of(data: bytes) -> Source:
    return Source("memory", len(data), None, Spool(io.BytesIO(data)))


def text_of(data: bytes, encoding: str = "utf-8", block: int = 1 << 18) -> str:
    return "".join(read_blocks(source_of(data), encoding, block))


# Sources


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files_are_read_through(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.txt.{ending}"
    packed = COMPRESS[ending](b"one\ntwo\n")
    path.write_bytes(packed * 2)  # several members or frames
    [source] = find_sources([str(path)])
    for _ in range(2):
        assert "".join(read_blocks(source)) == "one\ntwo\n" * 2
    assert list(iter_lines(source)) == [b"one", b"two"] * 2
    assert source.size == 2 * len(packed)


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("damage", ["truncated", "other"])
def test_broken_archives_are_corpus_errors(ending: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.txt.{ending}"
    data = COMPRESS[ending](os.urandom(3000))
    path.write_bytes(data[:-9] if damage == "truncated" else b"this is plain text\n")
    with pytest.raises(CorpusError, match=r"a\.txt") as caught:
        "".join(read_blocks(find_sources([str(path)])[0], "latin-1"))
    assert caught.value.hint


def test_folders_are_walked_sorted_without_hidden_and_binary_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name, data in {
        "b/z.txt": b"z",
        "a.txt": b"a",
        "c.txt.gz": gzip.compress(b"c"),
        ".hidden": b"h",
        ".git/x": b"x",
        "empty.txt": b"",
        "p.png": b"\x89PNG\r\n",
        "q.gz": gzip.compress(b"\x7fELF\0\0\0\0\0"),
        "wide.txt": "wide".encode("utf-16"),
    }.items():
        (tmp_path / name).write_bytes(data)
    skipped: list[str] = []
    found = find_sources([str(tmp_path)], skipped)
    assert [os.path.relpath(source.name, tmp_path) for source in found] == ["a.txt", "b/z.txt", "c.txt.gz", "wide.txt"]
    assert [os.path.basename(name) for name in skipped] == ["p.png", "q.gz", ".git", ".hidden"]


def test_models_in_a_folder_are_no_text_to_train_on(tmp_path: Path) -> None:
    for name in (
        "a.txt", "models/done/config.json", "models/done/model.safetensors", "models/done/training/valid.txt",
        "models/begun/training/run.json", "models/begun/training/valid.txt", "docs/config.json", "z/training/a.txt",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text\n")
    skipped: list[str] = []
    found = find_sources([str(tmp_path)], skipped)
    assert [os.path.relpath(source.name, tmp_path) for source in found] == [
        "a.txt", "docs/config.json", "z/training/a.txt",
    ]  # fmt: skip
    assert [os.path.relpath(name, tmp_path) for name in skipped] == ["models/begun", "models/done"]
    with pytest.raises(CorpusError, match="has a model and no text"):
        find_sources([str(tmp_path / "models" / "done")])


def test_a_validation_text_in_the_corpus_is_found_by_any_name(tmp_path: Path) -> None:
    for name in ("a.txt", "valid.txt", "z.txt"):
        (tmp_path / name).write_text("the same\n")
    (tmp_path / "link.txt").symlink_to("valid.txt")
    corpus = find_sources([str(tmp_path)])
    held_out = find_sources([str(tmp_path / ".." / tmp_path.name / "valid.txt")])
    kept, dropped = without(corpus, held_out)
    assert [os.path.basename(source.name) for source in kept] == ["a.txt", "z.txt"]
    assert [os.path.basename(name) for name in dropped] == ["link.txt", "valid.txt"]
    assert without(corpus, [source_of(b"the same\n")]) == (corpus, [])
    with pytest.raises(CorpusError, match="the corpus is the validation text"):
        without(held_out, held_out)


def test_what_is_not_there_is_a_corpus_error(tmp_path: Path) -> None:
    for paths in ([str(tmp_path / "no.txt")], [str(tmp_path)], [], ["a\0b"], ["-", "-"]):
        with pytest.raises(CorpusError):
            find_sources(paths)


def test_stdin_is_spooled_and_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo")))
    [source] = find_sources(["-"])
    assert (source.name, source.size) == ("standard input", 7)
    first, second = source.open(), source.open()
    assert (first.read(3), second.read(), first.read()) == (b"one", b"one\ntwo", b"\ntwo")


def test_a_closed_stdin_is_a_corpus_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CorpusError, match="standard input is closed"):
        find_sources(["-"])


def test_a_pipe_by_name_is_spooled(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"x" * 100_000,))
    writer.start()
    [source] = find_sources([str(path)])
    writer.join()
    assert "".join(read_blocks(source)) == "".join(read_blocks(source)) == "x" * 100_000


# Blocks


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a\r\nb\rc\n\r\n", "a\nb\rc\n\n"),
        (b"a\r", "a\n"),
        (b"a\r\r\n", "a\r\n"),
        (b"\xef\xbb\xbfa", "a"),
        ("é\r\nx".encode("utf-16"), "é\nx"),
        (b"\xfe\xff" + "é\n".encode("utf-16-be"), "é\n"),
        ("é\n".encode("utf-32"), "é\n"),
        (b"a\0b\n", "a\0b\n"),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 3, 1000])
def test_text_is_lf_without_marks(data: bytes, text: str, block: int) -> None:
    if block < 4 and data[:1] in (b"\xff", b"\xfe", b"\xef"):
        block = 4  # the mark is looked for in the first block
    assert text_of(data, block=block) == text


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("ab \r\né中😀"), max_size=60),
    st.integers(1, 40),
    st.sampled_from(["utf-8", "utf-16-le", "gb18030"]),
)
def test_blocks_make_up_the_text(text: str, block: int, encoding: str) -> None:
    blocks = list(read_blocks(source_of(text.encode(encoding)), encoding, block))
    whole = text + "\n" * text.endswith("\r")
    assert "".join(blocks) == whole.replace("\r\n", "\n")
    assert all(blocks)
    for piece in blocks[:-1]:
        # A piece without a newline at its end is of a line that is a block long at least.
        assert piece.endswith("\n") or len(piece) >= block


def test_blocks_do_not_depend_on_the_packing(tmp_path: Path) -> None:
    data = "".join(f"line {number}\n" for number in range(100_000)).encode()
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(data, 1))
    plain, packed = (list(read_blocks(find_sources([str(tmp_path / name)])[0])) for name in ("a.txt", "a.txt.gz"))
    assert plain == packed
    assert all(block.endswith("\n") for block in plain)


def test_a_huge_line_comes_in_bounded_pieces() -> None:
    source = source_of(b"x" * 20_000_000)
    tracemalloc.start()
    sizes = [len(block) for block in read_blocks(source)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 1 << 19
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("data", "offset"),
    [(b"caf\xe9 au lait", "3"), (b"abc\xc3", "3"), (b"a" * 300_000 + b"\n" + b"\xff", "300,001")],
)
def test_wrong_bytes_are_named_by_place(data: bytes, offset: str) -> None:
    with pytest.raises(CorpusError, match=f"memory is not utf-8 text at byte {offset}:") as caught:
        text_of(data)
    assert "--encoding" in str(caught.value.hint)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n",
        b"\x7fELF\x02\x01\x01" + bytes(9),
        random.Random(1).randbytes(9000),
        b"%PDF-1.7 text",
        b"ab\0\0\0",
    ],
)
def test_binary_data_is_called_that(data: bytes) -> None:
    with pytest.raises(CorpusError, match="looks like binary data"):
        text_of(data)


def test_what_the_program_wrote_itself_is_text(tmp_path: Path) -> None:
    text = "a\0b\0c\0\ud800\udc80\n"  # of UTF-7, say, or cut out of a text with a NUL here and there
    (tmp_path / "own.txt").write_bytes(bytes_of(text))
    with pytest.raises(CorpusError, match="looks like binary data"):
        list(read_blocks(Source("own.txt", 0, tmp_path / "own.txt")))
    assert "".join(read_blocks(Source("own.txt", 0, tmp_path / "own.txt", own=True))) == text


def test_encodings() -> None:
    assert text_of("é中".encode("gb18030"), "GB18030") == "é中"
    assert check_encoding("UTF8") == "utf-8"
    for name in ("nonsense", "base64", "rot13", "", "a\0b", "undefined"):
        with pytest.raises(ConfigError, match="--encoding"):
            check_encoding(name)


def test_ended_adds_the_last_newline_only() -> None:
    assert list(ended(["a\n", "b"])) == ["a\n", "b", "\n"]
    assert list(ended(["a\n"])) == ["a\n"]
    assert list(ended([])) == []


# Lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\r\n\r\nb\rc\r\n", [b"a", b"", b"b\rc"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [b"a", b"\xef\xbb\xbfb"]),
        (b"\xef\xbb\xbf", []),
        (b"\xef\xbb\xbf\n", [b""]),
        (b"\r", [b""]),
        (b"x" * 200_000 + b"\ny", [b"x" * 200_000, b"y"]),
    ],
)
def test_lines(data: bytes, lines: list[bytes]) -> None:
    assert list(iter_lines(source_of(data))) == lines
    assert list(iter_lines(io.BytesIO(data))) == lines


def test_a_line_is_there_as_soon_as_it_is_written() -> None:
    end, start = os.pipe()
    with os.fdopen(end, "rb") as stream:
        lines = iter_lines(stream)
        os.write(start, b"one\r\ntw")
        assert next(lines) == b"one"
        os.write(start, b"o\nthree")
        assert next(lines) == b"two"
        os.close(start)
        assert list(lines) == [b"three"]


def test_one_endless_line_is_joined_in_linear_time() -> None:
    """It comes in drops: joined one by one, half of a terabyte would be copied, and no test would end so."""

    class Drops(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(100)

    [line] = iter_lines(Drops(b"x" * 10_000_000))
    assert len(line) == 10_000_000


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_that_is_handed_on_is_held_nowhere_else(end: bytes) -> None:
    size = 8 << 20
    stream = io.BytesIO(b"x" * size + end)
    lines = iter_lines(stream)
    tracemalloc.start()
    line = next(lines)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(line) == size
    assert held < 1.2 * size + (size if end else 0)  # with its end cut off it is a second one, of which the first goes


def test_decode_line() -> None:
    assert decode_line("é".encode()) == ("é", True)
    assert decode_line(b"caf\xe9") == ("caf\udce9", False)
    assert decode_line(b"caf\xe9", "latin-1") == ("café", True)
