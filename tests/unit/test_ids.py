"""Ids on the disk are those of the whole text, and the counts are the text's own."""

from __future__ import annotations

import dataclasses
import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.errors import ModelError
from rnncli.text.ids import IdsInfo, line_starts, open_ids, write_ids
from rnncli.text.tokenizers import TOKENIZERS, Tokenizer, train_tokenizer
from rnncli.text.units import count

TEXT = "the cat sat on the mat.\n\n春眠不覺曉。\nthe dog\n"


def make(kind: TokenizerKind = "hybrid", vocab_size: int = 300) -> Tokenizer:
    return train_tokenizer([TEXT], TokenizerConfig(kind=kind, vocab_size=vocab_size))


@pytest.mark.parametrize("kind", list(TOKENIZERS))
def test_ids_and_counts(kind: TokenizerKind, tmp_path: Path) -> None:
    tokenizer, path = make(kind), tmp_path / "train.ids"
    info = write_ids([TEXT[:9], TEXT[9:30], TEXT[30:]], tokenizer, path)
    ids = open_ids(path, info)
    assert ids.tolist() == tokenizer.encode(TEXT).tolist()
    assert ids.dtype == np.dtype("<u2")
    words, chars, size = count(TEXT)
    counts = IdsInfo(count=len(ids), dtype="uint16", words=words, chars=chars - 4, bytes=size - 4, lines=4)
    assert info == dataclasses.replace(counts, checksum=f"{zlib.crc32(path.read_bytes()):08x}")
    assert (words, chars, size) == (6 + 5 + 2, 24 + 1 + 7 + 8, 24 + 1 + 19 + 8)
    assert [file.name for file in tmp_path.iterdir()] == ["train.ids"]
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 1


def test_a_last_newline_is_added(tmp_path: Path) -> None:
    tokenizer = make()
    info = write_ids(["the cat"], tokenizer, tmp_path / "a")
    assert open_ids(tmp_path / "a", info)[-1] == tokenizer.newline_id
    assert (info.lines, info.chars, info.words) == (1, 7, 2)


def test_nothing_is_no_ids(tmp_path: Path) -> None:
    info = write_ids([], make(), tmp_path / "a")
    assert info.count == 0
    ids = open_ids(tmp_path / "a", info)
    assert len(ids) == 0
    assert len(line_starts(ids, 0)) == 0


def test_big_vocabularies_take_four_bytes(tmp_path: Path) -> None:
    words = "".join(f"w{n} w{n}\n" for n in range(66_000))
    tokenizer = train_tokenizer([words], TokenizerConfig(kind="word", vocab_size=70_000))
    info = write_ids(["w1 w65999\n"], tokenizer, tmp_path / "a")
    assert info.dtype == "uint32"
    assert open_ids(tmp_path / "a", info).tolist() == tokenizer.encode("w1 w65999\n").tolist()


@pytest.mark.parametrize("kind", list(TOKENIZERS))
@pytest.mark.parametrize("unit", ["a", " ", "中", "the cat ", "the\tcat\n", "中。"])
def test_pieces_of_an_overlong_line_give_the_whole_lines_ids(kind: TokenizerKind, unit: str, tmp_path: Path) -> None:
    text = unit * (150_001 // len(unit)) + "end"
    tokenizer = make(kind)
    info = write_ids([text[at : at + 49_999] for at in range(0, len(text), 49_999)], tokenizer, tmp_path / "a")
    assert np.array_equal(open_ids(tmp_path / "a", info), tokenizer.encode(text + "\n"))
    words, chars, size = count(text)
    lines = text.count("\n")
    assert (info.words, info.chars, info.bytes, info.lines) == (words, chars - lines, size - lines, lines + 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("the cat\n 中。\udc80é"), max_size=20), max_size=8))
def test_blocks_may_end_anywhere(tmp_path_factory: pytest.TempPathFactory, blocks: list[str]) -> None:
    path = tmp_path_factory.mktemp("ids") / "a"
    text = "".join(blocks)
    text += "\n" if text and not text.endswith("\n") else ""
    tokenizer = make("char")
    info = write_ids(blocks, tokenizer, path)
    assert open_ids(path, info).tolist() == tokenizer.encode(text).tolist()
    assert info.words == count(text)[0]


def test_memory_is_bounded(tmp_path: Path) -> None:
    tokenizer = make("byte")
    tracemalloc.start()
    info = write_ids(("the cat sat\n" * 20_000 for _ in range(40)), tokenizer, tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert info.count == 9_600_000
    assert peak < 25_000_000


def test_wrong_size_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    info = write_ids([TEXT], make(), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="bytes and should have"):
        open_ids(path, info)
    path.unlink()
    with pytest.raises(ModelError, match="is not there"):
        open_ids(path, info)


def test_ids_that_are_not_those_that_were_written_are_refused(tmp_path: Path) -> None:
    tokenizer, path = make(), tmp_path / "a"
    info = write_ids([TEXT], tokenizer, path)
    data = path.read_bytes()
    assert len(open_ids(path, info, tokenizer.vocab_size)) == info.count
    path.write_bytes(data[:-1] + b"\xff")
    with pytest.raises(ModelError, match="ids that the tokenizer does not have"):
        open_ids(path, info, tokenizer.vocab_size)
    path.write_bytes(data[2:4] + data[2:])
    with pytest.raises(ModelError, match="is not the file that"):
        open_ids(path, info, tokenizer.vocab_size)
    assert len(open_ids(path, dataclasses.replace(info, checksum=None))) == info.count


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to a device", "a link elsewhere"])
def test_what_is_no_file_of_the_folder_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    info = write_ids([TEXT], make(), tmp_path / "elsewhere")
    path = folder / "a"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "a link to a device" else tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="cannot be read"):
        open_ids(path, info)


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def blocks() -> object:
        yield "the cat\n"
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_ids(blocks(), make(), tmp_path / "a")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_line_starts() -> None:
    assert line_starts(np.array([5, 1, 1, 7, 1], np.uint16), 1).tolist() == [0, 2, 3]
    assert line_starts(np.array([1, 5], np.uint16), 1).tolist() == [0, 1]
    assert line_starts(np.array([1], np.uint16), 1).tolist() == [0]
    big = np.zeros((1 << 22) + 3, np.uint16)
    big[(1 << 22) - 1] = big[1 << 22] = 1
    assert line_starts(big, 1).tolist() == [0, 1 << 22, (1 << 22) + 1]
