"""How long a person waits: start-up, the first token, each further token; and the memory of one sentence.

    python -m tests.bench.latency
    python -m tests.bench.latency --runs 21 --model models/starter

Start-up: whole processes in turn. Tokens: an LSTM of 2x512 over 10,000 tokens with random weights, in float32 and
with ``export --quantize int8``, against PyTorch at its best (one or two threads, oneDNN on or off, nn.LSTM or
LSTMCell by cell), one token at a time. Prints a table for RESULTS.md.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnncli.api import Model, load
from rnncli.config import ModelConfig, SampleConfig, TokenizerConfig, to_dict
from rnncli.device import usable_cores
from rnncli.graph.saving import Part, save_model
from rnncli.inference.lowering import write_lowered
from rnncli.inference.opening import open_engine
from rnncli.precision import array_shapes
from rnncli.store import TOKENIZER, part_config
from rnncli.text.tokenizers import train_tokenizer
from tests.bench.timing import Figure, alternate, gemm, peak_memory, ratio, row, run

SENTENCE = b"The old woman opened the door and looked at the sea.\n"
VOCABULARY = 10_000
TOKENS = 60
"""Of one measurement."""


def start_up(model: str, runs: int) -> None:
    """Whole processes: seconds, and over what they are compared with."""
    python, rnncli = sys.executable, str(Path(sys.executable).with_name("rnncli"))
    score = [rnncli, "score", "-m", model]
    commands = {
        "pass": [python, "-c", "pass"],
        "torch": [python, "-c", "import torch"],
        "score": score,
        "help": [rnncli, "--help"],
        "version": [rnncli, "--version"],
        "sample": [rnncli, "sample", "-m", model, "-n", "1", "--no-echo", "The old woman opened the"],
    }

    def timed(name: str) -> float:
        done = run(commands[name], SENTENCE)
        return done.first if name == "sample" else done.seconds

    for name in commands:  # into the file cache
        timed(name)
    found = alternate({name: lambda name=name: timed(name) for name in commands}, runs)  # type: ignore[misc]
    for name in commands:
        row(name, "ms", Figure.of([1000 * s for s in found[name]]))
    row("score / import torch", "", ratio(found["score"], found["torch"]))
    row("--help / python -c pass", "", ratio(found["help"], found["pass"]))
    row("--version / python -c pass", "", ratio(found["version"], found["pass"]))
    row("sample -n 1, first token / score", "", ratio(found["sample"], found["score"]))
    with tempfile.TemporaryFile() as sentence:
        sentence.write(SENTENCE)
        memory = []
        for _ in range(runs):
            sentence.seek(0)
            memory.append(peak_memory(score, sentence))
    row("score one sentence, peak memory", "MB", Figure.of(memory))


def build(folder: Path) -> None:
    """The network with random weights: ``folder/float32`` and ``folder/int8``."""
    words = " ".join("".join(letters) for letters in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=3))
    text = f"{words} {words}\n"
    tokenizer = train_tokenizer([text], TokenizerConfig(vocab_size=VOCABULARY - 256 - 28))
    assert abs(tokenizer.vocab_size - VOCABULARY) < 5, tokenizer.vocab_size
    model = ModelConfig(vocab_size=tokenizer.vocab_size, layers=2, hidden_size=512, embedding_size=512)
    rng = np.random.default_rng(0)
    arrays = {name: (rng.normal(size=s) * 0.05).astype(np.float32) for name, s in array_shapes(model).items()}
    plain = folder / "float32"
    plain.mkdir()
    tokenizer.save(plain / TOKENIZER)
    config = {"unit": "stream", "tokenizer": {"kind": "hybrid"}, "parts": [part_config(to_dict(model))]}
    save_model(plain, {"forward": Part(model, arrays)}, config)
    opened = open_engine(plain)
    write_lowered(folder / "int8", [opened[:2]], "int8")


def network(model: Model) -> Callable[[], float]:
    """Seconds of one token in the network alone: its log-probabilities and the new state."""
    engine, ids, one = model.engine, np.array([[7]]), np.array([1])

    def case() -> float:
        state = engine.start(1)
        begin = time.perf_counter()
        for _ in range(TOKENS):
            _, state = engine.advance(ids, one, state, want="last")
        return (time.perf_counter() - begin) / TOKENS

    return case


def sampled(model: Model) -> Callable[[], float]:
    """Seconds of one token as it streams, the draw and the text included."""

    def case() -> float:
        stream = model.sampler.stream("", SampleConfig(seed=1, max_tokens=TOKENS + 1))
        next(stream)
        begin = time.perf_counter()
        count = sum(1 for _ in stream)
        return (time.perf_counter() - begin) / count

    return case


def torch_cases(draw: bool) -> Iterator[tuple[str, Callable[[], float]]]:
    """PyTorch's ways to one token, from a bare network of the same shape."""
    vocab, width = VOCABULARY, 512
    embedding, bias = torch.randn(vocab, width) * 0.1, torch.randn(vocab)
    lstm = torch.nn.LSTM(width, width, 2).requires_grad_(False)
    cells = [torch.nn.LSTMCell(width, width).requires_grad_(False) for _ in range(2)]

    def whole(token: Any, state: Any) -> Any:
        y, state = lstm(embedding[token].view(1, 1, -1), state)
        return y[0], state

    def by_cell(token: Any, state: Any) -> Any:
        x, after = embedding[token].view(1, -1), []
        for cell, before in zip(cells, state or [None, None], strict=True):
            after.append(cell(x, before))
            x = after[-1][0]
        return x, after

    def case(step: Any, threads: int, onednn: bool) -> float:
        torch.set_num_threads(threads)
        torch._C._set_mkldnn_enabled(onednn)
        generator = torch.Generator().manual_seed(1)
        token, state = torch.tensor([7]), None
        with torch.inference_mode():
            begin = time.perf_counter()
            for _ in range(TOKENS):
                x, state = step(token, state)
                logits = torch.addmm(bias, x, embedding.t())
                if draw:
                    token = torch.multinomial(torch.softmax(logits / 0.8, -1), 1, generator=generator)[0]
                else:
                    torch.log_softmax(logits, -1)
            return (time.perf_counter() - begin) / TOKENS

    for name, step in (("nn.LSTM", whole), ("LSTMCell", by_cell)):
        for threads in sorted({1, usable_cores()}):
            for onednn in (True, False):
                label = f"{name}, {threads} threads, oneDNN {'on' if onednn else 'off'}"
                yield label, lambda step=step, t=threads, o=onednn: case(step, t, o)  # type: ignore[misc]


