"""The size of a plan: parameters exactly, memory as it grows with each setting."""

from __future__ import annotations

from typing import Any

import pytest

from rnncli.config import TrainConfig
from rnncli.nn.weights import named_parameters
from rnncli.precision import parameter_count
from rnncli.training.memory import memory_needed
from tests.nets import CELLS, config_of, network


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_counted_exactly(cell: Any, activation: Any, tie: bool, layers: int) -> None:
    for embedding_size in (4, 5, 10):
        config = config_of(cell, activation, tie=tie, layers=layers, embedding_size=embedding_size)
        expected = sum(p.numel() for p in named_parameters(network(config)).values())
        assert parameter_count(config) == expected == sum(p.numel() for p in network(config).parameters())


def test_by_hand() -> None:
    """LSTM 3 over an embedding of 2, 5 tokens: 5 * 2 + 12 * (2 + 3 + 2) + 3 * 2 + 5."""
    config = config_of("lstm", vocab_size=5, layers=1, hidden_size=3, embedding_size=2)
    assert parameter_count(config) == 10 + 84 + 6 + 5


def test_memory_grows_with_every_size() -> None:
    model: dict[str, Any] = {"vocab_size": 3000, "layers": 1, "hidden_size": 256, "embedding_size": 256}
    train: dict[str, Any] = {"batch_size": 16, "bptt": 64, "optimizer": "sgd"}

    def need(**given: Any) -> int:
        mine = {k: v for k, v in given.items() if k in model}
        rest = {k: v for k, v in given.items() if k not in model}
        return memory_needed(config_of("lstm", **{**model, **mine}), TrainConfig(**{**train, **rest}))

    least = need()
    for name in model:
        assert need(**{name: model[name] * 4}) > least, name
    for change in ({"batch_size": 64}, {"bptt": 256}, {"optimizer": "adamw"}, {"optimizer": "asgd"}, {"ema": 0.9}):
        assert need(**change) > least, change


def test_memory_holds_at_least_weights_gradients_and_moments() -> None:
    config = config_of("lstm", vocab_size=20_000, hidden_size=2048, embedding_size=512)
    train = TrainConfig(optimizer="adamw", batch_size=1, bptt=1)
    assert 4 * 4 * parameter_count(config) < memory_needed(config, train) < 12 * 4 * parameter_count(config)
