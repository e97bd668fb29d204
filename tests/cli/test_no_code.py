"""Nothing is unpickled and nothing is run that a folder brings: what Python is asked to do is watched from below."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rnncli.api.exporting import export
from tests.cli.conftest import ROOT, clean_env
from tests.conftest import TINY_TEXT, train_small

WATCH = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy, rnncli.cli.app, rnncli.inference.onnx_engine, rnncli.inference.torch_engine, rnncli.training.run
import torch._dynamo, safetensors.torch
from tests.cli.conftest import run_here
FORBIDDEN = ("pickle.find_class", "marshal.load", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen",
             "os.fork", "ctypes.dlopen", "socket.connect", "socket.bind", "urllib.Request", "os.symlink", "os.link")
found, here = [], Path.cwd().resolve()
OWN = ("/proc/", "/sys/", "/dev/", str(Path(sys.prefix).resolve()), str(Path(sys.base_prefix).resolve()), sys.argv[1])

def watch(event, arguments):
    if event in FORBIDDEN and arguments != (None,):  # the process itself is a library, too
        found.append([event, repr(arguments)[:200]])
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path, mode = os.path.realpath(os.fsdecode(arguments[0])), arguments[1]
        writes = mode is not None and set(mode) & set("wax+")
        if not path.startswith((str(here), *OWN)) or (writes and not path.startswith((str(here), "/dev/null"))):
            found.append([event, path])

sys.addaudithook(watch)
codes = [run_here(words).code for words in json.loads(sys.argv[2])]
print(json.dumps([codes, found]))
"""
PICKLE = """
import pickle, sys
class Opens:
    def __reduce__(self): return (print, ("found",))
found = []
sys.addaudithook(lambda event, arguments: found.append(event))
pickle.loads(pickle.dumps(Opens()))
print("pickle.find_class" in found)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of each kind there is, and its training."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "text.txt").write_text(TINY_TEXT)
    (folder / "lines.txt").write_text("Anna saw the moon.\n")
    small: dict[str, Any] = {"steps": 4, "hidden_size": 6, "embedding_size": 6, "batch_size": 4, "bptt": 8}
    kinds = {"hybrid": "lstm", "word": "gru", "char": "rnn", "bpe": "lstm", "byte": "gru"}
    for kind, cell in kinds.items():
        extra = {"direction": "both"} if kind == "char" else {"ema": 0.9} if kind == "bpe" else {}
        train_small(folder / "text.txt", folder / kind, **small, kind=kind, cell=cell, vocab_size=20, **extra)
    export(folder / "hybrid", weights="int8", out=folder / "int8")
    export(folder / "byte", weights="float16", out=folder / "float16")
    return folder


def test_the_watch_would_see_a_pickle() -> None:
    done = subprocess.run([sys.executable, "-c", PICKLE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["found", "True"]


def test_no_folder_is_unpickled_run_or_left(models: Path) -> None:
    """Loaded by each engine, sampled, exported, trained from and resumed: no file elsewhere is opened or written."""
    kinds = ("hybrid", "word", "char", "bpe", "byte")
    score = ["score", "lines.txt", "--threads", "1", "-m"]
    commands = [
        *(["score", "lines.txt", "-m", f"./{name}", "--threads", "1"] for name in (*kinds, "int8", "float16")),
        *(
            ["score", "lines.txt", "-m", f"./{name}", "--engine", "torch", "--threads", "1"]
            for name in (*kinds, "int8")
        ),
        [*score, "./char", "--direction", "both"],
        ["sample", "The", "-m", "./bpe", "-n", "5", "--threads", "1"],
        ["models", "show", "./word"],
        ["export", "./word", "--quantize", "int8", "--out", "out"],
        ["train", "text.txt", "--from", "./hybrid", "--steps", "2", "--out", "more", "--threads", "1", "-q"],
        *(["train", "--resume", f"./{name}", "--steps", "6", "-q"] for name in kinds),
    ]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(ROOT), json.dumps(commands)],
        capture_output=True,
        text=True,
        cwd=models,
        env=clean_env({"HOME": str(models)}),
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes, found = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0] * len(commands)
    assert found == [], found
