"""Many processes at once on one model folder, without a graph as they start: each makes it, and all say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rnncli.store import CONFIG, GRAPH, open_folder, read_json, write_json
from tests.cli.conftest import clean_env
from tests.folders import make_folder
from tests.torture.parts import Tried

COMMAND = [sys.executable, "-m", "rnncli", "score", "--json", "--threads", "1"]
TEXT = "Anna saw the moon.\nBob heard the river and the cat.\n"
MOST_APART = 1e-9
"""Between two processes, in nats: they do the same."""
LONGEST = 300.0


def score(count: int, seed: int, folder: Path) -> Iterator[Tried]:
    """So many ``rnncli score`` at once."""
    model = make_folder(folder / "model", seed=seed)
    (model / GRAPH).unlink()
    config = read_json(model / CONFIG)
    del config["fingerprints"][GRAPH]
    write_json(model / CONFIG, config)
    text = folder / "text.txt"
    text.write_text(TEXT)
    command = [*COMMAND, "-m", str(model), str(text)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_env()) for _ in range(count)
    ]
    first: list[float] | None = None
    for process in processes:
        out, err = process.communicate(timeout=LONGEST)
        if process.returncode or err:
            yield Tried(f"exit code {process.returncode}: {err.decode()}")
            continue
        found = [json.loads(line)["logprob"] for line in out.splitlines()]
        first = first or found
        same = len(found) == 2 and all(abs(a - b) <= MOST_APART for a, b in zip(found, first, strict=True))
        yield Tried("" if same else f"{found}, where another said {first}")
    open_folder(model, patience=0)
    left = sorted(path.name for path in model.iterdir() if path.name.startswith("."))
    if left:
        yield Tried(f"left behind: {left}", 0)
