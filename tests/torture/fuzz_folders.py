"""The readers of what a model folder holds, fuzzed: each gives what it should, or a ModelError of one line.

Targets are called with the bytes of a file, which they write into a folder that is whole otherwise.
"""

from __future__ import annotations

import functools
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnncli.arrays import read_header
from rnncli.checking import read_described
from rnncli.choices import TokenizerKind
from rnncli.config import TokenizerConfig, to_dict
from rnncli.errors import ModelError
from rnncli.library import entry
from rnncli.store import CONFIG, TOKENIZER, TRAINING, WEIGHTS, part_config
from rnncli.text.tokenizers import TOKENIZERS
from rnncli.training.check import check_states
from rnncli.training.log import LOG, cut_log
from rnncli.training.prepare import PREPARED, load_prepared, prepare
from rnncli.training.request import TrainRequest, open_request
from rnncli.training.runfile import RUN, RunConfig
from tests.nets import config_of
from tests.torture.fuzzing import Fuzzed
from tests.torture.fuzzing import attempts as attempts_of
from tests.torture.parts import Tried

KINDS: tuple[TokenizerKind, ...] = ("hybrid", "word", "char", "bpe", "byte")
TEXT = "the cat sat on the mat.\nthe dog didn't sit\n"
LONGEST = 400


@functools.cache
def _folder() -> Path:
    """A place for files, as long as the process lives."""
    held = tempfile.TemporaryDirectory()
    _HELD.append(held)
    return Path(held.name)


_HELD: list[tempfile.TemporaryDirectory[str]] = []


def _put(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _refused(error: ModelError) -> None:
    """A refusal is one line that a person reads, and a cure."""
    assert "\n" not in error.message
    assert len(error.message) < LONGEST
    assert error.hint


def header(data: bytes) -> None:
    """The head of model.safetensors and of a run's state: no two arrays share a byte, and all lie in the file."""
    path = _put(WEIGHTS, data)
    try:
        places, words = read_header(path)
    except ModelError as error:
        return _refused(error)
    taken = sorted((place.offset, place.offset + place.size) for place in places.values())
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(taken))
    assert max((end for _, end in taken), default=0) <= len(data)
    assert all(isinstance(word, str) for word in words.values())
    return None


def config(data: bytes) -> None:
    """config.json."""
    path = _put(CONFIG, data)
    listed = entry(path.parent)
    assert isinstance(listed.created, float)
    try:
        described = read_described(path.parent)
    except ModelError as error:
        return _refused(error)
    assert described.arrays
    assert set(described.parts) <= {"forward", "backward"}
    return None


def tokenizer(data: bytes) -> None:
    """tokenizer.json, of the kind that the first byte says."""
    kind, path = TOKENIZERS[KINDS[data[0] % 5 if data else 0]], _put(TOKENIZER, data[1:])
    try:
        found = kind.load(path, 1000)
    except ModelError as error:
        return _refused(error)
    ids = found.encode(TEXT)
    assert not len(ids) or (int(ids.min()) >= 0 and int(ids.max()) < found.vocab_size)
    assert not found.lossless or found.decode(ids) == TEXT
    return None


def run(data: bytes) -> None:
    """training/run.json, prepared.json and log.jsonl: by the first byte."""
    which, run, folder = data[0] % 3 if data else 0, _run(), _prepared()
    path = folder / TRAINING / (RUN, PREPARED, LOG)[which]
    path.write_bytes(data[1:])
    try:
        if which == 0:
            check_states(folder, RunConfig.load(folder))
        elif which == 1:
            load_prepared(folder, run)
        else:
            cut_log(path, 5)
            assert all((json.loads(line).get("step") or 0) <= 5 for line in path.read_text().splitlines())
    except ModelError as error:
        _refused(error)


@functools.cache
def _prepared() -> Path:
    """A run whose text is prepared; all of its files, without PyTorch."""
    folder = _folder() / "prepared"
    (folder / TRAINING).mkdir(parents=True)
    corpus = _folder() / "corpus.txt"
    corpus.write_text(TEXT * 20)
    given = {"steps": 2, "hidden_size": 4, "embedding_size": 4, "vocab_size": 9}
    opened = open_request(TrainRequest(corpora=(str(corpus),), given=given, out=str(folder / "new"), device="cpu"))
    opened.config.save(folder)
    prepare(folder, opened.config, opened.parts, tokenizer=None, check=lambda: None)
    return folder


@functools.cache
def _run() -> RunConfig:
    return RunConfig.load(_prepared())


def header_seeds() -> Sequence[bytes]:
    import numpy as np
    from safetensors.numpy import save

    arrays: dict[str, NDArray[Any]] = {"main/embedding": np.ones((3, 2), np.float32)}
    arrays |= {"main/head.bias": np.zeros(3, np.int8)}
    return save(arrays), save({"a": np.zeros(0, np.float16)}, metadata={"progress": "{}"})


def config_seeds() -> Sequence[bytes]:
    parts = [part_config(to_dict(config_of("gru", vocab_size=9, layers=1)), "int8", "backward")]
    whole = {"format": 3, "fingerprints": {WEIGHTS: "0"}, "parts": parts, "tokenizer": {"kind": "word"}}
    return (json.dumps(whole).encode(), json.dumps({**whole, "created": "2026-01-01T00:00:00Z"}).encode())


def tokenizer_seeds() -> Sequence[bytes]:
    made = (TOKENIZERS[kind].train([TEXT], TokenizerConfig(kind=kind, vocab_size=3)) for kind in KINDS)
    path = _folder() / "seed.json"
    seeds = []
    for number, one in enumerate(made):
        one.save(path)
        seeds.append(bytes([number]) + json.dumps(json.loads(path.read_bytes())).encode())
    return seeds


def run_seeds() -> Sequence[bytes]:
    inner = _prepared() / TRAINING
    log = b'{"event": "StepDone", "step": 5, "loss": 2.5}\n{"event": "Evaluated", "step": 6}\n{"event": "Notice"}\n'
    return [b"\x00" + (inner / RUN).read_bytes(), b"\x01" + (inner / PREPARED).read_bytes(), b"\x02" + log]


FUZZED = (
    Fuzzed("folders/header", "fuzz_folders:header", header_seeds, 0.3),
    Fuzzed("folders/config", "fuzz_folders:config", config_seeds, 0.3),
    Fuzzed("folders/tokenizer", "fuzz_folders:tokenizer", tokenizer_seeds, 0.2, longest=16384),
    Fuzzed("folders/run", "fuzz_folders:run", run_seeds, 0.2, longest=8192),
)


def attempts(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """The cases that are kept, and so many runs in all."""
    yield from attempts_of(FUZZED, count, seed, folder)
