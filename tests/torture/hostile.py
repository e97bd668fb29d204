"""Model folders that were harmed, or made to harm: refused in one line, soon and in little memory, or run as they are.

Each attempt harms a copy of a folder and calls the real command on it in a forked process. What then must hold is in
``judged``. The folders are made beforehand, and the parent process, which computes nothing, has all modules loaded.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from rnncli.arrays import sha256
from rnncli.choices import Precision
from rnncli.guarded import open_file
from rnncli.store import CARD, CONFIG, GRAPH, GRAPHS, TOKENIZER, TRAINING, WEIGHTS
from tests.torture import forging, harming, vocabularies
from tests.torture.calling import Outcome, run_forked
from tests.torture.harming import BYTES, KINDS, Harm, Surroundings
from tests.torture.parts import Tried

TEXT = "Anna saw the moon.\nBob heard the river and the cat. 春眠 é\n"
JSON: tuple[Harm, ...] = (forging.json_value, forging.json_value, forging.json_value, forging.twice)
SIZES: tuple[Harm, ...] = (forging.absurd_sizes,)
ARRAYS: tuple[Harm, ...] = (forging.header, forging.header, forging.header, forging.numbers)
OWN: dict[str, tuple[Harm, ...]] = {
    CONFIG: (*JSON, *SIZES),
    TOKENIZER: (vocabularies.lie, vocabularies.lie, vocabularies.lie, *JSON),
    WEIGHTS: ARRAYS,
    GRAPH: (forging.graph,),
    GRAPHS["backward"]: (forging.graph,),
    "run.json": (*JSON, *SIZES),
    "prepared.json": JSON,
    "state.safetensors": (*ARRAYS, forging.progress),
    "from.safetensors": ARRAYS,
}
"""What is done to a file by its name, beside what can be done to any."""
COMMANDS: dict[str, tuple[str, ...]] = {
    "score": ("score", "lines.txt", "-m", "model", "--json", "--threads", "1"),
    "score, torch": ("score", "lines.txt", "-m", "model", "--json", "--threads", "1", "--engine", "torch"),
    "sample": ("sample", "The", "-m", "model", "-n", "20", "--seed", "1", "--threads", "1"),
    "list": ("models", "list"),
    "show": ("models", "show", "model", "--json"),
    "card": ("models", "show", "model"),
    "held out": ("corpora", "show", "model", "--valid"),
    "export": ("export", "model", "--quantize", "float16", "--out", "out"),
    "resume": ("train", "--resume", "model", "--steps", "12", "--json"),
    "from": ("train", "many.txt", "--from", "model", "--steps", "2", "--out", "out", "--valid", "more.txt", "--json"),
}
LOADED = (
    *("rnncli.cli.app", "rnncli.cli.score", "rnncli.cli.sample", "rnncli.cli.models", "rnncli.cli.export"),
    *("rnncli.cli.train", "rnncli.cli.scoring", "rnncli.cli.live", "rnncli.api.training", "rnncli.api.exporting"),
    *(
        "rnncli.inference.onnx_engine",
        "rnncli.inference.torch_engine",
        "rnncli.inference.scorer",
        "rnncli.graph.saving",
    ),
    *("rnncli.training.run", "torch._dynamo", "safetensors.torch", "tests.cli.conftest", "tests.folders"),
)
"""Modules that a call would spend its time on."""
ALLOWED = {"held out": (0, 3, 4), "list": (0,), "export": (0, 2, 3)}
"""Exit codes, of other commands (0, 3)."""
REFUSED_CPU, DONE_CPU = 1.0, 8.0
"""Seconds of processor time that a refusal, and that anything may take."""
MOST_GROWN, DONE_GROWN = 200.0, 400.0
"""MB, likewise."""
LONGEST_LINE = 2000


@dataclass(frozen=True)
class Base:
    """A whole folder, and what its lines score."""

    folder: Path
    scores: tuple[float, ...]


def attempts(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many harmed folders."""
    for name in LOADED:
        import_module(name)
    bases = _bases(folder / "bases")
    for number in range(count):
        dice = Random(f"{seed} {number}")
        where = folder / f"work{number}"
        yield Tried(_attempt(bases, dice, where))
        shutil.rmtree(where, ignore_errors=True)


