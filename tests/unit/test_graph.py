"""The graph: valid ONNX, the same bytes each time, weights where they are stored, and the textbook's numbers."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from rnncli.arrays import ITEM_SIZES, ArrayPlace, load_arrays, read_places, sha256
from rnncli.config import ActivationName, CellName, ModelConfig, Precision
from rnncli.graph.build import build_graph
from rnncli.graph.saving import Part, graph_of, save_model
from rnncli.inference.opening import open_engine
from rnncli.precision import array_shapes, stored_arrays
from rnncli.spec import CELLS as SPECS
from rnncli.store import CONFIG, GRAPH, GRAPH_VERSION, WEIGHTS, of_part, open_folder, vouch_for
from tests.folders import HEADS, make_folder, network_of, save_folder, tokenizer_of, train_briefly
from tests.golden.test_cells import NUMBERS, ROOMY, STORED_ORDER, Layer, Vector, expected, plus, times
from tests.nets import CELLS, config_of

LARGEST_CONSTANT = 64
"""Bytes that anything but a weight may take in the graph."""
every_cell = pytest.mark.parametrize(("cell", "activation"), CELLS)


def initializers(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Of a graph and of all graphs within it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from initializers(attribute.g)


@every_cell
@pytest.mark.parametrize("head", HEADS)
def test_the_graph_is_valid_and_its_weights_are_those_of_the_folder(
    cell: CellName, activation: ActivationName, head: str, tmp_path: Path
) -> None:
    for layers in (1, 2):
        folder = make_folder(tmp_path / str(layers), cell, activation, "byte", head, layers)
        onnx.checker.check_model(str(folder / GRAPH), full_check=True)
        found = onnx.load(str(folder / GRAPH), load_external_data=False)
        places = {place.name: place for place in read_places(folder / WEIGHTS).values()}
        external = set()
        for tensor in initializers(found.graph):
            if tensor.data_location != onnx.TensorProto.EXTERNAL:
                assert tensor.ByteSize() - len(tensor.name) <= LARGEST_CONSTANT
                continue
            facts = {entry.key: entry.value for entry in tensor.external_data}
            place = places[tensor.name]
            assert facts == {"location": WEIGHTS, "offset": str(place.offset), "length": str(place.size)}
            assert tuple(tensor.dims) == place.shape
            assert tensor.name not in external
            external.add(tensor.name)
        assert external == places.keys() == {f"main/{n}" for n in array_shapes(open_folder(folder).model)}
        loaded = onnx.load(str(folder / GRAPH))
        arrays = load_arrays(folder / WEIGHTS)
        for tensor in loaded.graph.initializer:
            if tensor.name in arrays:
                np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), arrays[tensor.name])


@every_cell
def test_inputs_and_outputs_are_those_that_are_written_down(cell: CellName, activation: ActivationName) -> None:
    model = config_of(cell, activation)
    found = onnx.load_from_string(unsaved(model))
    states = [f"{state}{layer}" for layer in (0, 1) for state in SPECS[cell].states]
    assert [value.name for value in found.graph.input] == [
        *["ids_TB", *states, "ends_B", "places_P", "rows_M", "targets_M", "details", "group_V"],
    ]
    assert [value.name for value in found.graph.output] == [
        *[f"after_{state}" for state in states],
        *["logprobs_PV", "logprob_M", "rank_M", "entropy_P", "mass_P"],
    ]
    assert [entry.version for entry in found.opset_import if not entry.domain] == [18]
    assert {node.domain for node in found.graph.node} == {""}


def unsaved(model: ModelConfig) -> bytes:
    """Over weights that lie one after the other in a file that is not there."""
    places, offset = {}, 8
    for name, shape in array_shapes(model).items():
        places[name] = ArrayPlace(f"main/{name}", "F32", shape, offset, 4 * math.prod(shape))
        offset += 4 * math.prod(shape)
    return build_graph(model, places, "float32")


@every_cell
def test_a_graph_is_the_same_bytes_each_time(cell: CellName, activation: ActivationName, tmp_path: Path) -> None:
    """Whatever the weights' values, and whoever makes it."""
    model, tokenizer = network_of(cell, activation, "byte", "projected", 2), tokenizer_of("byte")
    arrays = train_briefly(model, tokenizer)
    one = save_folder(tmp_path / "one", arrays, model, tokenizer)
    other = save_folder(tmp_path / "other", {name: array + 1 for name, array in arrays.items()}, model, tokenizer)
    data = (one / GRAPH).read_bytes()
    assert (other / GRAPH).read_bytes() == data
    assert graph_of(open_folder(one)) == data
    assert build_graph(model, of_part(read_places(one / WEIGHTS), "forward"), "float32") == data
    assert len(data) < 20_000


