"""The language model: embedding -> recurrent layers -> features; the head's weights turn features into logits.

Shapes: B batch, T time, E embedding, S state width, D features (E where tied, else S), V vocabulary.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnncli.config import ModelConfig
from rnncli.nn.cells import LayerState, RecurrentLayer
from rnncli.nn.noise import Noise

State: TypeAlias = tuple[LayerState, ...]
"""One entry a layer, the first layer first."""


class LanguageModel(nn.Module):
    """A recurrent language model. ``forward`` gives features; likelihood.py alone makes probabilities of them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(config.vocab_size, config.embedding_size))
        self.layers = nn.ModuleList()
        width = config.embedding_size
        for _ in range(config.layers):
            layer = RecurrentLayer(config.cell, width, config.hidden_size, config.activation, config.forget_bias)
            self.layers.append(layer)
            width = layer.state_size
        narrow = config.tie and config.embedding_size != width
        self.projection = nn.Parameter(torch.empty(config.embedding_size, width)) if narrow else None
        self.untied = None if config.tie else nn.Parameter(torch.empty(config.vocab_size, width))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    @property
    def head(self) -> Tensor:
        """The (V, D) matrix that features are multiplied with."""
        return self.head_beside(self.embedding)

    def head_beside(self, embedding_VE: Tensor) -> Tensor:
        """The same where ``embedding_VE`` stands in for the model's own."""
        return embedding_VE if self.untied is None else self.untied

    def reset(self, seed: int) -> LanguageModel:
        """Fresh weights, a function of ``seed`` alone."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            # Tied, the embedding is also the head: kept small, the first predictions are close to uniform.
            self.embedding.uniform_(-0.1, 0.1, generator=generator)
            for weight in (self.projection, self.untied):
                if weight is not None:
                    weight.uniform_(-0.1, 0.1, generator=generator)
            self.bias.zero_()
            for layer in self._layers():
                layer.reset(generator)
        return self

    def start(self, rows: int) -> State:
        """The state before any token."""
        return tuple(layer.start(rows) for layer in self._layers())

    def forward(
        self,
        ids_BT: Tensor,
        state: State,
        *,
        lengths_B: Tensor | None = None,
        noise: Noise | None = None,
        embedding: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Features (B, T, D) after each token, and the state at each row's last real one.

        Rows are padded on the right; without ``lengths_B`` the state counts padding as text, so give it wherever
        a ragged batch's state is used. ``noise`` switches dropout on. ``embedding`` (V, E) stands in for the
        model's own.
        """
        config = self.config
        x = F.embedding(ids_BT, self.embedding if embedding is None else embedding)
        if noise is not None:
            x = noise.tokens(x, ids_BT, config.vocab_size, config.embedding_dropout)
            x = noise.locked(x, config.input_dropout)
        after: list[LayerState] = []
        for layer, before in zip(self._layers(), state, strict=True):
            R = None if noise is None else noise.weights(layer.R, config.recurrent_dropout)
            x, layer_state = layer(x, before, lengths_B=lengths_B, R=R)
            if noise is not None:
                x = noise.locked(x, config.dropout)
            after.append(layer_state)
        if self.projection is not None:
            x = F.linear(x, self.projection)
        return x, tuple(after)

    def _layers(self) -> list[RecurrentLayer]:
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]


def detach(state: State) -> State:
    """The same values, cut from the graph: truncated back-propagation through time."""
    return tuple(tuple(array.detach() for array in layer) for layer in state)


def flat(state: State) -> tuple[Tensor, ...]:
    """All arrays of a state in one row, the first layer's first."""
    return tuple(array for layer in state for array in layer)


def unflat(arrays: tuple[Tensor, ...], layers: int) -> State:
    """What ``flat`` flattened."""
    each = len(arrays) // layers
    return tuple(tuple(arrays[i * each : (i + 1) * each]) for i in range(layers))
