"""A training step against the bare fused kernel with softmax and optimizer at the same shapes, in one run.

    python -m tests.bench.throughput [--device cuda] [--runs 15] [--rows 32] [--window 32] [--vocab 3000]

The bare step is what PyTorch's manual would have one write: an embedding, torch.nn.LSTM or GRU, a tied linear layer,
cross_entropy, clip_grad_norm_ and a fused AdamW, with autocast where the program uses it, no dropout, batches made
beforehand, and no bookkeeping. The program's step is everything its loop does for one: the batch from the ids, masks,
locked and recurrent dropout, the loss, clipping, the optimizer, records. Prints tokens/s of both and the ratio of
alternating steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from rnncli.config import CellName, ModelConfig, TrainConfig
from rnncli.device import Machine, choose_precision, find_machine
from rnncli.records import Tally
from rnncli.training.job import Job
from rnncli.training.learner import DTYPES
from rnncli.training.process import set_for_training
from rnncli.training.trainer import Trainer
from tests.bench.timing import alternate, ratio, row

KINDS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def clocked(step: Callable[[], Any], device: torch.device) -> Callable[[], float]:
    """Seconds of a step, what it started on the device included."""

    def run() -> float:
        begin = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    return run


def bare(model: ModelConfig, train: TrainConfig, machine: Machine, ids: np.ndarray[Any, Any]) -> Callable[[], None]:
    """One step of a plain PyTorch loop."""
    device = torch.device(machine.kind)
    dtype = DTYPES[choose_precision(train.precision, machine)]
    table = torch.nn.Embedding(model.vocab_size, model.embedding_size).to(device)
    layer = KINDS[model.cell](model.embedding_size, model.hidden_size, batch_first=True).to(device)
    bias = torch.nn.Parameter(torch.zeros(model.vocab_size, device=device))
    parameters = [*table.parameters(), *layer.parameters(), bias]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    window = torch.from_numpy(ids[: train.batch_size * (train.bptt + 1)].reshape(train.batch_size, -1).astype(np.int64))
    inputs, targets = window[:, :-1].to(device), window[:, 1:].reshape(-1).to(device)
    carried: list[Any] = [None]

    def step() -> None:
        with nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype):
            y, state = layer(table(inputs), carried[0])
            loss = F.cross_entropy(F.linear(y, table.weight, bias).flatten(0, 1), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        carried[0] = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()

    return step


def _uncounted(ids: np.ndarray[Any, Any]) -> Tally:
    """No evaluation is due here, so the text need not be known."""
    return Tally()


def ours(
    model: ModelConfig, train: TrainConfig, machine: Machine, ids: np.ndarray[Any, Any], folder: Path
) -> Callable[[], object]:
    """One step of the program's loop, as it comes from ``Trainer.run``."""
    job = Job(
        folder=folder,
        model=model,
        train=train,
        unit="stream",
        newline_id=0,
        ids=ids,
        starts=np.zeros(0, np.int64),
        valid_ids=ids[:5000],
        valid_starts=np.zeros(0, np.int64),
        count_text=_uncounted,
        chars_per_token=None,
    )
    steps = Trainer(job, machine).run()
    return lambda: next(steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--window", type=int, default=32)
    parser.add_argument("--vocab", type=int, default=3000)
    parser.add_argument("--precision", default="auto")
    given = parser.parse_args()
    machine = find_machine(given.device)
    ids = np.random.default_rng(1).zipf(1.3, 400_000) % given.vocab
    ids = ids.astype(np.uint16)
    print(f"{machine.name}, {choose_precision(given.precision, machine)}, {given.rows} x {given.window} tokens, "
          f"{given.vocab} in the vocabulary\n")  # fmt: skip
    row("cell", "hidden", "program, tokens/s", "bare, tokens/s", "program / bare")
    row(*["---"] * 5)
    cells: tuple[CellName, ...] = ("lstm", "gru")
    for cell in cells:
        for hidden in (256, 512, 1024):
            model = ModelConfig(
                vocab_size=given.vocab,
                cell=cell,
                hidden_size=hidden,
                embedding_size=hidden,
                dropout=0.3,
                input_dropout=0.2,
                recurrent_dropout=0.2,
            )
            train = TrainConfig(
                steps=10**9, batch_size=given.rows, bptt=given.window, precision=given.precision, weight_decay=0.05
            )
            with TemporaryDirectory() as folder, set_for_training(machine.threads):
                cases = {
                    "ours": ours(model, train, machine, ids, Path(folder)),
                    "bare": bare(model, train, machine, ids),
                }
                device = torch.device(machine.kind)
                steps = {name: clocked(step, device) for name, step in cases.items()}
                alternate(steps, 5)
                found = alternate(steps, given.runs)
            tokens = given.rows * given.window
            median = {name: sorted(times)[len(times) // 2] for name, times in found.items()}
            row(
                cell,
                hidden,
                f"{tokens / median['ours']:,.0f}",
                f"{tokens / median['bare']:,.0f}",
                ratio(found["bare"], found["ours"]),
            )


if __name__ == "__main__":
    main()
