"""A network whose weights are too large says so: no score and no sample is made of what is no number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnncli.api import Model, load
from rnncli.choices import EngineName
from rnncli.errors import ModelError
from rnncli.store import open_folder
from tests.folders import make_folder, save_folder

LARGEST = float(np.finfo(np.float32).max)


@pytest.fixture(params=["onnx", "torch"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    """Its biases are finite; their differences, which a logarithm is made of, are not."""
    folder = make_folder(tmp_path / "model", kind="char", head="untied")
    stored = open_folder(folder)
    bias = np.where(np.arange(stored.model.vocab_size) % 2, LARGEST, -LARGEST).astype(np.float32)
    save_folder(folder, {**stored.arrays, "head.bias": bias}, stored.model, stored.tokenizer)
    engine: EngineName = request.param
    return load(folder, engine=engine, device="cpu", threads=1)


def test_scores(model: Model) -> None:
    for details in (False, True):
        with pytest.raises(ModelError, match="overflow"):
            model.score(["Anna saw the moon.", ""], tokens=details, words=details)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}, {"beam": 2, "temperature": 0.0}])
def test_samples(model: Model, settings: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="overflow"):
        model.sample("Anna", max_tokens=3, seed=1, **settings)