@every_cell
def test_its_bytes_are_those_that_onnx_itself_writes(cell: CellName, activation: ActivationName) -> None:
    data = unsaved(config_of(cell, activation))
    assert onnx.load_from_string(data).SerializeToString(deterministic=True) == data


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_so_are_those_of_weights_in_fewer_bits(precision: Precision) -> None:
    model, places, offset = config_of("gru", "tanh", tie=False), {}, 8
    for name, (kind, shape) in stored_arrays(model, precision).items():
        size = ITEM_SIZES[kind] * math.prod(shape)
        places[name] = ArrayPlace(f"main/{name}", kind, shape, offset, size)
        offset += size
    data = build_graph(model, places, precision)
    assert onnx.load_from_string(data).SerializeToString(deterministic=True) == data


def test_a_save_leaves_a_graph_that_is_already_there(tmp_path: Path) -> None:
    """It is not written again each time that a training saves, but a wrong one is."""
    folder = make_folder(tmp_path / "model")
    before, data = (folder / GRAPH).stat(), (folder / GRAPH).read_bytes()
    stored = open_folder(folder)
    halved = {name: array / 2 for name, array in stored.arrays.items()}
    save_model(folder, {"forward": Part(stored.model, halved)}, stored.config)
    after = (folder / GRAPH).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (folder / GRAPH).write_bytes(b"no graph")
    save_model(folder, {"forward": Part(stored.model, stored.arrays)}, stored.config)
    assert (folder / GRAPH).read_bytes() == data
    assert open_folder(folder).config["fingerprints"][GRAPH] == sha256(folder / GRAPH)


