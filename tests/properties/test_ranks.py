"""Two processes that share each batch learn what one learns, whatever the lengths of the rows."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import distributed

from rnncli.choices import CellName
from rnncli.config import OptimizerName, TrainConfig
from rnncli.nn.company import Company
from rnncli.text.ids import line_starts
from rnncli.training.batches import Batch, Lines, Stream
from rnncli.training.company import company_vectors
from rnncli.training.learner import Learner
from rnncli.training.ranks import ALONE, Ranks
from tests.nets import MACHINE, NEWLINE, config_of, network, text_of

WORLD, STEPS, ROWS, BPTT = 2, 6, 5, 8
"""Of five rows one process has two, the other three."""
DROPOUT: dict[str, Any] = {"dropout": 0.3, "embedding_dropout": 0.2, "input_dropout": 0.2, "recurrent_dropout": 0.2}


class Case(NamedTuple):
    """A training: its cell, its kind of corpus, whether there is dropout."""

    cell: CellName
    unit: str
    dropout: bool
    drawn: bool = False
    """Only a part of the vocabulary is in a step's softmax, and tokens share what they learn by their company."""
    optimizer: OptimizerName = "sgd"
    """AdamW takes its steps of rows that were not read later, where only a part is."""


RATES: dict[OptimizerName, float] = {"sgd": 0.3, "adamw": 0.01}

CASES = [
    *(
        Case(cell, unit, dropout)
        for cell in ("lstm", "gru", "rnn")
        for unit in ("lines", "stream")
        for dropout in (False, True)
    ),
    *(
        Case("lstm", unit, dropout=True, drawn=True, optimizer=optimizer)
        for unit in ("lines", "stream")
        for optimizer in RATES
    ),
]
CHANCES = np.array([1.0, 0.9, 0.5, 0.6, 0.4, 0.4, 0.2])
Found = tuple[list[tuple[float, float, int]], dict[str, Any]]


def batches(case: Case) -> Iterator[Batch]:
    """Of different lengths; of lines, the second has but one row, so that the first process has none."""
    ids = text_of(400)
    if case.unit == "stream":
        stream = Stream(ids, NEWLINE, ROWS, BPTT)
        positions = stream.start()
        for step in range(STEPS):
            batch, positions = stream.batch(1, step, positions)
            yield batch
        return
    lines = Lines(ids, line_starts(ids, NEWLINE), ROWS, BPTT)
    for step in range(STEPS):
        yield lines.rows(np.array([7])) if step == 1 else lines.batch(1, step)


def learn(case: Case, ranks: Ranks) -> Found:
    """What each step came to, and all that the training holds after the last."""
    torch.set_num_threads(1)
    settings: dict[str, Any] = DROPOUT if case.dropout else {}
    model = network(config_of(case.cell, layers=2, **settings), dtype=torch.float32)
    learner = Learner(
        model,
        TrainConfig(batch_size=ROWS, bptt=BPTT, precision="fp32", optimizer=case.optimizer, weight_decay=0.0),
        MACHINE,
        ranks,
        company=Company(company_vectors(text_of(400), 7, model.config.embedding_size, 1)) if case.drawn else None,
        chance_V=CHANCES if case.drawn else None,
    )
    rate, carry = RATES[case.optimizer], case.unit == "stream"
    results = [learner.step(batch, rate, step, carry=carry) for step, batch in enumerate(batches(case))]
    tensors = {name: tensor.detach().numpy().copy() for name, tensor in learner.tensors().items()}
    return [(one.loss, one.grad_norm, one.tokens) for one in results], tensors


def work(rank: int, meeting: Path, found: Any) -> None:
    """One of the processes."""
    distributed.init_process_group("gloo", init_method=meeting.as_uri(), rank=rank, world_size=WORLD)
    found.put((rank, [learn(case, Ranks(rank, WORLD)) for case in CASES]))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> list[list[Found]]:
    """What each process found, by rank and case."""
    context = multiprocessing.get_context("spawn")
    meeting, found = tmp_path_factory.mktemp("ranks") / "meeting", context.Queue()
    processes = [context.Process(target=work, args=(rank, meeting, found)) for rank in range(WORLD)]
    for process in processes:
        process.start()
    results = dict(found.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return [results[rank] for rank in range(WORLD)]


@pytest.mark.parametrize("case", CASES)
def test_they_learn_what_one_learns(case: Case, shared: list[list[Found]]) -> None:
    steps, tensors = learn(case, ALONE)
    for mine in shared:
        found_steps, found_tensors = mine[CASES.index(case)]
        assert [tokens for *_, tokens in found_steps] == [tokens for *_, tokens in steps]
        np.testing.assert_allclose(found_steps, steps, rtol=1e-5)
        assert found_tensors.keys() == tensors.keys()
        for name, tensor in tensors.items():
            np.testing.assert_allclose(found_tensors[name], tensor, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_all_hold_the_same_bits(case: Case, shared: list[list[Found]]) -> None:
    (_, one), (_, other) = (mine[CASES.index(case)] for mine in shared)
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_each_row_belongs_to_one(world: int) -> None:
    for count in range(12):
        rows = [row for rank in range(world) for row in range(count)[Ranks(rank, world).rows(count)]]
        assert rows == list(range(count))
