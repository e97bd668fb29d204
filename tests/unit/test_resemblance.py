"""What tokens have in common in writing, and what they learn by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncli.config import TrainConfig
from rnncli.nn.resembling import Resembling
from rnncli.text.resemblance import Resemblance, features_of, resemblance
from rnncli.training.learner import Learner
from tests.conftest import like_any_other
from tests.nets import MACHINE, PLAIN, batch_of, computes_what_it_keeps, config_of, network

TEXTS = ["love", " love", " Love", "loves", "LOVE", "\n", " ", "l", "\udcff", "", " shove", "…", "中"]


def dense(found: Resemblance) -> np.ndarray[Any, Any]:
    """The (V, F) matrix."""
    matrix = np.zeros((len(found.starts), found.features_count), np.float32)
    ends = [*found.starts[1:], len(found.features)]
    for token, (start, end) in enumerate(zip(found.starts, ends, strict=True)):
        for place in range(start, end):
            matrix[token, found.features[place]] += found.weights[place]
    return matrix


def test_a_words_features_by_hand() -> None:
    assert set(features_of(" Loves")) == {
        "space before", "capital", "word loves", "begins <lo", "begins <lov", "begins <love", "ends es>",
        "ends ves>",
    }  # fmt: skip
    assert set(features_of("I")) == {"capital"}
    assert set(features_of("no")) == {"word no", "begins <no", "begins <no>", "ends no>", "ends <no>"}
    for nothing in ("", " ", "\n", "\udcff", "\x00"):
        assert not list(features_of(nothing))


def test_what_one_token_alone_has_is_left_out_and_the_rest_weighs_one_by_its_square() -> None:
    found = resemblance(TEXTS)
    matrix = dense(found)
    assert ((matrix > 0).sum(0) > 1).all()
    squares = (matrix**2).sum(1)
    assert set(np.round(squares, 5)) == {0.0, 1.0}
    has = dict(zip(TEXTS, squares > 0, strict=True))
    assert all(has[word] for word in ("love", " love", " Love", "loves", "LOVE", " shove"))
    assert not any(has[other] for other in ("\n", " ", "l", "\udcff", "", "…", "中"))
    # love and LOVE differ by their capitals alone
    assert ((matrix[0] > 0) <= (matrix[4] > 0)).all()
    assert ((matrix[4] > 0).sum() - (matrix[0] > 0).sum()) == 1


@given(st.lists(st.text(max_size=6), max_size=8))
def test_any_texts_have_a_matrix_of_their_own_size(texts: list[str]) -> None:
    found = resemblance(texts)
    assert len(found.starts) == len(texts)
    assert len(found.features) == len(found.weights)
    assert not len(found.features) or 0 <= found.features.min() <= found.features.max() < found.features_count
    assert list(found.starts) == sorted(found.starts)


def test_sums_and_gradients_are_those_of_the_whole_matrix() -> None:
    found = resemblance(TEXTS)
    generator = torch.Generator().manual_seed(0)
    module = Resembling(found, 3)
    assert not module.shared.any()
    own, weigh = (torch.randn(len(TEXTS), 3, generator=generator) for _ in range(2))
    own.requires_grad_()
    assert torch.equal(module(own), own)
    with torch.no_grad():
        module.shared.normal_(generator=generator)
    matrix = torch.from_numpy(dense(found))
    expected = own + matrix @ module.shared
    torch.testing.assert_close(module(own), expected)
    for mine, other in zip(
        torch.autograd.grad((module(own) * weigh).sum(), [own, module.shared]),
        torch.autograd.grad((expected * weigh).sum(), [own, module.shared]),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_on_a_gpu_it_is_the_same_sum_by_a_sparse_matrix() -> None:
    found = resemblance([" ab", "ab", "Ab", "cd", " cd", "e", "\n", " abc", "\t"])
    module = Resembling(found, 4)
    for way, columns in (("forth", found.features_count), ("back", 9)):
        bags, vectors = module._bags(way), torch.randn(columns, 4, generator=torch.Generator().manual_seed(1))
        assert bags.matrix(columns).layout == torch.sparse_csr
        torch.testing.assert_close(bags.matrix(columns) @ vectors, bags.times(vectors))


@pytest.mark.parametrize("tie", [True, False])
def test_what_is_kept_has_the_sums_in_its_embedding_and_computes_the_same(tie: bool) -> None:
    found = resemblance([" ab", "ab", "Ab", "cd", " cd", "e", "\n"])
    model = network(config_of("lstm", tie=tie), dtype=torch.float32)
    settings = TrainConfig(**{**PLAIN, "share_spelling": True, "optimizer": "adamw", "ema": 0.5})
    resembling = Resembling(found, model.config.embedding_size)
    learner = Learner(model, settings, MACHINE, resembling=resembling)
    for step in range(3):
        learner.step(batch_of(step), 0.1, step, carry=False)
    average = learner.average.values
    assert average["shared"].any()
    kept = learner.weights()
    assert kept.keys() == learner.parameters.keys() - {"shared"}
    expected = average["embedding"] + torch.from_numpy(dense(found)) @ average["shared"]
    torch.testing.assert_close(kept["embedding"], expected)
    computes_what_it_keeps(learner)


def test_a_model_that_learned_so_is_like_any_other(tiny_corpus: Path, tmp_path: Path) -> None:
    like_any_other("share_spelling", tiny_corpus, tmp_path)
