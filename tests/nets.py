"""Small networks, machines and jobs for tests of what uses torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnncli.config import ActivationName, CellName, ModelConfig, TrainConfig, Unit
from rnncli.device import Machine
from rnncli.nn.model import LanguageModel, State
from rnncli.nn.weights import named_parameters, to_arrays
from rnncli.records import Tally
from rnncli.store import Stored
from rnncli.text.ids import line_starts
from rnncli.training.batches import Batch
from rnncli.training.job import Job
from rnncli.training.learner import Learner
from rnncli.training.progress import Progress
from rnncli.training.state import load_state, save_state
from tests.toy import toy_tokenizer

torch.set_num_threads(1)
"""These networks are far too small for more."""

MACHINE = Machine(kind="cpu", name="a test's", threads=1, memory=8 << 30, fast_bf16=False)

CELLS: list[tuple[CellName, ActivationName]] = [
    ("lstm", "tanh"),
    ("gru", "tanh"),
    *(("rnn", activation) for activation in get_args(ActivationName)),
]
"""Every cell there is, the simple one with every activation."""


def config_of(cell: CellName, activation: ActivationName = "tanh", **settings: Any) -> ModelConfig:
    """A network of two layers of 5 over 7 tokens, unless told otherwise."""
    small: dict[str, Any] = {"vocab_size": 7, "layers": 2, "hidden_size": 5, "embedding_size": 4}
    return ModelConfig(cell=cell, activation=activation, **{**small, **settings})


def network(config: ModelConfig, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> LanguageModel:
    """A network in which every number is random, biases included."""
    generator = torch.Generator().manual_seed(seed)
    model = LanguageModel(config).to(dtype)
    with torch.no_grad():
        for parameter in named_parameters(model).values():
            parameter.uniform_(-0.6, 0.6, generator=generator)
    return model.train()


def random_state(model: LanguageModel, rows: int, *, seed: int = 0) -> State:
    """A state as some text might have left it."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        tuple(torch.rand(a.shape, generator=generator, dtype=a.dtype) - 0.3 for a in layer)
        for layer in model.start(rows)
    )


def stored(model: LanguageModel, folder: Path = Path("nowhere")) -> Stored:
    """The network as an opened model folder; its tokenizer is any."""
    found = Stored(folder, {}, model.config, "float32", {}, toy_tokenizer("byte"))
    vars(found)["arrays"] = to_arrays(model.config, named_parameters(model))
    return found


NEWLINE = 0


def text_of(tokens: int, *, vocab_size: int = 7, seed: int = 0, line: int = 6) -> NDArray[np.uint16]:
    """Ids in which most tokens follow from the one before; about every ``line``-th is the newline, the last too."""
    rng = np.random.default_rng(seed)
    ids = np.zeros(tokens, np.uint16)
    for i in range(1, tokens):
        ids[i] = 1 + (2 * int(ids[i - 1]) + (rng.random() < 0.2)) % (vocab_size - 1)
        if rng.random() < 1 / line:
            ids[i] = NEWLINE
    ids[-1] = NEWLINE
    return ids


def count_tokens(ids: NDArray[np.unsignedinteger]) -> Tally:
    """A text of one character a token."""
    lines = int((ids == NEWLINE).sum())
    return Tally(chars=len(ids) - lines, bytes=len(ids) - lines, lines=lines, words=lines)


def job(folder: Path, *, unit: Unit = "stream", model: ModelConfig | None = None, **settings: Any) -> Job:
    """A small job; ``settings`` are TrainConfig's."""
    ids, valid = text_of(600), text_of(200, seed=1)
    train: dict[str, Any] = {"batch_size": 4, "bptt": 8, "learning_rate": 0.01, "precision": "fp32", "seed": 3}
    folder.mkdir(parents=True, exist_ok=True)
    return Job(
        folder=folder,
        model=model or config_of("lstm", layers=1, hidden_size=8, embedding_size=8),
        train=TrainConfig(**{**train, **settings}),
        unit=unit,
        newline_id=NEWLINE,
        ids=ids,
        starts=line_starts(ids, NEWLINE),
        valid_ids=valid,
        valid_starts=line_starts(valid, NEWLINE),
        count_text=count_tokens,
        chars_per_token=1.0,
    )


def with_settings(given: Job, **settings: Any) -> Job:
    """The same job trained in another way."""
    return replace(given, train=replace(given.train, **settings))


def same(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    """Whether all numbers are the same to the bit."""
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def goes_on_with_the_same_bits(whole: Learner, first: Learner, second: Learner, folder: Path) -> None:
    """Ten steps of one learner are four of a like one and six of another that took up its state."""
    for learner, steps in ((whole, range(10)), (first, range(4))):
        for step in steps:
            learner.step(batch_of(step), 0.01, step, carry=False)
    positions, numbers = torch.zeros(0, dtype=torch.int64), first.numbers()
    save_state(folder, Progress(), {**first.tensors(), "positions": positions})
    loaded = load_state(folder, second.expected(positions.numpy(), 100))
    assert loaded is not None
    second.load(loaded[1], average_updates=numbers["average_updates"], average_on=numbers["average_on"])
    for step in range(4, 10):
        second.step(batch_of(step), 0.01, step, carry=False)
    found, expected = second.weights(), whole.weights()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def computes_what_it_keeps(learner: Learner) -> None:
    """Where nothing is averaged, the loss of its next step is that of the weights that it would keep, alone."""
    learner.average.on, learner.average.values = False, {}
    whole = learner.weights()["embedding"].detach()
    result = learner.step(batch_of(9), 0.0, 9, carry=False)
    with torch.no_grad():
        learner.model.embedding.copy_(whole)
    alone = Learner(learner.model, learner.config, MACHINE, chance_V=learner.chance_V)
    assert result.loss == pytest.approx(alone.step(batch_of(9), 0.0, 9, carry=False).loss, rel=1e-6)


PLAIN: dict[str, Any] = {"optimizer": "sgd", "weight_decay": 0.0, "clip_norm": 0.0, "precision": "fp32"}
"""Settings of a plain step: nothing but the gradient."""


def batch_of(seed: int, *, lengths: tuple[int, ...] = (6, 6, 6), reset: tuple[int, ...] = ()) -> Batch:
    """Random tokens of seven, rows of these lengths padded to six; rows in ``reset`` begin anew."""
    rng = np.random.default_rng(seed)
    inputs, targets = (rng.integers(0, 7, (len(lengths), 6)) for _ in range(2))
    counted = np.arange(6) < np.array(lengths)[:, None]
    return Batch(inputs, targets, counted, np.isin(np.arange(len(lengths)), reset))
