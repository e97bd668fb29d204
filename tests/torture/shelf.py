"""A folder with everything that command lines can name: models, texts, lists, and what is none of these."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import TINY_TEXT, train_small
from tests.folders import make_folder
from tests.torture.hostile_text import PLAIN, SEQUENCES

GOOD = TINY_TEXT[:600]
ODD = os.fsdecode("odd\x1b[31m\u202ename\n".encode() + b"\xff.txt")
"""A file's name that holds what may be shown nowhere as it is."""
TEXTS = ("good.txt", "empty.txt", "blank.txt", "steering.txt", "bytes.txt", "latin1.txt", "wide.txt", "long.txt", ODD)
PACKED = ("good.txt.gz", "good.txt.xz", "good.txt.bz2", "good.txt.zst", "cut.gz", "cut.zst", "wrong.xz")
LISTS = ("pairs.tsv", "nbest.tsv", "tune.tsv", "rows.tsv", "ragged.tsv", "huge.tsv")
FOLDERS = ("texts", "nothing", "models/broken")
STRANGE = (
    "/dev/null",
    "binary.bin",
    "loop",
    "missing.txt",
    "good.txt/x",
    "",
    " ",
    "x" * 300,
    "~",
    "nothing/../good.txt",
)
FILES = (*TEXTS, *PACKED, *LISTS, *FOLDERS, *STRANGE)
STDIN_FILES = (*TEXTS[:4], "bytes.txt", "binary.bin", "pairs.tsv", "rows.tsv", "/dev/null", None)
"""What is piped in; None: standard input is closed."""
MODELS = ("stream", "both", "bytes", "words", "./models/stream", "models/both/")
NO_MODELS = ("broken", "none", "..", "../models/stream", "/dev/null", "", "models", "good.txt", ".", "starte", "a=b")


def rooms(count: int, seed: int, folder: Path) -> Iterator[tuple[random.Random, Path]]:
    """For each attempt its randomness and a folder made anew, in whose ``work`` is all that can be named."""
    shelf, room = folder / "shelf", folder / "room"
    shelf.mkdir()
    fill(shelf)
    for number in range(count):
        shutil.copytree(shelf, room / "work", symlinks=True)
        yield random.Random(f"{seed}:{number}"), room
        shutil.rmtree(room)


def fill(folder: Path) -> Path:
    """Make it all in an empty folder."""
    (folder / "models").mkdir()
    make_folder(folder / "models" / "bytes", kind="byte")
    make_folder(folder / "models" / "words", "gru", kind="word")
    (folder / "good.txt").write_text(GOOD)
    train_small(folder / "good.txt", folder / "models" / "stream", steps=2, vocab_size=30, unit="stream")
    train_small(folder / "good.txt", folder / "models" / "both", steps=2, unit="lines", direction="both")
    shutil.copytree(folder / "models" / "bytes", folder / "models" / "broken")
    os.truncate(folder / "models" / "broken" / "model.safetensors", 100)
    _texts(folder)
    _packed(folder)
    _lists(folder)
    return folder


def _texts(folder: Path) -> None:
    for name in ("empty.txt", "blank.txt", "steering.txt", ODD, "long.txt"):
        (folder / name).touch()
    (folder / "blank.txt").write_text(" \n\n\t\n")
    (folder / "steering.txt").write_bytes("\n".join((*SEQUENCES, *GOOD.splitlines()[:6])).encode())
    (folder / ODD).write_text(PLAIN + GOOD, newline="")
    (folder / "long.txt").write_text("the moon and the river " * 3000)
    (folder / "bytes.txt").write_bytes(b"Anna saw \xff\xed\xa0\x80 the moon\n\xc3\n\x80\x81 and Bob\n" * 4)
    (folder / "latin1.txt").write_bytes("Änna säw thé möön.\n".encode("latin-1") * 9)
    (folder / "wide.txt").write_bytes(GOOD.encode("utf-16"))
    (folder / "binary.bin").write_bytes(b"\x7fELF\0\0\1\2\3" + bytes(range(256)) * 40)
    (folder / "texts").mkdir()
    for name in ("one.txt", "two.txt"):
        (folder / "texts" / name).write_text(GOOD)
    (folder / "nothing").mkdir()
    (folder / "loop").symlink_to("loop")


def _packed(folder: Path) -> None:
    import zstandard

    data = GOOD.encode()
    zst = zstandard.ZstdCompressor().compress(data)
    packed = {"gz": gzip.compress(data), "xz": lzma.compress(data), "bz2": bz2.compress(data), "zst": zst}
    for ending, content in packed.items():
        (folder / f"good.txt.{ending}").write_bytes(content)
    (folder / "cut.gz").write_bytes(packed["gz"][:-9])
    (folder / "cut.zst").write_bytes(zst[:-9])
    (folder / "wrong.xz").write_bytes(data)


def _lists(folder: Path) -> None:
    lists = {
        "pairs.tsv": "group\tgood\tbad\na\tAnna saw.\tsaw Anna.\nb\x1b[1m\tBob\tbbo\n",
        "nbest.tsv": "1\t-0.5\tAnna saw the moon\n1\t-0.4\tAnna sore the moon\n2\t1e99\tBob\n2\t-1e99\tBbo\n",
        "tune.tsv": "1\t-0.5\tAnna saw\t0\n1\t-0.4\tAnna sore\t1\n2\t1e99\tBob\t1e100\n2\t-1e99\tBbo\t9e99\n",
        "rows.tsv": "text\tlabel\tprefix\nAnna saw\tstream\tthe \nthe moon\tboth\t\u202e\x1b]0;x\x07\n",
        "ragged.tsv": "a\tb\nc\n\td\te\n",
        "huge.tsv": "1\t" + "9" * 5000 + "\ttext\t1e999\n",
    }
    for name, text in lists.items():
        (folder / name).write_text(text)
