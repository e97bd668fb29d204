"""Coverage-guided fuzzing (atheris) of functions that take bytes, and the cases that were found, kept as files.

A target is a function ``(data: bytes) -> None`` that does with the bytes what the program does with a file, and raises
where the program does what it must not: a refusal that is documented it catches itself, whatever else comes up is a
find. Cases that were found once lie in ``found/NAME/`` and are tried first, without atheris: that much is in ``make
test``. Then so many runs are made in a process of their own, over which ``rnncli`` is watched by the line.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.torture.parts import Tried

ROOT = Path(__file__).parents[2]
FOUND = Path(__file__).parent / "found"
WATCHED = ("rnncli",)
"""Packages in which a new line is a reason to go on from there."""
LONGEST_RUN = 20
"""Seconds of one run: a hang."""
MOST_MEMORY = 1500
"""MB of the whole process."""
SHOWN = 3000
"""Characters of base64: what is longer is told by its beginning."""

Target = Callable[[bytes], None]


@dataclass(frozen=True)
class Fuzzed:
    """What is fuzzed. ``where``: the target, as module:name in this package."""

    name: str
    """Of the folder in found/ with the cases that are kept."""
    where: str
    seeds: Callable[[], Sequence[bytes]]
    """Inputs to begin from: files as the program writes them."""
    share: float = 1.0
    """Of the runs."""
    longest: int = 4096
    """Bytes of an input."""

    @property
    def target(self) -> Target:
        return _find(self.where)

    @property
    def kept(self) -> list[Path]:
        return sorted(path for path in (FOUND / self.name).glob("*") if path.is_file())


def _find(where: str) -> Target:
    module, _, name = where.partition(":")
    target: Target = getattr(import_module(f"tests.torture.{module}"), name)
    return target


def attempts(fuzzed: Sequence[Fuzzed], count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """The cases that are kept, all of them, then runs of each until there were ``count`` in all."""
    kept = 0
    for one in fuzzed:
        for tried in replay(one):
            kept += 1
            yield tried
    left = max(0, count - kept)
    for number, one in enumerate(fuzzed):
        runs = round(left * one.share) if number < len(fuzzed) - 1 else left
        left -= runs
        if runs:
            inner = folder / str(number)
            inner.mkdir()
            yield from fuzz(one, runs, seed, inner)


def replay(one: Fuzzed) -> Iterator[Tried]:
    """Each case that is kept, once."""
    for path in one.kept:
        try:
            one.target(path.read_bytes())
        except Exception as error:
            yield Tried(f"{path.relative_to(ROOT)}: {_told(error)}")
        else:
            yield Tried()


def fuzz(one: Fuzzed, runs: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many runs. Each place where something is wrong is told once, with an input that gets there."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate([*one.seeds(), *(path.read_bytes() for path in one.kept)]):
        (corpus / str(number)).write_bytes(data)
    command = [sys.executable, "-m", "tests.torture.fuzzing", one.where, str(runs), str(seed), str(folder)]
    with open(folder / "talk", "wb") as talk:
        done = subprocess.run(
            [*command, str(one.longest)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=talk
        )
    finds = [json.loads(line) for line in done.stdout.splitlines()]
    for find in finds:
        yield Tried(f"{one.where}: {find['lost']}; input, base64: {find['data']}")
    if done.returncode:  # killed: by itself, by a run that hung, or for want of memory
        inputs = [path for path in folder.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-"))]
        shown = _shown(inputs[0].read_bytes()) if inputs else "none"
        last = (folder / "talk").read_text(errors="replace").strip().splitlines()[-1:]
        yield Tried(f"{one.where} ended with {done.returncode} {last}; input, base64: {shown}")
    else:
        yield Tried(times=runs - len(finds))


def _shown(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(data):,} bytes)"


def _told(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {first}"


def _fuzz_here(where: str, runs: str, seed: str, folder: str, longest: str) -> None:
    """In a process of its own: libFuzzer ends it. Each find is a line of JSON on stdout."""
    import atheris

    with atheris.instrument_imports(include=list(WATCHED)):
        target = _find(where)
    seen: set[tuple[str, str, int | None]] = set()

    def one(data: bytes) -> None:
        try:
            target(data)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = (type(error).__name__, frame.filename, frame.lineno)
            if place not in seen:
                seen.add(place)
                print(json.dumps({"lost": _told(error), "data": _shown(data)}), flush=True)

    options = [f"-runs={runs}", f"-seed={seed}", f"-max_len={longest}", f"-timeout={LONGEST_RUN}"]
    options += [f"-rss_limit_mb={MOST_MEMORY}", f"-artifact_prefix={folder}/", "-print_final_stats=0"]
    atheris.Setup([sys.argv[0], *options, f"{folder}/corpus"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz_here(*sys.argv[1:])
