"""Hosts without a network, and without a trace in the user's folders."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set before a host is imported: they look at these once."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
            patch.setenv(name, "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        patch.setenv("LLM_USER_PATH", str(tmp_path_factory.mktemp("llm")))
        import llm
        import lm_eval.evaluator
        import lm_eval.tasks

        assert llm
        assert lm_eval
        yield


@pytest.fixture
def library(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which ``tiny`` is a model by name."""
    monkeypatch.delenv("RNNCLI_MODEL", raising=False)
    monkeypatch.delenv("RNNCLI_ENGINE", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/tiny").symlink_to(tiny_model)
    return tmp_path
