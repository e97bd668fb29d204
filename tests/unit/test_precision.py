"""Weights in fewer bits: what is stored, what comes back, and what both engines make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli.config import ActivationName, CellName, ModelConfig, Precision, to_dict
from rnncli.errors import ModelError
from rnncli.graph.saving import Part, save_model
from rnncli.inference.engine import Engine, Targets
from rnncli.inference.lowering import measured_ranges, tally, write_lowered
from rnncli.inference.opening import Opened, open_engine
from rnncli.nn.weights import named_parameters, to_arrays
from rnncli.precision import array_shapes, lower, range_name, restore, scale_name, sources, stored_arrays
from rnncli.store import TOKENIZER, WEIGHTS, open_folder, part_config, read_json, write_json
from tests.nets import CELLS, config_of, network
from tests.toy import toy_tokenizer

HEADS: dict[str, dict[str, Any]] = {
    "tied": {"embedding_size": 6},
    "projected": {"embedding_size": 4},
    "untied": {"embedding_size": 4, "tie": False},
}


def make(folder: Path, model: ModelConfig) -> Opened:
    """A folder with random weights over bytes, opened with ONNX Runtime."""
    folder.mkdir()
    toy_tokenizer("byte").save(folder / TOKENIZER)
    arrays = to_arrays(model, named_parameters(network(model)))
    config = {"unit": "stream", "tokenizer": {"kind": "byte"}, "parts": [part_config(to_dict(model))]}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    save_model(folder, {"forward": Part(model, arrays)}, config)
    return open_engine(folder, engine="onnx", threads=1)


def config_for(cell: CellName, activation: ActivationName, head: str) -> ModelConfig:
    sizes = dict(HEADS[head])
    if activation == "crelu" and head == "tied":
        sizes["embedding_size"] = 12
    return config_of(cell, activation, vocab_size=256, hidden_size=6, **sizes)


def logprobs(engine: Engine, ids: np.ndarray) -> np.ndarray:
    """Of each next token of rows of ids, (B, T)."""
    rows, steps = ids.shape
    places = np.arange(rows * (steps - 1))
    targets = Targets(places, places, ids[:, 1:].ravel())
    found, _ = engine.advance(
        ids[:, :-1], np.full(rows, steps - 1), engine.start(rows), want="targets", targets=targets
    )
    return found.logprob.reshape(rows, steps - 1)


def test_a_matrix_in_8_bits_by_hand() -> None:
    model = config_of("rnn", layers=1, hidden_size=1, embedding_size=2, vocab_size=2)
    arrays = {name: np.zeros(shape, np.float32) for name, shape in array_shapes(model).items()}
    arrays["embedding"] = np.array([[0.63, -0.2], [0.0, 0.0]], np.float32)
    lowered = lower(arrays, "int8", dict.fromkeys(sources(model), 1.0))
    assert lowered["embedding"].tolist() == [[63, -20], [0, 0]]
    assert lowered["embedding"].dtype == np.int8
    assert lowered[scale_name("embedding")][0] == pytest.approx(0.01)
    assert lowered[range_name("layers.0")].tolist() == [1.0]
    back = restore(lowered, "int8")
    assert back.keys() == arrays.keys()
    np.testing.assert_allclose(back["embedding"], arrays["embedding"], atol=0.005)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("cell", "activation"), CELLS)
def test_each_network_in_each_precision(
    tmp_path: Path, cell: CellName, activation: ActivationName, head: str, precision: Precision
) -> None:
    """Close to float32, the same to the bit in company and alone, with PyTorch too."""
    plain = make(tmp_path / "plain", config_for(cell, activation, head))
    write_lowered(tmp_path / "lowered", [plain[:2]], precision)
    lowered = open_engine(tmp_path / "lowered", engine="onnx", threads=1)
    kinds = {name: (place.dtype, place.shape) for name, place in lowered.stored.places.items()}
    assert kinds == stored_arrays(lowered.stored.model, precision)
    assert lowered.engine.definition == {"engine": "onnx", "weights": precision}
    ids = np.random.default_rng(0).integers(0, 256, (5, 9))
    before, after = logprobs(plain.engine, ids), logprobs(lowered.engine, ids)
    reach = {"float32": 0.0, "float16": 0.02, "int8": 0.25}[precision]
    assert np.abs(after - before).max() <= reach
    assert precision == "float32" or np.abs(after - before).max() > 0
    for row, alone in zip(after, ids, strict=True):
        assert np.array_equal(row, logprobs(lowered.engine, alone[None])[0])
    restored = open_engine(tmp_path / "lowered", engine="torch", threads=1)
    assert np.abs(logprobs(restored.engine, ids) - after).max() <= (0.25 if precision == "int8" else 1e-4)


def test_ranges_are_measured_where_activations_have_no_bound(tmp_path: Path) -> None:
    bounded = make(tmp_path / "a", config_for("lstm", "tanh", "tied"))
    assert measured_ranges(bounded.engine, bounded.stored) == {"layers.0": 1.0, "layers.1": 1.0}
    open_ended = make(tmp_path / "b", config_for("rnn", "relu", "projected"))
    ranges = measured_ranges(open_ended.engine, open_ended.stored)
    assert ranges == measured_ranges(open_ended.engine, open_ended.stored)
    assert set(ranges) == {"layers.0", "layers.1", "features"}
    assert all(reach > 0 for reach in ranges.values())
    assert len(set(ranges.values())) == 3


def test_a_score_in_8_bits_costs_little(tmp_path: Path) -> None:
    plain = make(tmp_path / "a", config_for("gru", "tanh", "projected"))
    write_lowered(tmp_path / "b", [plain[:2]], "int8")
    lowered = open_engine(tmp_path / "b", engine="onnx", threads=1)
    lines = ["some words", "", "and others"]
    one, other = (tally(opened.engine, opened.stored, lines) for opened in (plain, lowered))
    assert (one.tokens, one.lines) == (other.tokens, other.lines)
    assert 0 < abs(one.logprob - other.logprob) / one.tokens < 0.05


def test_a_folder_with_other_weights_than_it_says_is_refused(tmp_path: Path) -> None:
    plain = make(tmp_path / "a", config_for("lstm", "tanh", "tied"))
    write_lowered(tmp_path / "b", [plain[:2]], "int8")
    config = read_json(tmp_path / "b" / "config.json")
    assert config["format"] == 2
    assert read_json(tmp_path / "a" / "config.json")["format"] == 1
    config["parts"][0]["weights"] = "float32"
    write_json(tmp_path / "b" / "config.json", config)
    with pytest.raises(ModelError, match=rf"{WEIGHTS}: array .* is "):
        open_folder(tmp_path / "b", patience=0)
    config["parts"][0]["weights"] = "int3"
    write_json(tmp_path / "b" / "config.json", config)
    with pytest.raises(ModelError, match="weights that this program does not know"):
        open_folder(tmp_path / "b", patience=0)
