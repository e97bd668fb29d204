"""What tokens' neighbours tell of them, and what they learn through it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rnncli.training.company as module
from rnncli.api import TrainRequest, load, open_run
from rnncli.config import TrainConfig
from rnncli.events import Evaluated
from rnncli.nn.company import Company
from rnncli.training.beginning import new_company
from rnncli.training.company import REACH, SPREAD, company_vectors, directions, information
from rnncli.training.learner import Learner
from rnncli.training.progress import Progress
from rnncli.training.state import load_state, save_state
from tests.conftest import like_any_other
from tests.nets import (
    MACHINE,
    PLAIN,
    batch_of,
    computes_what_it_keeps,
    config_of,
    goes_on_with_the_same_bits,
    job,
    network,
)


def dense(ids: Any, vocab_size: int) -> torch.Tensor:
    """The (V, C) matrix."""
    table = information(np.asarray(ids, np.int64), vocab_size)
    matrix = torch.zeros(table.shape)
    matrix[table.tokens, table.columns] = table.values
    return matrix


def test_information_by_hand() -> None:
    # 0 stands three times among five, 1 and 2 once each: 0 1 0 2 0
    found = dense([0, 1, 0, 2, 0], 4)
    assert found.shape == (4, 3 * 2 * REACH)
    # After it at one place: of 0, 1 and 2 once each; of 1 and 2, 0 once each.
    after = found[:, :3]
    expected = torch.zeros(4, 3)
    expected[0, 1] = expected[0, 2] = expected[1, 0] = expected[2, 0] = math.log(5 / 3)
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(found[:, 3:6], expected)  # before it: the same, the text is so backward too
    # At two places: 0 after 0 twice, 2 after 1 once.
    expected = torch.zeros(4, 3)
    expected[0, 0], expected[1, 2] = math.log(2 * 5 / 9), math.log(5)
    torch.testing.assert_close(found[:, 6:9], expected)
    assert not found[3].any()


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 6))
@settings(max_examples=50)
def test_it_is_the_logarithm_of_how_much_oftener_two_tokens_meet(text: list[int], common: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "COMMON", common)
        found = dense(text, 6)
    counts = np.bincount(text, minlength=6)
    often = [token for token in sorted(range(6), key=lambda token: -counts[token]) if counts[token]][:common]
    expected = torch.zeros(6, len(often) * 2 * REACH)
    for distance in range(1, REACH + 1):
        pairs = list(zip(text[:-distance], text[distance:], strict=False))
        for side, meetings in enumerate((pairs, [(b, a) for a, b in pairs])):
            for token in range(6):
                for number, other in enumerate(often):
                    met = meetings.count((token, other))
                    if met:
                        value = math.log(met * len(text) / counts[token] / counts[other])
                        expected[token, number + len(often) * (2 * (distance - 1) + side)] = max(0.0, value)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


ALL = torch.ones(12, dtype=torch.bool)


def test_directions_are_the_root_of_the_whole_where_all_are_wanted() -> None:
    ids = np.random.default_rng(1).integers(0, 12, 400)
    table, matrix = information(ids, 12), dense(ids, 12).double()
    found = directions(table, ALL, 12, torch.Generator().manual_seed(1)).double()
    left, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    torch.testing.assert_close(found @ found.t(), left @ torch.diag(values) @ left.t(), atol=2e-3, rtol=1e-3)
    # Of fewer, the largest: within a hundredth of what is best.
    found = directions(table, ALL, 4, torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close((found**2).sum(0), values[:4], atol=0, rtol=0.01)


def test_directions_do_not_hang_on_where_the_search_for_them_begins() -> None:
    table = information(np.random.default_rng(2).integers(0, 12, 400), 12)
    one, other = (directions(table, ALL, 4, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-2)


def test_tokens_of_which_little_is_known_are_told_by_the_others_directions() -> None:
    ids = np.random.default_rng(1).integers(0, 12, 400)
    table, matrix = information(ids, 12), dense(ids, 12).double()
    known = torch.arange(12) < 8
    found = directions(table, known, 8, torch.Generator().manual_seed(1)).double()
    _, values, right = torch.linalg.svd(matrix[:8], full_matrices=False)
    expected = matrix @ right.t() / values.sqrt()
    torch.testing.assert_close(found @ found.t(), expected @ expected.t(), atol=2e-3, rtol=1e-3)


def test_what_stands_in_the_same_places_has_like_vectors() -> None:
    rng = np.random.default_rng(0)
    # 1 x 2 and 3 y 4, where x is 5 or 6 and y is 7 or 8; 9 never comes
    ids = np.array([part for _ in range(2000) for part in ((1, rng.choice([5, 6]), 2), (3, rng.choice([7, 8]), 4))])
    vectors = company_vectors(ids.reshape(-1).astype(np.uint16), 10, 6, seed=3)
    unit = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-9)
    alike = unit @ unit.t()
    assert min(alike[5, 6], alike[7, 8]) > 0.99
    assert alike[5:7, 7:9].abs().max() < 0.5
    torch.testing.assert_close(vectors.norm(dim=1)[1:9], torch.full((8,), SPREAD * math.sqrt(6)))
    assert not vectors[9].any()
    assert not vectors[0].any()
    assert torch.equal(vectors, company_vectors(ids.reshape(-1).astype(np.uint16), 10, 6, seed=3))


@pytest.mark.parametrize("ids", [[], [0], [0] * 50, [0, 1], [2, 1, 0]])
@pytest.mark.parametrize("width", [1, 3, 40])
def test_any_text_has_vectors(ids: list[int], width: int) -> None:
    vectors = company_vectors(np.array(ids, np.uint16), 3, width, seed=1)
    assert vectors.shape == (3, width)
    assert vectors.isfinite().all()


def test_of_a_long_text_parts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_READ", 64)
    monkeypatch.setattr(module, "READ_AT_ONCE", 16)
    ids = np.arange(1000, dtype=np.uint16)
    some = module._some(ids)
    assert len(some) == 64
    assert some[0] == 0
    assert some[-1] == 999
    assert list(module._some(ids[:64])) == list(range(64))


VECTORS = torch.randn(7, 4, generator=torch.Generator().manual_seed(5))
SOME = np.array([1.0, 0.9, 0.5, 0.5, 0.4, 0.4, 0.3])


def learner(**given: Any) -> Learner:
    """Of seven tokens; with ``part`` some of them are in a step's softmax."""
    chance = SOME if given.pop("part", False) else None
    model = network(config_of("lstm", tie=given.pop("tie", True)), dtype=torch.float32)
    given = {"optimizer": "adamw", "ema": 0.5, "share_company": True, **given}
    return Learner(model, TrainConfig(**{**PLAIN, **given}), MACHINE, company=Company(VECTORS.clone()), chance_V=chance)


