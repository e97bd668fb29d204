"""All settings of a run, before it begins. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnncli.config import CorpusConfig, ModelConfig, TokenizerConfig, TrainConfig, Unit
from rnncli.events import Setting


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All settings of a run, and why each is as it is."""

    corpus: CorpusConfig
    tokenizer: TokenizerConfig
    model: ModelConfig
    """Its vocab_size is an estimate until the tokenizer is made."""
    train: TrainConfig
    unit: Unit
    valid_fraction: float
    share: float
    """Share of the training text that is used."""
    settings: tuple[Setting, ...]

    def as_dict(self) -> dict[str, Any]:
        """The settings as the ``plan`` event has them."""
        return {s.name: {"value": s.value, "why": s.why} for s in self.settings}