def test_a_graph_of_another_version_is_made_anew(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    data = (folder / GRAPH).read_bytes()
    assert data.count(GRAPH_VERSION.encode()) == 1
    (folder / GRAPH).write_bytes(data.replace(GRAPH_VERSION.encode(), b"rnncli graph 1"))
    vouch_for(folder, GRAPH)
    opened = open_engine(folder, device="cpu", engine="onnx")
    opened.engine.advance(np.array([[1]]), np.array([1]), opened.engine.start(1), want="last")
    assert (folder / GRAPH).read_bytes() == data
    assert open_folder(folder).config["fingerprints"][GRAPH] == sha256(folder / GRAPH)


def test_config_json_comes_after_the_graph_that_it_vouches_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        order.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    folder = make_folder(tmp_path / "model")
    assert order[-3:] == [WEIGHTS, GRAPH, CONFIG]
    (folder / GRAPH).unlink()
    order.clear()
    graph_of(open_folder(folder))
    assert order == [GRAPH, CONFIG]


# -- against the textbook

IDS = (2, 0, 3, 3, 1, 2)
Network = tuple[list[Layer], list[Vector], list[Vector], Vector]


def by_hand(cell: CellName, activation: ActivationName, hidden: int) -> Network:
    """Two layers, an embedding of 4 tokens, a head and its bias, of the numbers of the golden test."""
    order, width = STORED_ORDER[cell], 2 * hidden if activation == "crelu" else hidden
    numbers = itertools.cycle(NUMBERS)
    layers = [Layer(order, width_in, hidden, width, numbers) for width_in in (2, width)]
    table = [[ROOMY * next(numbers) for _ in range(2)] for _ in range(4)]
    head = [[next(numbers) for _ in range(width)] for _ in range(4)]
    return layers, table, head, [next(numbers) for _ in range(4)]


def log_softmax(logits: Vector) -> Vector:
    top = max(logits)
    total = math.log(sum(math.exp(x - top) for x in logits)) + top
    return [x - total for x in logits]


def store(network: Network, cell: CellName, activation: ActivationName, hidden: int, folder: Path) -> ModelConfig:
    """The network's weights and graph in a folder."""
    layers, table, head, bias = network
    arrays: dict[str, Any] = {"embedding": table, "head.weight": head, "head.bias": bias}
    for n, layer in enumerate(layers):
        arrays |= {f"layers.{n}.{name}": array for name, array in layer.stored(STORED_ORDER[cell]).items()}
    model = config_of(cell, activation, vocab_size=4, hidden_size=hidden, embedding_size=2, tie=False)
    folder.mkdir()
    arrays = {name: np.array(array, np.float32) for name, array in arrays.items()}
    save_model(folder, {"forward": Part(model, arrays)}, {})
    return model


def feed_of(model: ModelConfig, width: int) -> dict[str, NDArray[Any]]:
    """Two rows: the ids, and the first three of them. All four tokens are looked up after each place that is real."""
    ids_TB = np.array([IDS, (*IDS[:3], 0, 0, 0)]).T
    places = np.array([*range(0, 12, 2), 1, 3, 5])
    zeros = {"h": np.zeros((2, width), np.float32), "c": np.zeros((2, model.hidden_size), np.float32)}
    return {
        "ids_TB": ids_TB,
        **{f"{s}{layer}": zeros[s] for layer in (0, 1) for s in SPECS[model.cell].states},
        "ends_B": np.array([10, 5]),
        "places_P": places,
        "rows_M": np.repeat(np.arange(9), 4),
        "targets_M": np.tile(np.arange(4), 9),
        "details": np.array(True),
        "group_V": np.array([0, 1, 0, 1], np.float32),
    }


@every_cell
@pytest.mark.parametrize("hidden", [1, 3])
@pytest.mark.parametrize("runtime", ["onnxruntime", "reference"])
def test_the_graph_is_what_the_equations_say(
    cell: CellName, activation: ActivationName, hidden: int, runtime: str, tmp_path: Path
) -> None:
    """Run by ONNX Runtime, and by the reference that comes with ONNX."""
    network = by_hand(cell, activation, hidden)
    layers, table, head, bias = network
    model = store(network, cell, activation, hidden, tmp_path / "model")
    feed = feed_of(model, len(head[0]))
    path = str(tmp_path / "model" / GRAPH)
    runner: Any
    if runtime == "reference":
        runner = ReferenceEvaluator(onnx.load(path))
    else:
        runner = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [f"after_{name}" for name in feed if name[0] in "hc" and name[1:].isdigit()]
    *after, full_PV, logprob_M, rank_M, entropy_P, mass_P = runner.run(
        [*names, "logprobs_PV", "logprob_M", "rank_M", "entropy_P", "mass_P"], feed
    )
    outputs, state = expected(cell, activation, layers, [table[i] for i in IDS])
    _, early = expected(cell, activation, layers, [table[i] for i in IDS[:3]])
    full = [log_softmax(plus(times(head, h), bias)) for h in outputs]
    full += full[:3]
    np.testing.assert_allclose(full_PV, full, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logprob_M, [x for row in full for x in row], rtol=1e-4, atol=1e-5)
    assert rank_M.tolist() == [1 + sum(other > x for other in row) for row in full for x in row]
    entropies = [-sum(math.exp(x) * x for x in row) for row in full]
    np.testing.assert_allclose(entropy_P, entropies, rtol=1e-4, atol=1e-4)
    masses = [math.log(math.exp(row[1]) + math.exp(row[3])) for row in full]
    np.testing.assert_allclose(mass_P, masses, rtol=1e-4, atol=1e-5)
    assert len(after) == len(state)
    for found, late, soon in zip(after, state, early, strict=True):
        np.testing.assert_allclose(found, [late, soon], rtol=1e-4, atol=1e-5)