@pytest.mark.parametrize("part", [True, False])
@pytest.mark.parametrize("tie", [True, False])
def test_what_is_kept_has_the_sums_in_its_embedding_and_computes_the_same(tie: bool, part: bool) -> None:
    mine = learner(tie=tie, part=part)
    for step in range(3):
        mine.step(batch_of(step), 0.1, step, carry=False)
    assert not torch.equal(mine.parameters["company"], torch.eye(4))
    kept = mine.weights()
    assert kept.keys() == mine.parameters.keys() - {"company"}
    own = mine.lazy.current()["embedding"] if part else mine.average.values["embedding"]
    torch.testing.assert_close(kept["embedding"], own + VECTORS @ mine.average.values["company"])
    computes_what_it_keeps(mine)


def test_a_part_of_the_tokens_has_what_all_have() -> None:
    every, some, ids = learner(ema=0.0), learner(ema=0.0, part=True), np.array([1, 4, 6])
    torch.testing.assert_close(some._vectors(ids).embedding, every._vectors().embedding[ids])
    company, own = Company(VECTORS), torch.randn(3, 4)
    chosen = torch.from_numpy(ids)
    torch.testing.assert_close(company(own, chosen), company(torch.zeros(7, 4))[chosen] + own)


def test_a_state_that_was_saved_goes_on_with_the_same_bits_and_vectors(tmp_path: Path) -> None:
    whole, first, second = (learner(part=True) for _ in range(3))
    assert second.company is not None
    second.company.vectors.zero_()  # as if they had come out otherwise
    goes_on_with_the_same_bits(whole, first, second, tmp_path)
    positions = torch.zeros(0, dtype=torch.int64)
    tensors = {name: tensor for name, tensor in first.tensors().items() if not name.startswith("fixed/")}
    save_state(tmp_path, Progress(), {**tensors, "positions": positions})
    with pytest.raises(Exception, match="lacks arrays that this run has"):
        load_state(tmp_path, first.expected(positions.numpy(), 100))


def test_weights_that_know_something_begin_as_they_are(tmp_path: Path) -> None:
    mine = job(tmp_path, share_company=True)
    fresh = new_company(mine)
    assert fresh is not None
    assert torch.equal(fresh.turn, torch.eye(mine.model.embedding_size))
    known = new_company(dataclasses.replace(mine, start_from={}))
    assert known is not None
    assert not known.turn.any()
    assert torch.equal(known.vectors, fresh.vectors)
    assert new_company(job(tmp_path, share_company=False)) is None


def test_a_model_that_learned_so_is_like_any_other(tiny_corpus: Path, tmp_path: Path) -> None:
    known = like_any_other("share_company", tiny_corpus, tmp_path)
    again = TrainRequest(
        corpora=(str(tiny_corpus),),
        given={"steps": 1, "share_company": True, "learning_rate": 1e-9},
        from_model=str(known),
        out=str(tmp_path / "from"),
    )
    events = [event for event in open_run(again).events() if isinstance(event, Evaluated)]
    before = load(known).config["metrics"]["valid"]["nats_per_char"]
    assert events[-1].valid.nats_per_char == pytest.approx(before, rel=1e-4)
