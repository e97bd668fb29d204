"""Rows that are brought up to date when they are read, against AdamW that takes every step of every row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnncli.config import TrainConfig
from rnncli.nn.resembling import Resembling
from rnncli.nn.sampled import Drawn
from rnncli.text.resemblance import resemblance
from rnncli.training.lazily import BEHIND, LazyTable, LazyTables
from rnncli.training.learner import Learner
from rnncli.training.optim import Average, Optimizer
from rnncli.training.part import Part
from rnncli.training.progress import Progress
from rnncli.training.state import Expected, load_state, save_state
from tests.nets import MACHINE, PLAIN, batch_of, config_of, goes_on_with_the_same_bits, network

ROWS, WIDTH = 6, 3


def started(seed: int) -> Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def gradient(step: int, rows: Sequence[int]) -> Tensor:
    return torch.randn(len(rows), WIDTH, generator=torch.Generator().manual_seed(1000 + step))


def taken(
    read: Sequence[Sequence[int]], rates: Sequence[float], *, lazy: bool, decay: float, ema: float, name: str = "table"
) -> tuple[Tensor, Tensor, LazyTable | None]:
    """Weights and their average after steps that read those rows."""
    table, config = started(0), TrainConfig(optimizer="adamw", weight_decay=decay, ema=ema)
    parameters = {name: table, "other": torch.zeros(1, requires_grad=True)}
    apart = [name] if lazy else []
    optimizer, average = Optimizer(parameters, config, apart), Average(parameters, config, apart)
    rows = LazyTable(name, optimizer, average) if lazy else None
    for step, (ids, rate) in enumerate(zip(read, rates, strict=True)):
        if rows is not None:
            rows.read(torch.tensor(ids, dtype=torch.int64)).grad = gradient(step, ids)
            rows.step(rate)
        else:
            table.grad = torch.zeros(ROWS, WIDTH).index_copy_(
                0, torch.tensor(ids, dtype=torch.int64), gradient(step, ids)
            )
        optimizer.step(rate)
        average.update()
    if rows is None:
        return table.detach(), average.values.get(name, table.detach()), None
    return rows._up_to_date(torch.arange(ROWS))[0], rows.current(), rows


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, ROWS - 1), unique=True), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([0.0, 0.9, 0.9999]),
)
def test_late_steps_come_to_what_steps_in_time_do(read: list[list[int]], decay: float, ema: float) -> None:
    rates = [0.01 / (1 + 0.1 * step) for step in range(len(read))]
    weights, average, _ = taken(read, rates, lazy=False, decay=decay, ema=ema)
    late_weights, late_average, _ = taken(read, rates, lazy=True, decay=decay, ema=ema)
    # A step is as long as its rate: 0.01. What is left out is a hundredth of one, and of an average a tenth.
    torch.testing.assert_close(late_weights, weights, rtol=0, atol=1e-4 if decay else 2e-6)
    assert (late_average - average).abs().max() < (0.05 if ema else 1e-4)


def test_a_row_that_is_read_in_each_step_is_as_it_would_be() -> None:
    read, rates = [[0, 2, 3]] * 20, [0.01] * 20
    (weights, average, _), (late_weights, late_average, _) = (
        taken(read, rates, lazy=lazy, decay=0.1, ema=0.99) for lazy in (False, True)
    )
    torch.testing.assert_close(late_weights[[0, 2, 3]], weights[[0, 2, 3]], rtol=0, atol=1e-6)
    torch.testing.assert_close(late_average[[0, 2, 3]], average[[0, 2, 3]], rtol=0, atol=1e-6)


def test_what_a_gap_does_by_hand() -> None:
    """One step with a gradient of 1, then two without: m .1 .09 .081, v .01 .0099 .009801, over their starts' lack."""
    table = torch.zeros(2, 1, requires_grad=True)
    config = TrainConfig(optimizer="adamw", weight_decay=0.0, ema=0.0)
    rows = LazyTable("table", Optimizer({"table": table}, config, ["table"]), Average({"table": table}, config))
    for ids in ([0], [1], [1]):
        rows.read(torch.tensor(ids)).grad = torch.ones(1, 1)
        rows.step(0.1)
    corrected = [
        (m / (1 - 0.9**t)) / (v / (1 - 0.99**t)) ** 0.5
        for t, m, v in ((1, 0.1, 0.01), (2, 0.09, 0.0099), (3, 0.081, 0.009801))
    ]
    assert rows.current()[0].item() == pytest.approx(-0.1 * sum(corrected), rel=1e-5)
    assert table[0].item() == pytest.approx(-0.1 * corrected[0], rel=1e-5)
    assert rows.behind["steps"].tolist() == [2.0, 0.0]


def test_a_bias_does_not_decay_and_a_step_that_is_not_taken_changes_nothing() -> None:
    _, _, rows = taken([[0], [1], [1]], [0.1] * 3, lazy=True, decay=0.5, ema=0.9, name="head.bias")
    assert rows is not None
    assert rows.behind["decayed"].tolist() == [1.0] * ROWS
    before = rows.current(), {key: array.clone() for key, array in rows.behind.items()}
    rows.read(torch.arange(ROWS)).grad = torch.full((ROWS, WIDTH), float("nan"))
    assert torch.equal(rows.current(), before[0])
    assert all(torch.equal(array, before[1][key]) for key, array in rows.behind.items())


