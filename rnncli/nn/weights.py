"""Between PyTorch's parameters and the stored arrays, whose gates are in ONNX order."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnncli.config import ModelConfig
from rnncli.nn.model import LanguageModel
from rnncli.precision import Arrays
from rnncli.spec import CELLS


def named_parameters(model: LanguageModel) -> dict[str, Tensor]:
    """The model's parameters under the names of the stored arrays (PyTorch's gate order)."""
    named: dict[str, Tensor] = {"embedding": model.embedding}
    for index, layer in enumerate(model._layers()):
        named |= {f"layers.{index}.W": layer.W, f"layers.{index}.R": layer.R, f"layers.{index}.B": layer.B}
    if model.projection is not None:
        named["projection"] = model.projection
    if model.untied is not None:
        named["head.weight"] = model.untied
    return {**named, "head.bias": model.bias}


def to_arrays(config: ModelConfig, tensors: dict[str, Tensor]) -> Arrays:
    """Copies of named tensors as the folder stores them."""
    order = np.argsort(CELLS[config.cell].torch_order)
    return {
        name: _reorder(tensor.detach().float().cpu().numpy(), name, order, config.hidden_size)
        for name, tensor in tensors.items()
    }


def from_arrays(model: LanguageModel, arrays: Arrays) -> LanguageModel:
    """The model with the stored weights in it."""
    order = np.array(CELLS[model.config.cell].torch_order)
    with torch.no_grad():
        for name, parameter in named_parameters(model).items():
            array = _reorder(arrays[name], name, order, model.config.hidden_size)
            parameter.copy_(torch.from_numpy(array).view(parameter.shape))
    return model


def _reorder(array: np.ndarray, name: str, order: np.ndarray, hidden_size: int) -> np.ndarray:
    """The array with its gate blocks taken in ``order``; other arrays are copied as they are."""
    if not name.startswith("layers."):
        return array.copy()
    copies = 2 if name.endswith(".B") else 1
    blocks = array.reshape(copies, len(order), hidden_size, -1)[:, order]
    return np.ascontiguousarray(blocks).reshape(-1 if copies == 2 else len(order) * hidden_size, *_tail(array, copies))


def _tail(array: np.ndarray, copies: int) -> tuple[int, ...]:
    return () if copies == 2 else array.shape[1:]
