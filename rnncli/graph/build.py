"""The graph of a model: embedding, layers, head, log-probabilities. See the package for its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from rnncli.arrays import ArrayPlace
from rnncli.config import ModelConfig, Precision
from rnncli.graph import messages
from rnncli.graph.cells import STEPS, Layer
from rnncli.graph.messages import BOOL, FLOAT, INT64, Message, Subgraph
from rnncli.graph.nodes import Nodes
from rnncli.graph.products import CONTRIB, Products
from rnncli.precision import FEATURES, is_projected, layer_source
from rnncli.spec import CELLS, state_width
from rnncli.store import GRAPH_VERSION

OPSET, IR_VERSION = 18, 9
"""Of ONNX 1.14 (2023): every ONNX Runtime since 1.15 reads it."""


def build_graph(model: ModelConfig, places: Mapping[str, ArrayPlace], precision: Precision) -> bytes:
    """The bytes of model.onnx: a function of the config and of where the arrays lie, so every save has the same."""
    return _built(model, tuple(places.items()), precision)


@lru_cache(maxsize=16)
def _built(model: ModelConfig, places: tuple[tuple[str, ArrayPlace], ...], precision: Precision) -> bytes:
    builder = _Builder(model, dict(places), precision)
    builder.layers()
    builder.head()
    return builder.serialized()


class _Builder:
    def __init__(self, model: ModelConfig, places: Mapping[str, ArrayPlace], precision: Precision) -> None:
        self.model = model
        self.nodes = Nodes()
        self.products = Products(self.nodes, places, precision)
        self.width = state_width(model.hidden_size, model.activation if model.cell == "rnn" else "tanh")
        self.inputs = [_value("ids_TB", INT64, "T", "B")]
        self.outputs: list[Message] = []
        self.last = ""

    def layers(self) -> None:
        """All layers, one after the other; the last one's states (T, B, S) become the head's."""
        share = self._first_share()
        self.inputs += [
            _value(f"{state}{layer}", FLOAT, "B", self._state_size(state))
            for layer in range(self.model.layers)
            for state in CELLS[self.model.cell].states
        ]
        self.inputs.append(_value("ends_B", INT64, "B"))
        for layer in range(self.model.layers):
            if layer:
                bias, _ = self._biases(layer)
                rows = self._flat(self.last, self.width)
                source = layer_source(layer - 1)
                share = self.products.multiply(self.nodes, rows, source, f"layers.{layer}.W", bias)
            self.last = self._scan(layer, self._timed(share))

    def _first_share(self) -> str:
        """The embeddings' share of the first layer's gates, (T * B, G): of each distinct token once."""
        ids = self.nodes.add("Reshape", "ids_TB", self.nodes.constant([-1]))
        outputs = self.nodes.add_many("Unique", [ids], 4, sorted=0)
        distinct, inverse = outputs[0], outputs[2]
        bias, _ = self._biases(0)
        shares = self.products.multiply_rows(self.nodes, "embedding", distinct, "layers.0.W", bias)
        return self.nodes.add("Gather", shares, inverse, axis=0)

    def _biases(self, layer: int) -> tuple[str, str]:
        """What is added to the input's share, and to the recurrent product (GRU only: else both go to the input)."""
        rows = len(CELLS[self.model.cell].gates) * self.model.hidden_size
        both = self.nodes.add("Reshape", self.products.vector(f"layers.{layer}.B"), self.nodes.constant([2, rows]))
        of_W, of_R = (
            self.nodes.add("Squeeze", half, self.nodes.constant([0]))
            for half in self.nodes.add_many("Split", [both], 2, axis=0, num_outputs=2)
        )
        return (of_W, of_R) if self.model.cell == "gru" else (self.nodes.add("Add", of_W, of_R), "")

    def _scan(self, layer: int, share_TBG: str) -> str:
        """One layer over time. Its states at the rows' ends become outputs; all of its h are returned."""
        states = CELLS[self.model.cell].states
        body = Nodes(f"layer{layer}/")

        def recur(nodes: Nodes, h: str, addend: str) -> str:
            return self.products.multiply(nodes, h, layer_source(layer), f"layers.{layer}.R", addend)

        parts = Layer(self.model.activation, recur, self._biases(layer)[1])
        before = [f"layer{layer}/{state}" for state in states]
        after = STEPS[self.model.cell](body, parts, f"layer{layer}/share", before)
        for state, value in zip(states, after, strict=True):
            body.copy(body.name(value, f"layer{layer}/next_{state}"), f"layer{layer}/each_{state}")
        widths = [self._state_size(state) for state in states]
        carried = [_value(f"layer{layer}/next_{s}", FLOAT, "B", w) for s, w in zip(states, widths, strict=True)]
        each = [_value(f"layer{layer}/each_{s}", FLOAT, "B", w) for s, w in zip(states, widths, strict=True)]
        given = [_value(name, FLOAT, "B", w) for name, w in zip(before, widths, strict=True)]
        given.append(_value(f"layer{layer}/share", FLOAT, "B", None))
        graph = _graph(f"layer{layer}", body, given, [*carried, *each])
        inputs = [*(f"{state}{layer}" for state in states), share_TBG]
        outputs = self.nodes.add_many("Scan", inputs, 2 * len(states), body=graph, num_scan_inputs=1)
        for state, steps, width in zip(states, outputs[len(states) :], widths, strict=True):
            ends = self.nodes.add("Gather", self._flat(steps, width), "ends_B", axis=0)
            self.nodes.name(ends, f"after_{state}{layer}")
            self.outputs.append(_value(f"after_{state}{layer}", FLOAT, "B", width))
        return outputs[len(states)]

    def head(self) -> None:
        """Log-probabilities at the places asked for: of every token, of the targets; ranks and entropies if wanted."""
        nodes, model = self.nodes, self.model
        self.inputs += [
            _value("places_P", INT64, "P"),
            _value("rows_M", INT64, "M"),
            _value("targets_M", INT64, "M"),
            _value("details", BOOL),
            _value("group_V", FLOAT, model.vocab_size),
        ]
        x = nodes.add("Gather", self._flat(self.last, self.width), "places_P", axis=0)
        source = layer_source(model.layers - 1)
        if is_projected(model):
            x, source = self.products.multiply(nodes, x, source, "projection", None), FEATURES
        matrix = "embedding" if model.tie else "head.weight"
        logits = self.products.logits(nodes, x, source, matrix, self.products.vector("head.bias"))
        full = nodes.name(nodes.add("LogSoftmax", logits, axis=-1), "logprobs_PV")
        pairs = [nodes.add("Unsqueeze", part, nodes.constant([1])) for part in ("rows_M", "targets_M")]
        nodes.name(nodes.add("GatherND", full, nodes.add("Concat", *pairs, axis=1)), "logprob_M")
        details = nodes.add_many(
            "If", ["details"], 3, then_branch=_details(full, "logprob_M"), else_branch=_no_details()
        )
        for value, name in zip(details, ("rank_M", "entropy_P", "mass_P"), strict=True):
            nodes.name(value, name)
        self.outputs += [
            _value("logprobs_PV", FLOAT, "P", model.vocab_size),
            _value("logprob_M", FLOAT, "M"),
            _value("rank_M", INT64, None),
            _value("entropy_P", FLOAT, None),
            _value("mass_P", FLOAT, None),
        ]

    def serialized(self) -> bytes:
        graph = _graph("rnncli", self.nodes, self.inputs, self.outputs)
        opsets = {"": OPSET, CONTRIB: 1}
        return messages.model(graph, ir_version=IR_VERSION, producer=GRAPH_VERSION, opsets=opsets)

    def _state_size(self, state: str) -> int:
        return self.width if state == "h" else self.model.hidden_size

    def _flat(self, x_TBD: str, width: int) -> str:
        """(T * B, D)"""
        return self.nodes.add("Reshape", x_TBD, self.nodes.constant([-1, width]))

    def _timed(self, x_ND: str) -> str:
        """(T, B, D) of (T * B, D)."""
        shape = self.nodes.add("Shape", "ids_TB")
        return self.nodes.add("Reshape", x_ND, self.nodes.add("Concat", shape, self.nodes.constant([-1]), axis=0))