def tokens(folder: Path, runs: int) -> None:
    """One token at a time, ours and PyTorch's, in turn."""
    for label, ours, draw in (("network alone", network, False), ("sampled token", sampled, True)):
        peers = dict(torch_cases(draw))
        tried = {name: case() for name, case in peers.items()}
        best = sorted(tried, key=lambda name: tried[name])[:2]
        cases = {name: peers[name] for name in best}
        for weights in ("float32", "int8"):
            for threads in sorted({1, usable_cores()}):
                cases[f"{weights}, {threads} threads"] = ours(load(folder / weights, threads=threads))
        for case in cases.values():
            case()
        found = alternate(cases, runs)
        for name, values in found.items():
            row(label, name, "ms", Figure.of([1000 * s for s in values]))
        peer = min(best, key=lambda name: Figure.of(found[name]).median)
        for name in cases:
            if name not in best:
                row(label, f"PyTorch ({peer}) / {name}", "", ratio(found[peer], found[name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--only", choices=("start-up", "tokens"))
    given = parser.parse_args()
    print(f"GEMM {gemm():.0f} GF/s before")
    if given.only != "tokens":
        start_up(given.model, given.runs)
    if given.only != "start-up":
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder))
            tokens(Path(folder), given.runs)
    print(f"GEMM {gemm():.0f} GF/s after")


if __name__ == "__main__":
    main()
