"""Tokens a second that are scored, against PyTorch and against ONNX Runtime alone; what sharing beginnings gives.

    python -m tests.bench.scoring classic-books/test.txt.xz --pairs blimp/pairs.tsv.xz
    python -m tests.bench.scoring --stream 1.0

Lines: the distinct, non-empty ones of the file (``--lines`` of them, spread over all). Ours is the whole way from text
to scores; PyTorch gets ready-made ids, sorted by length and padded, at the best of several batch sizes, with a chunked
head and oneDNN on or off; ONNX Runtime gets ready-made batches without padding. Everything in turn, on all cores.
Weights in 8 bits: made by ``export`` from the same model. Prints a table for RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from rnncli.api import Model, export, load
from rnncli.device import usable_cores
from rnncli.inference import scorer, sharing
from rnncli.inference.engine import Targets
from rnncli.inference.plan import Line
from rnncli.text.read import decode_line, find_sources, iter_lines
from tests.bench.timing import Figure, alternate, gemm, peak_memory, ratio, row, some


def lines_of(path: str) -> list[str]:
    [source] = find_sources([path])
    return [decode_line(data)[0] for data in iter_lines(source)]


def ours(model: Model, texts: Sequence[str], *, share: bool = True) -> Callable[[], float]:
    """Tokens a second of ``score`` from text to records."""

    def case() -> float:
        lines = (Line(text, None, i) for i, text in enumerate(texts))
        begin = time.perf_counter()

        def read_rows(*args: Any, **options: Any) -> Any:
            return sharing.read_rows(*args, **options, share=share)

        with patch.object(scorer, "read_rows", read_rows):
            tokens = sum(score.tally.tokens for score in model.scorer.score(lines))
        return tokens / (time.perf_counter() - begin)

    return case


class Peer:
    """The same network in plain PyTorch over ready-made ids."""

    def __init__(self, model: Model, texts: Sequence[str]) -> None:
        import torch

        from rnncli.inference.torch_engine import TorchEngine
        from rnncli.store import open_folder
        from tests.nets import MACHINE

        self.torch = torch
        engine = TorchEngine(open_folder(model.folder), MACHINE)
        self.network = engine.model
        newline = model.tokenizer.newline_id
        rows = [
            torch.from_numpy(np.append(np.append(newline, ids), newline)) for ids in model.tokenizer.encode_batch(texts)
        ]
        self.rows = sorted(rows, key=len, reverse=True)
        self.tokens = sum(len(row) - 1 for row in rows)

    def case(self, batch: int, chunk: int, onednn: bool, rows: Sequence[Any] | None = None) -> float:
        """Tokens a second: batches of so many rows, 256 steps at a time, logits of so many tokens at once."""
        torch = self.torch
        torch.set_num_threads(usable_cores())
        torch._C._set_mkldnn_enabled(onednn)
        rows = self.rows if rows is None else rows
        begin = time.perf_counter()
        with torch.inference_mode():
            for start in range(0, len(rows), batch):
                self._read(rows[start : start + batch], chunk)
        return sum(len(row) - 1 for row in rows) / (time.perf_counter() - begin)

    def _read(self, rows: Sequence[Any], chunk: int) -> None:
        torch, network = self.torch, self.network
        padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
        state = network.start(len(rows))
        for start in range(0, padded.shape[1] - 1, 256):
            alive = sum(len(row) - 1 > start for row in rows)
            state = tuple(tuple(array[:alive] for array in layer) for layer in state)
            ids = padded[:alive, start : start + 257]
            features, state = network(ids[:, :-1], state)
            real = (
                torch.arange(start, start + ids.shape[1] - 1)
                < torch.tensor([len(r) - 1 for r in rows[:alive]])[:, None]
            )
            flat, targets = features[real], ids[:, 1:][real]
            for at in range(0, len(flat), chunk):
                logits = torch.addmm(network.bias, flat[at : at + chunk], network.head.t())
                torch.log_softmax(logits, -1).gather(1, targets[at : at + chunk, None])

    def tuned(self) -> Callable[[], float]:
        """At its best on a part of the rows."""
        part = some_rows(self.rows, 60)
        tried = {
            (batch, chunk, onednn): max(self.case(batch, chunk, onednn, part) for _ in range(2))
            for batch in (8, 16, 32, 64, 128)
            for chunk in (256, 1024)
            for onednn in (True, False)
        }
        best = max(tried, key=lambda way: tried[way])
        print(f"PyTorch is fastest with batches of {best[0]}, logits of {best[1]}, oneDNN {'on' if best[2] else 'off'}")
        return lambda: self.case(*best)


def some_rows(rows: Sequence[Any], count: int) -> list[Any]:
    return list(rows[:: max(1, len(rows) // count)])


def bare(model: Model, texts: Sequence[str]) -> Callable[[], float]:
    """Tokens a second of the session alone, every core with batches of its own: no tree, no text, no sums."""
    ids = np.concatenate(model.tokenizer.encode_batch(texts))
    batches = [ids[i : i + 512][:, None] for i in range(0, len(ids) - 1024, 512)][: 16 * usable_cores()]
    places, lengths = np.arange(512), np.ones(512, np.int64)

    def read(mine: Sequence[Any], engine: Any) -> None:
        state = engine.start(512)
        for batch in mine:
            engine.advance(batch, lengths, state, want="targets", targets=Targets(places, places, batch[:, 0]))

    def case() -> float:
        workers = model.engine.workers()
        threads = [
            threading.Thread(target=read, args=(batches[i :: len(workers)], worker)) for i, worker in enumerate(workers)
        ]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 512 * len(batches) / (time.perf_counter() - begin)

    return case


def throughput(plain: Model, small: Model, texts: list[str], runs: int) -> None:
    """Lines of running text."""
    cases = {
        "PyTorch": Peer(plain, texts).tuned(),
        "float32": ours(plain, texts),
        "int8": ours(small, texts),
        "float32, session alone": bare(plain, texts),
        "int8, session alone": bare(small, texts),
    }
    cases["float32"](), cases["int8"]()
    found = alternate(cases, runs)
    for name, values in found.items():
        row(name, "tokens/s", Figure.of(values))
    for name in ("float32", "int8"):
        row(f"{name} / PyTorch", "", ratio(found[name], found["PyTorch"]))
        row(f"{name} / its session alone", "", ratio(found[name], found[f"{name}, session alone"]))


def pairs(model: Model, path: str, count: int, runs: int) -> None:
    """Minimal pairs, as they stand in their file."""
    rows = [line.split("\t") for line in lines_of(path)[1:]]
    texts = [text for one in rows[:count] for text in one[1:3]]
    found = alternate({"shared": ours(model, texts), "each alone": ours(model, texts, share=False)}, runs)
    for name, values in found.items():
        row(f"pairs, {name}", "tokens/s", Figure.of(values))
    row("pairs, shared / each alone", "", ratio(found["shared"], found["each alone"]))


def log_line(i: int, answer: int) -> str:
    return f"2026-11-25 service[{i % 37}]: request {'/index' * (i % 20)} answered {answer}"


def stream(model: str, gigabytes: float) -> None:
    """Peak memory over a stream: log lines, some of them different each time, most of them seen before."""
    read, write = os.pipe()

    def feed() -> None:
        with open(write, "wb") as pipe:
            done = number = 0
            while done < gigabytes * 1e9:
                number += 1
                block = "".join(log_line(i, number if i % 500 == 0 else 200) + "\n" for i in range(10_000)).encode()
                pipe.write(block)
                done += len(block)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    begin = time.perf_counter()
    rnncli = str(Path(sys.executable).with_name("rnncli"))
    memory = peak_memory([rnncli, "score", "-m", model, "--no-header"], read)
    row(f"score of a {gigabytes:g} GB stream, peak memory", "MB", f"{memory:.0f}")
    row("", "s", f"{time.perf_counter() - begin:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?")
    parser.add_argument("--pairs")
    parser.add_argument("--count", type=int, default=67_000)
    parser.add_argument("--stream", type=float, metavar="GB")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--lines", type=int, default=1200)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    print(f"GEMM {gemm():.0f} GF/s before")
    if given.stream:
        stream(given.model, given.stream)
    with tempfile.TemporaryDirectory() as folder:
        plain = load(given.model)
        small = load(export(given.model, weights="int8", out=Path(folder) / "int8").folder)
        if given.text:
            distinct = list(dict.fromkeys(line for line in lines_of(given.text) if line))
            throughput(plain, small, some(distinct, given.lines), given.runs)
        if given.pairs:
            pairs(plain, given.pairs, given.count, given.runs)
    print(f"GEMM {gemm():.0f} GF/s after")


if __name__ == "__main__":
    main()
