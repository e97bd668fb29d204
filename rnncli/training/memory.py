"""How much memory training a plan takes. No torch."""

from __future__ import annotations

from rnncli.config import ModelConfig, TrainConfig
from rnncli.device import DeviceKind
from rnncli.precision import parameter_count
from rnncli.spec import CELLS


def memory_needed(model: ModelConfig, train: TrainConfig, device: DeviceKind = "cpu") -> int:
    """Bytes of the device that training takes, PyTorch itself included, to within a half."""
    states = 2 if train.optimizer == "adamw" else 0
    averages = 1 if train.ema or train.optimizer == "asgd" else 0
    # weights, gradients, the evaluated copy twice, low-precision copies; optimizer state and averages
    weights = parameter_count(model) * 4 * (5 + states + averages)
    if train.share_spelling:  # about as many vectors as there are tokens, and the sums
        weights += model.vocab_size * model.embedding_size * 4 * (4 + states + averages)
    if train.share_company:  # vectors, and what they are made with
        weights += model.vocab_size * model.embedding_size * 4 * 6
    tokens = train.batch_size * train.bptt
    gates = len(CELLS[model.cell].gates)
    activations = tokens * 4 * model.layers * model.hidden_size * (gates + 6)
    logits = min(tokens * model.vocab_size * 4, 1 << (26 if device == "cuda" else 24)) * 4
    return 400_000_000 + weights + activations + logits
