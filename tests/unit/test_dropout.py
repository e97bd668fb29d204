"""Dropout: what is dropped together, how much of it, and that all of it follows from the generator."""

from __future__ import annotations

import pytest
import torch

from rnncli.nn.model import LanguageModel
from rnncli.nn.noise import Noise
from tests.nets import CELLS, config_of, network


def noise(seed: int = 0) -> Noise:
    return Noise(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_rate_and_scale(rate: float) -> None:
    mask = noise().mask((400, 500), rate, torch.zeros(1))
    dropped = (mask == 0).double().mean()
    assert float(dropped) == pytest.approx(rate, abs=0.005)
    [kept] = set(mask[mask != 0].tolist())
    # The rate is one of 256, and the mean is kept exactly at that one.
    assert kept == pytest.approx(1 / (1 - round(rate * 256) / 256))
    assert float(mask.mean()) == pytest.approx(1, abs=0.03)


def test_every_byte_of_the_random_words_is_used() -> None:
    """With rates near both ends no place in a word of eight entries is always or never dropped."""
    for rate in (0.02, 0.98):
        mask = noise().mask((20_000, 8), rate, torch.zeros(1))
        share = (mask == 0).double().mean(0)
        assert (share - rate).abs().max() < 0.006, share


def test_locked_dropout_drops_the_same_units_at_all_steps_of_a_row() -> None:
    x = torch.ones(6, 9, 64)
    dropped = noise().locked(x, 0.5) == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    rows = {tuple(row.tolist()) for row in dropped[:, 0]}
    assert len(rows) == 6
    assert torch.equal(x, torch.ones(6, 9, 64))


def test_weights_are_dropped_one_by_one() -> None:
    weight = torch.full((64, 32), 2.0)
    found = noise().weights(weight, 0.5)
    assert set(found.flatten().tolist()) == {0.0, 4.0}
    assert len({tuple(row.tolist()) for row in found}) == 64
    assert len({tuple(column.tolist()) for column in found.t()}) == 32


def test_tokens_are_dropped_whole_and_everywhere() -> None:
    ids = torch.tensor([[1, 2, 3, 1], [3, 1, 2, 2]])
    vectors = torch.ones(2, 4, 16)
    fates = set()
    for seed in range(30):
        found = noise(seed).tokens(vectors, ids, 4, 0.5)
        for token in (1, 2, 3):
            mine = found[ids == token]
            assert len(set(mine.flatten().tolist())) == 1
            fates.add((token, float(mine[0, 0])))
    assert fates == {(token, value) for token in (1, 2, 3) for value in (0.0, 2.0)}


def test_no_rate_draws_nothing_and_returns_what_came() -> None:
    one = noise()
    before = one.generator.get_state()
    x, weight = torch.ones(2, 3, 4), torch.ones(3, 3)
    assert one.locked(x, 0.0) is x
    assert one.weights(weight, 0.0) is weight
    assert one.tokens(x, torch.zeros(2, 3, dtype=torch.int64), 5, 0.0) is x
    assert torch.equal(one.generator.get_state(), before)


def features(model: LanguageModel, seed: int | None, ids: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = model(ids, model.start(len(ids)), noise=None if seed is None else noise(seed))[0]
    return found.detach()


@pytest.mark.parametrize("kind", ["dropout", "input_dropout", "recurrent_dropout", "embedding_dropout"])
def test_a_network_drops_by_its_generator_alone(kind: str) -> None:
    ids = torch.arange(7).repeat(4, 1)
    for cell, activation in CELLS:
        model = network(config_of(cell, activation, **{kind: 0.5}))
        torch.manual_seed(0)
        one = features(model, 1, ids)
        torch.manual_seed(1)
        assert torch.equal(features(model, 1, ids), one)
        assert not torch.equal(features(model, 2, ids), one)
        # Without noise a network never drops, in training mode or not.
        sure = features(model, None, ids)
        assert not torch.equal(sure, one)
        assert torch.equal(features(model.eval(), None, ids), sure)
        # Rows are alike but for their own masks: weights and tokens are dropped for all rows together.
        alike = all(torch.allclose(row, one[0]) for row in one)
        assert alike == (kind in ("recurrent_dropout", "embedding_dropout"))


def test_dropped_recurrent_weights_are_the_layers_own_no_longer() -> None:
    """Recurrent dropout acts on the recurrence only: the first step from the zero state does not feel it."""
    ids = torch.arange(7).repeat(2, 1)
    for cell, activation in CELLS:
        model = network(config_of(cell, activation, recurrent_dropout=0.5, layers=1))
        before = [p.clone() for p in model.parameters()]
        one, sure = features(model, 1, ids), features(model, None, ids)
        torch.testing.assert_close(one[:, 0], sure[:, 0])
        assert not torch.allclose(one[:, 3], sure[:, 3])
        assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
