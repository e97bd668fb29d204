"""A trainer that only tells: ``python scripted.py FOLDER END``. It writes FOLDER/saved when it was stopped well.

END: ``end`` (done), ``wait`` (until it is interrupted, with a step now and then), ``deaf`` (as that, and the first
interrupt stops nothing), ``die`` (killed in the middle), ``early`` (an error before there is a plan), ``late`` (one in
the middle), ``garbage`` (lines that are no events, then done).
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

STEPS = 40
QUALITY = {"bits_per_byte": 2.5, "perplexity": 120.0, "token_perplexity": 12.0}
SETTINGS = {
    "model": ("", "the corpus is called so"),
    "tokenizer": ("hybrid", "words as wholes, rare ones spelled: nothing is unknown"),
    "vocabulary": (3000, "as large as pays \x1b]0;evil\x07"),
    "clip_norm": (1.0, "global norm"),
}


def step(number: int, of: int = STEPS) -> dict[str, Any]:
    """The event of a step."""
    loss = 1.5 + 2 * math.exp(-5 * number / of)
    return {
        "event": "step", "step": number, "loss": 3 * loss, "nats_per_char": loss, "learning_rate": 0.005,
        "grad_norm": 2.0 if number % 4 == 0 else 0.5, "tokens_per_second": 40_000.0, "progress": number / of,
        "seconds": 3 + number / 10, "seconds_left": (of - number) / 10, "skipped": number // 30,
    }  # fmt: skip


def events(folder: str) -> Iterator[dict[str, Any]]:
    """A plan, and steps with evaluations and saves."""
    settings = {name: {"value": value or folder, "why": why} for name, (value, why) in SETTINGS.items()}
    yield {"event": "plan", **settings}
    for number in range(1, STEPS + 1):
        yield step(number)
        if number % 10 == 0:
            figure = 1.7 + 1 / number
            valid = {"nats_per_char": figure, **QUALITY}
            yield {
                "event": "eval", "step": number, "valid": valid, "train_loss": 4.0, "partial": True, "best": True,
            }  # fmt: skip
            yield {"event": "saved", "step": number, "folder": folder, "best": True, "seconds": 3 + number / 10}
    yield {"event": "notice", "message": "a notice with \x1b[31mred\x9b31m"}


def done(folder: str, reason: str) -> dict[str, Any]:
    valid = {"nats_per_char": 1.725, **QUALITY}
    return {
        "event": "done", "model": folder, "steps": STEPS, "seconds": 12.5, "tokens_per_second": 40_000.0,
        "valid": valid, "params": 1_900_000, "train": None, "uniform_nats_per_char": 4.2,
        "ngram_nats_per_char": 1.9, "reason": reason, "best_step": STEPS, "writes": True,
    }  # fmt: skip


def tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def main(folder: str, end: str) -> int:
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130) if interrupts else interrupts.append(number))
    if end == "early":
        print("rnncli: error: nowhere.txt: no such file\nName one that is there.", file=sys.stderr)
        return 4
    for event in events(folder):
        tell(event)
    if end == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "late":
        print("rnncli: error: training diverged\x1b[5m\nTry less.", file=sys.stderr)
        return 1
    if end == "garbage":
        print('no event\n[1]\n{"event": "step", "step": "x"}\n{"event": "plan", "x": 3}\n\x1b[2J', flush=True)
        print("a library talks \x1b[2J", file=sys.stderr, flush=True)
    number = STEPS
    while end in ("wait", "deaf") and not (interrupts and end == "wait"):
        number += 1
        tell(step(number, 10**6))
        time.sleep(0.01)
    if interrupts:
        with open(os.path.join(folder, "saved"), "w") as file:
            file.write(str(number))
    tell(done(folder, "interrupted" if interrupts else "budget"))
    return 130 if interrupts else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
