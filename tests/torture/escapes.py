"""Hostile words as corpus, as what a model writes, as names, cells and arguments: none steers the terminal.

Every command that draws is run in this process with a terminal for its streams, and what arrives there is read: colours
and moves that the renderer writes are known one by one, and nothing else that steers may be in it.
"""

from __future__ import annotations

import contextlib
import os
import pty
import random
import shutil
import sys
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.conftest import train_small
from tests.torture.commands import inside
from tests.torture.hostile_text import STEERING, hostile, word
from tests.torture.parts import Tried
from tests.torture.verdict import fault

Arguments = list[str]
LOOKS: tuple[dict[str, str], ...] = ({}, {}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "40"})
SMALL = (
    "--steps",
    "2",
    "--hidden-size",
    "8",
    "--embedding-size",
    "8",
    "--layers",
    "1",
    "--threads",
    "1",
    "--vocab-size",
)
MODELS = ("heard", "spelled")


def terminal(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many commands, each on texts of its own."""
    shelf, room = folder / "shelf", folder / "room"
    (shelf / "models").mkdir(parents=True)
    for name, kind in zip(MODELS, ("byte", "hybrid"), strict=True):
        r = random.Random(f"{seed}:{name}")
        (shelf / name).write_bytes(_lines(r, 60, valid=True))
        train_small(shelf / name, shelf / "models" / name, steps=2, kind=kind, valid="0.2", unit="stream")
    for number in range(count):
        r = random.Random(f"{seed}:{number}")
        shutil.copytree(shelf, room / "work")
        with inside(room, os.devnull) as watch:
            arguments = TURNS[number % len(TURNS)](r)
            os.environ |= {"TERM": "xterm-256color", **r.choice(LOOKS)}
            code, shown = on_terminal(arguments, typed=b"n\n")
        shutil.rmtree(room)
        what = fault(arguments, code, "", shown.replace("\r\n", "\n")) or "; ".join(watch.found)
        yield Tried(f"{what} -- {arguments!a}" if what else "")


def on_terminal(arguments: Sequence[str], typed: bytes) -> tuple[int, str]:
    """The exit code and all that is shown, where the streams of this process are a terminal."""
    from rnncli.cli.app import run

    leader, follower = pty.openpty()
    tty.setraw(leader)  # what is typed is not shown, and what is written not changed
    shown: list[bytes] = []
    reader = threading.Thread(target=_read, args=(leader, shown))
    reader.start()
    streams = sys.stdin, sys.stdout, sys.stderr
    os.write(leader, typed)
    try:
        with contextlib.ExitStack() as stack:
            sys.stdin = stack.enter_context(open(os.dup(follower), encoding="utf-8"))
            sys.stdout = stack.enter_context(open(os.dup(follower), "w", encoding="utf-8"))
            sys.stderr = stack.enter_context(open(os.dup(follower), "w", encoding="utf-8", errors="backslashreplace"))
            code = run(arguments)
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        os.close(follower)
        reader.join()
        os.close(leader)
    return code, b"".join(shown).decode("utf-8", "surrogateescape")


def _read(leader: int, shown: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # the other side is closed
        while piece := os.read(leader, 65536):
            shown.append(piece)


def _lines(r: random.Random, count: int, *, valid: bool = False) -> bytes:
    """Lines of hostile text, and words enough that there is something to learn. ``valid``: all of it UTF-8."""
    lines = [f"{hostile(r, STEERING)} the moon {hostile(r, STEERING)}" for _ in range(count)]
    how = "replace" if valid else "surrogatepass"
    data = b"".join(line.encode("utf-8", how) + b"\n" for line in lines)
    return data.replace(b"\0", b"") if valid else data  # many of them look like no text at all


def _name(r: random.Random, *, ending: str = "") -> str:
    """A file's name, one that there is: hostile, without slashes, short enough."""
    name = word(r).replace("/", "")
    while len(os.fsencode(name + ending)) > 200:
        name = name[: len(name) // 2]
    return (name if name.strip(".") else "x") + ending


def _text(r: random.Random) -> str:
    """A text; its name."""
    name = _name(r, ending=".txt")
    Path(name).write_bytes(_lines(r, 12, valid=r.random() < 0.7))
    return name


def _rows(r: random.Random, columns: int, *, numbers: Sequence[int] = (), header: Sequence[str] = ()) -> str:
    """A list in columns; its name."""
    name = _name(r, ending=".tsv")
    rows = [list(header)] if header else []
    for number in range(4):
        rows.append([word(r).replace("\t", " ").replace("\n", " ") for _ in range(columns)])
        for place in numbers:
            rows[-1][place] = str(number)
    Path(name).write_bytes(b"".join(os.fsencode("\t".join(row)) + b"\n" for row in rows))
    return name


def _model(r: random.Random) -> str:
    """A model under a hostile name."""
    folder = Path("models") / _name(r)
    shutil.move(Path("models") / r.choice(MODELS), folder)
    return str(folder)


def _train(r: random.Random) -> Arguments:
    out = r.choice(([], ["--out", _name(r)], ["--name", _name(r)]))
    shown = r.choice(([], [], ["--dry-run"], ["--json"], ["--resume", word(r)]))
    return ["train", _text(r), *SMALL, "30", "--tokenizer", r.choice(("hybrid", "byte", "word")), *out, *shown]


def _score(r: random.Random) -> Arguments:
    how = r.choice(
        ([], ["--tokens"], ["--words"], ["--total"], ["--json"], ["--format", "kenlm"], ["--format", "srilm"])
    )
    more = r.choice(([], ["--regions", word(r)], ["--prefix", word(r)], ["--below", word(r)], ["--encoding", word(r)]))
    return ["score", "-m", _model(r), _text(r), *how, *more]


def _columns(r: random.Random) -> Arguments:
    names = [_name(r).replace("\t", " ").replace("\n", " ") for _ in range(3)]
    given = _rows(r, 3, header=names)
    wanted = r.choice((names[1], names[1], "2", word(r)))
    return ["score", "-m", _model(r), given, "--text-column", wanted, *r.choice(([], ["--format", "tsv"], ["--words"]))]


def _lists(r: random.Random) -> Arguments:
    mode = r.choice(("--pairs", "--nbest", "--tune"))
    match mode:
        case "--pairs":
            given = [_rows(r, 3), *r.choice(([], ["--each"]))]
        case "--nbest":
            given = [_rows(r, 3, numbers=(1,))]
        case _:
            given = [_rows(r, 4, numbers=(1, 3))]
    return ["score", "-m", _model(r), mode, *given]


def _sample(r: random.Random) -> Arguments:
    more = r.choice(
        ([], ["--json"], ["--count", "2"], ["--check-copy", _text(r)], ["--stop", word(r)], ["--until", "line"])
    )
    return ["sample", *r.choice(([], [word(r)])), "-m", _model(r), "-n", "60", "--seed", str(r.randrange(99)), *more]


def _compare(r: random.Random) -> Arguments:
    first, other = word(r).replace("/", "").replace("\\", "") or "x", _model(r)
    rest = next(name for name in MODELS if (Path("models") / name).exists())
    more = r.choice(([], ["--total"], ["--json"], ["--text-column", "1", "--label-column", "2"]))
    given = _rows(r, 2) if len(more) > 2 else _text(r)
    return ["compare", "-m", f"{first}={other}", "-m", rest, given, *more]


def _models(r: random.Random) -> Arguments:
    model = _model(r)
    return [
        "models",
        *r.choice((["list"], ["show", model], ["show", model, "--json"], ["path", model], ["remove", model])),
    ]


def _corpora(r: random.Random) -> Arguments:
    return r.choice(
        (["corpora", "show", _model(r), "--valid"], ["corpora", "make", word(r)], ["corpora", "show", word(r)])
    )


def _wrong(r: random.Random) -> Arguments:
    """Mistakes that are told with what was typed."""
    odd = word(r) or "\x1b"
    return r.choice(
        (
            *(
                [odd],
                ["score", odd],
                ["score", "-m", odd],
                ["score", f"--{odd}"],
                ["train", odd],
                ["train", "--resume", odd],
            ),
            *(["score", "--pairs", odd], ["sample", "-n", odd], ["sample", "--seed", odd], ["score", "--format", odd]),
            *(
                ["models", odd],
                ["models", "show", odd],
                ["compare", "-m", odd, "-m", odd],
                ["export", odd, "--out", odd],
            ),
            *(
                ["sample", "--prompts", odd],
                ["score", "--below", odd],
                ["train", "--valid", odd, "good"],
            ),
        )
    ) + r.choice(([], ["--debug"]))


def _export(r: random.Random) -> Arguments:
    return ["export", _model(r), *r.choice(([], ["--out", _name(r)], ["--quantize", "int8"]))]


TURNS: tuple[Callable[[random.Random], Arguments], ...] = (
    *(_score, _sample, _train, _wrong, _lists, _columns, _compare, _models, _corpora, _wrong, _score, _export),
)