def _attempt(bases: list[Base], dice: Random, where: Path) -> str:
    base = dice.choice(bases)
    command = _command(base, dice)
    model, around = _laid_out(base, bases, where)
    told = _harmed(model, dice, around, training=command == "resume")
    before = _look(around.outside)
    outcome = run_forked(COMMANDS[command], where, partial(_prepared, command))
    lost = judged(outcome, command, base, weights_kept=told.startswith(("model.onnx", "backward.onnx", CARD, TRAINING)))
    if around.marker.exists():
        lost = "code of the folder was run"
    if _look(around.outside) != before:
        lost = "something outside the folder was written"
    return f"{base.folder.name}, {command}: {told}: {lost}" if lost else ""


def _prepared(command: str) -> None:
    """In the process: nobody waits for a save, and the only models are those in the folder."""
    from rnncli import library
    from rnncli.store import open_folder

    assert open_folder.__kwdefaults__ is not None
    open_folder.__kwdefaults__["patience"] = 0.0
    library._BOX = library._CHECKOUT = Path("nowhere")
    library.MODELS = Path()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _command(base: Base, dice: Random) -> str:
    training = (base.folder / TRAINING).exists()
    if training and dice.random() < 0.6:
        return "resume"
    names = [name for name in COMMANDS if training or name not in ("resume", "held out")]
    return "score" if dice.random() < 0.6 else dice.choice(names)


def _laid_out(base: Base, bases: list[Base], where: Path) -> tuple[Path, Surroundings]:
    model, outside = where / "model", where.with_name(where.name + "-outside")
    shutil.copytree(base.folder, model)
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    (outside / "secret").write_text("secret\n")
    (where / "lines.txt").write_text(TEXT)
    (where / "many.txt").write_text(TEXT * 20)
    (where / "more.txt").write_text(TEXT)
    others = tuple(other.folder for other in bases if other is not base)
    return model, Surroundings(outside, where / "marker", others)


def _harmed(model: Path, dice: Random, around: Surroundings, *, training: bool) -> str:
    """Harm the folder; what was done to which file."""
    inner = model / TRAINING
    if training and dice.random() < 0.1:
        kept = around.outside / "training"
        shutil.move(inner, kept)
        inner.symlink_to(kept)
        return f"{TRAINING}: a link to a copy outside"
    files = [path for path in sorted(model.rglob("*")) if path.is_file() and (inner in path.parents) == training]
    files += [path for path in files if path.name in OWN]
    path = dice.choice(files)
    harms = (*OWN.get(path.name, ()), *(BYTES if dice.random() < 0.6 else KINDS))
    vouches = dice.random() < 0.7
    try:
        told = dice.choice(harms)(path, dice, around)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):  # a file that a second harm cannot parse
        told = harming.truncate(path, dice, around)
    if vouches and not training and path.name != CONFIG:
        _vouch(model, path)
    return f"{path.relative_to(model)}: {told}{', vouched for' if vouches else ''}"


def _vouch(model: Path, path: Path) -> None:
    """Let config.json say that the file is as it should be, as its maker would."""
    try:
        with open_file(path) as file:
            if os.fstat(file.fileno()).st_size > 1 << 26:
                return
        config = json.loads((model / CONFIG).read_bytes())
        config["fingerprints"][path.name] = sha256(path)
        (model / CONFIG).write_text(json.dumps(config))
    except OSError:
        return