def _value(name: str, element: int, *shape: str | int | None) -> Message:
    return messages.value(name, element, shape)


def _graph(name: str, nodes: Nodes, inputs: Sequence[Message], outputs: Sequence[Message]) -> Subgraph:
    return messages.graph(name, nodes.nodes, inputs, outputs, nodes.initializers.values())


def _details(full: str, logprob: str) -> Subgraph:
    """Ranks of the targets, 1 the likeliest; entropies in nats of the predictions, and the group's mass in each."""
    nodes = Nodes("details/")
    mine = nodes.add("Unsqueeze", logprob, nodes.constant([1]))
    rows = nodes.add("Gather", full, "rows_M", axis=0)
    above = nodes.add("Cast", nodes.add("Greater", rows, mine), to=FLOAT)
    count = nodes.add("ReduceSum", above, nodes.constant([1]), keepdims=0)
    rank = nodes.add("Add", nodes.add("Cast", count, to=INT64), nodes.constant(1))
    nodes.name(rank, "details/rank")
    # p log p of a token that cannot come is 0, not 0 times infinity.
    finite = nodes.add("Max", full, nodes.constant(np.finfo(np.float32).min, np.float32))
    chances = nodes.add("Exp", full)
    terms = nodes.add("Mul", chances, finite)
    nodes.name(nodes.add("Neg", nodes.add("ReduceSum", terms, nodes.constant([1]), keepdims=0)), "details/entropy")
    # Summed row by row and not as a product: that may round by the company a row is in.
    mass = nodes.add("ReduceSum", nodes.add("Mul", chances, "group_V"), nodes.constant([1]), keepdims=0)
    least, most = (nodes.constant(bound, np.float32) for bound in (np.finfo(np.float32).tiny, 1))
    nodes.name(nodes.add("Log", nodes.add("Clip", mass, least, most)), "details/mass")
    outputs = [
        _value("details/rank", INT64, "M"),
        _value("details/entropy", FLOAT, "P"),
        _value("details/mass", FLOAT, "P"),
    ]
    return _graph("details", nodes, [], outputs)


def _no_details() -> Subgraph:
    nodes = Nodes("none/")
    nodes.copy(nodes.constant(np.zeros(0)), "none/rank")
    outputs = [_value("none/rank", INT64, 0)]
    for name in ("none/entropy", "none/mass"):
        nodes.copy(nodes.constant(np.zeros(0), np.float32), name)
        outputs.append(_value(name, FLOAT, 0))
    return _graph("none", nodes, [], outputs)
