"""Real model folders around small networks that were trained for a few steps."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from rnncli.config import ActivationName, CellName, ModelConfig, TokenizerConfig, TokenizerKind, TrainConfig, to_dict
from rnncli.graph.saving import Part, save_model
from rnncli.nn.weights import to_arrays
from rnncli.precision import Arrays, is_bounded
from rnncli.spec import state_width
from rnncli.store import TOKENIZER, part_config
from rnncli.text.tokenizers import Tokenizer, train_tokenizer
from rnncli.training.batches import Batch
from rnncli.training.beginning import new_model
from rnncli.training.learner import Learner
from tests.conftest import TINY_TEXT
from tests.nets import MACHINE, config_of

TEXT = TINY_TEXT[:2000] + "春眠不覺曉，處處聞啼鳥。\nça va 🙂\n"
KINDS: tuple[TokenizerKind, ...] = ("hybrid", "word", "char", "bpe", "byte")
HEADS = ("tied", "projected", "untied")
STEPS, ROWS, TOKENS, RATE = 2, 4, 8, 0.03


@functools.cache
def tokenizer_of(kind: TokenizerKind) -> Tokenizer:
    """A tokenizer with the vocabulary of TEXT."""
    return train_tokenizer([TEXT], TokenizerConfig(kind=kind, vocab_size=40))


def network_of(
    cell: CellName, activation: ActivationName, kind: TokenizerKind, head: str, layers: int, *, hidden: int = 6
) -> ModelConfig:
    """A small network with a head of one of HEADS; a projection comes of an embedding narrower than the state."""
    width = state_width(hidden, activation)
    return config_of(
        cell,
        activation,
        vocab_size=tokenizer_of(kind).vocab_size,
        layers=layers,
        hidden_size=hidden,
        embedding_size=width if head == "tied" else 5,
        tie=head != "untied",
    )


def train_briefly(model: ModelConfig, tokenizer: Tokenizer, *, seed: int = 1) -> Arrays:
    """Weights after a few steps on TEXT."""
    settings = TrainConfig(precision="fp32", optimizer="adamw", learning_rate=RATE)
    learner = Learner(new_model(model, seed), settings, MACHINE)
    ids = np.resize(tokenizer.encode(TEXT), (STEPS, ROWS, TOKENS + 1)).astype(np.int64)
    all_counted, none_reset = np.ones((ROWS, TOKENS), bool), np.zeros(ROWS, bool)
    for step, ids_BT in enumerate(ids):
        learner.step(Batch(ids_BT[:, :-1], ids_BT[:, 1:], all_counted, none_reset), RATE, step, carry=False)
    return steady(to_arrays(model, learner.weights()), model)


def steady(arrays: Arrays, model: ModelConfig) -> Arrays:
    """Recurrent weights of unbounded activations shrunk, where need be, so that states fade, as training has it.

    A few steps do not get there, and float32 has no ten-thousandths of a log-probability in the thousands.
    """
    if is_bounded(model):
        return arrays
    recurrent = {name: array for name, array in arrays.items() if name.endswith(".R")}
    return arrays | {name: R * min(1, 0.8 / np.linalg.norm(R, 2)) for name, R in recurrent.items()}


def save_folder(folder: Path, arrays: Arrays, model: ModelConfig, tokenizer: Tokenizer) -> Path:
    """A model folder as a training leaves it, but for the card."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder / TOKENIZER)
    described = {"unit": "stream", "tokenizer": {"kind": tokenizer.kind}, "parts": [part_config(to_dict(model))]}
    save_model(folder, {"forward": Part(model, arrays)}, described)
    return folder


def make_folder(
    folder: Path,
    cell: CellName = "lstm",
    activation: ActivationName = "tanh",
    kind: TokenizerKind = "hybrid",
    head: str = "tied",
    layers: int = 1,
    *,
    hidden: int = 6,
    seed: int = 1,
) -> Path:
    """A network, trained and stored."""
    model, tokenizer = network_of(cell, activation, kind, head, layers, hidden=hidden), tokenizer_of(kind)
    return save_folder(folder, train_briefly(model, tokenizer, seed=seed), model, tokenizer)