def test_a_part_tells_all_by_places_in_it() -> None:
    batch = batch_of(3)
    drawn = Drawn(torch.tensor([0, 4]), torch.zeros(2))
    part = Part.of(batch, drawn, 7)
    assert part.ids_U.tolist() == sorted({*batch.inputs_BT.flat, *batch.targets_BT.flat, 0, 4})
    np.testing.assert_array_equal(part.ids_U[part.batch.inputs_BT], batch.inputs_BT)
    np.testing.assert_array_equal(part.ids_U[part.batch.targets_BT], batch.targets_BT)
    assert part.ids_U[part.drawn.ids_K.numpy()].tolist() == [0, 4]


def test_a_part_of_what_tokens_share_is_that_part_of_the_whole() -> None:
    found = resemblance([" ab", "ab", "Ab", "cd", " cd", "e", "\n", " abc", "\t"])
    module, generator = Resembling(found, 4), torch.Generator().manual_seed(2)
    with torch.no_grad():
        module.shared.normal_(generator=generator)
    own = torch.randn(9, 4, generator=generator)
    for chosen in ([0, 3, 5, 7], [6, 8], [5], list(range(9))):
        ids = np.array(chosen)
        part = module.among(ids)
        rows = module.shared.detach()[part.features_G].requires_grad_()
        sums, whole = part(own[ids], rows), module(own)[ids]
        torch.testing.assert_close(sums, whole)
        weigh = torch.randn(len(ids), 4, generator=generator)
        [gradient_G] = torch.autograd.grad((sums * weigh).sum(), [rows])
        [gradient_F] = torch.autograd.grad((whole * weigh).sum(), [module.shared])
        torch.testing.assert_close(gradient_G, gradient_F[part.features_G])


SOME = np.array([1.0, 0.9, 0.5, 0.5, 0.4, 0.4, 0.3])


def learner(**given: Any) -> Learner:
    """Of seven tokens, with a part of them in each step's softmax."""
    given = {"optimizer": "adamw", "ema": 0.99, "weight_decay": 0.1, **given}
    found = resemblance([" ab", "ab", "Ab", "cd", " cd", "e", "\n"])
    model = network(config_of("lstm", tie=given.pop("tie", True)), dtype=torch.float32)
    alike = Resembling(found, model.config.embedding_size) if given.pop("alike", False) else None
    return Learner(model, TrainConfig(**{**PLAIN, **given}), MACHINE, resembling=alike, chance_V=SOME)


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("tie", [True, False])
def test_a_learner_comes_to_what_it_does_with_all_rows_in_each_step(tie: bool, alike: bool) -> None:
    lazy, other = (learner(tie=tie, alike=alike) for _ in range(2))
    assert set(lazy.lazy.of) == {"embedding", *([] if tie else ["head.weight"]), *(["shared"] if alike else [])}
    other.lazy = LazyTables([], other.optimizer, other.average)
    other.optimizer, other.average = Optimizer(other.parameters, other.config), Average(other.parameters, other.config)
    for step in range(12):
        results = [one.step(batch_of(step), 0.01, step, carry=False) for one in (lazy, other)]
        assert results[0].loss == pytest.approx(results[1].loss, abs=2e-4)
        assert results[0].grad_norm == pytest.approx(results[1].grad_norm, rel=1e-2)
    weights, expected = lazy.weights(), other.weights()
    assert weights.keys() == expected.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0.01, msg=name)


@pytest.mark.parametrize("kind", ["sgd", "asgd"])
def test_other_optimizers_take_every_step_in_time(kind: str) -> None:
    assert not learner(optimizer=kind, ema=0.0).lazy.of


def test_a_state_that_was_saved_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    whole, first, second = (learner(alike=True) for _ in range(3))
    goes_on_with_the_same_bits(whole, first, second, tmp_path)


def test_a_state_from_before_rows_waited_has_none_that_wait(tmp_path: Path) -> None:
    before, after = learner(), learner()
    for step in range(3):
        before.step(batch_of(step), 0.01, step, carry=False)
    tensors = {name: tensor for name, tensor in before.tensors().items() if not name.startswith("behind/")}
    after.load(tensors, average_updates=3, average_on=True)
    for table in after.lazy.of.values():
        assert all(set(array.tolist()) == {BEHIND[key]} for key, array in table.behind.items())
    half = {name: tensor for name, tensor in before.tensors().items() if not name.endswith("drift")}
    positions = torch.zeros(0, dtype=torch.int64)
    save_state(tmp_path, Progress(), {**half, "positions": positions})
    expected: Expected = before.expected(positions.numpy(), 100)
    with pytest.raises(Exception, match="lacks arrays that this run has"):
        load_state(tmp_path, expected)