def _look(folder: Path) -> dict[str, tuple[int, int]]:
    """What is there: sizes and times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            found[str(path.relative_to(folder))] = status.st_size, status.st_mtime_ns
    return found


def judged(outcome: Outcome, command: str, base: Base, *, weights_kept: bool) -> str:
    """What must not have happened, in words; nothing where all is well."""
    told = f"exit code {outcome.code}, {outcome.err[-300:]!r}"
    if outcome.code is None:
        return f"the process ended with signal {outcome.signal} after {outcome.cpu:.1f} s"
    rules = {
        f"talk past the program's streams: {outcome.raw[:200]!r}": bool(outcome.raw),
        f"{outcome.grown:.0f} MB more, {told}": outcome.grown > (MOST_GROWN if outcome.code else DONE_GROWN),
        f"{outcome.cpu:.1f} s, {told}": outcome.cpu > (REFUSED_CPU if outcome.code else DONE_CPU),
        f"an exit code that is none: {told}": outcome.code not in ALLOWED.get(command, (0, 3)),
        f"a traceback, or an escape: {told}": "Traceback" in outcome.err or "\x1b" in outcome.err,
    }
    if outcome.code:
        lines = outcome.err.splitlines()
        error = [number for number, line in enumerate(lines) if line.startswith("rnncli: error: ")]
        rules[f"not one line and its hint: {told}"] = error != [len(lines) - 2] or (
            command != "resume" and len(lines) != 2
        )
        rules["a line that nobody reads"] = max(map(len, lines), default=0) > LONGEST_LINE
    elif command.startswith("score"):
        found = tuple(json.loads(line)["logprob"] for line in outcome.out.splitlines())
        rules[f"scores that are none: {found}"] = not all(math.isfinite(one) and one <= 0 for one in found)
        near = len(found) == len(base.scores) and all(map(_near, found, base.scores))
        rules[f"other scores, of the same weights: {found} and {base.scores}"] = weights_kept and not near
    return next((rule for rule, broken in rules.items() if broken), "")


def _near(one: float, other: float) -> bool:
    return abs(one - other) < 1e-3 * max(1.0, abs(other))


# -- whole folders


def _bases(folder: Path) -> list[Base]:
    """Made in a process of their own: a parent that has computed cannot fork children that compute."""
    context = multiprocessing.get_context("fork")
    maker = context.Process(target=_make_all, args=(folder,))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise RuntimeError(f"the folders were not made: {maker.exitcode}")
    scores = json.loads((folder / "scores.json").read_bytes())
    return [Base(folder / name, tuple(found)) for name, found in sorted(scores.items())]


def _make_all(folder: Path) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    from tests.folders import make_folder

    torch.set_num_threads(1)
    makers: dict[str, Callable[[Path], object]] = {
        "lstm": lambda path: make_folder(path, "lstm", "tanh", "hybrid", "tied", 1),
        "gru": lambda path: make_folder(path, "gru", "tanh", "word", "projected", 2),
        "rnn": lambda path: make_folder(path, "rnn", "crelu", "char", "untied", 1),
        "half": lambda path: _lowered(path, "float16"),
        "eighth": lambda path: _lowered(path, "int8"),
        "both": partial(_trained, direction="both", cell="gru"),
        "lines": partial(_trained, unit="lines", ema=0.9),
        "averaged": partial(_trained, unit="stream", optimizer="asgd", learning_rate=2.0),
        "adapted": partial(_trained, start=folder / "averaged"),
    }
    scores = {}
    for name, make in makers.items():
        make(folder / name)
        scores[name] = _scores(folder / name)
    (folder / "scores.json").write_text(json.dumps(scores))


def _lowered(path: Path, precision: Precision) -> None:
    from rnncli.api.exporting import export

    whole = path.with_name(f".{path.name}")
    given: dict[str, Any] = {"kind": "bpe"} if precision == "float16" else {"kind": "byte", "cell": "gru"}
    _trained(whole, **given)
    export(whole, weights=precision, out=path)


def _trained(path: Path, start: Path | None = None, **given: object) -> None:
    """A run to its end, with all that it leaves. ``start``: the model that it starts from."""
    from rnncli.api import TrainRequest, open_run
    from tests.conftest import TINY_TEXT

    corpus = path.with_name(f"{path.name}.txt")
    corpus.write_text(TINY_TEXT)
    sizes = {} if start else {"hidden_size": 8, "embedding_size": 8, "layers": 1, "vocab_size": 30}
    small: dict[str, object] = {"steps": 6, "batch_size": 4, "bptt": 8, "precision": "fp32", **sizes, **given}
    where = {"corpora": (str(corpus),), "out": str(path), "from_model": None if start is None else str(start)}
    for _ in open_run(TrainRequest(given=small, device="cpu", threads=1, **where)).events():  # type: ignore[arg-type]
        pass


def _scores(folder: Path) -> list[float]:
    from rnncli.api import load

    found = load(folder, device="cpu", threads=1).score(TEXT.splitlines())
    return [score.tally.logprob for score in found]
