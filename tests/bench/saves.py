"""What saves cost: the share of a training's time that goes into its state and its model folder.

    python tests/bench/saves.py [CORPUS] [-- MORE OPTIONS OF TRAIN]

Trains for a minute with what the recipe chooses, or as told after --, in this process, and prints how often each was
saved, for how many seconds, and of how many bytes. The whole may be 2 % of the time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from rnncli.cli.app import run  # noqa: E402
from rnncli.training import run as running  # noqa: E402
from rnncli.training import trainer  # noqa: E402

seconds: dict[str, list[float]] = defaultdict(list)


def timed(module: Any, name: str) -> None:
    """Have the calls of a module's function timed."""
    plain = getattr(module, name)

    def call(*arguments: Any, **named: Any) -> Any:
        begin = time.monotonic()
        try:
            return plain(*arguments, **named)
        finally:
            seconds[name].append(time.monotonic() - begin)

    setattr(module, name, call)


def main() -> int:
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    corpus = words[0] if end else str(ROOT / "corpora" / "stories-en.txt")
    for module, name in ((trainer, "save_state"), (running, "save_model"), (running, "write_config")):
        timed(module, name)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        code = run(["train", corpus, "--out", f"{folder}/model", *(words[end + 1 :] or ["--minutes", "1"])])
        whole = time.monotonic() - begin
        sizes = {path.name: path.stat().st_size for path in Path(folder).rglob("*.safetensors")}
    for name, found in seconds.items():
        print(f"{name}: {len(found)} times, {sum(found):.2f} s, the longest {max(found):.2f} s")
    spent = sum(map(sum, seconds.values()))
    print(f"{sizes}\n{spent:.2f} s of {whole:.1f} s: {spent / whole:.2%}")
    return code


if __name__ == "__main__":
    sys.exit(main())
