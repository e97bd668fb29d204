"""What a trainer needs of a prepared run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnncli.config import ModelConfig, TrainConfig, Unit
from rnncli.events import Weights
from rnncli.records import Tally
from rnncli.text.resemblance import Resemblance
from rnncli.training.evaluate import Validation

Ids = NDArray[np.unsignedinteger]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A network, how to train it, and the ids to train it on."""

    folder: Path
    """The run's own folder, ``NAME/training``."""
    model: ModelConfig
    train: TrainConfig
    unit: Unit
    newline_id: int
    ids: Ids
    starts: NDArray[np.int64]
    """Line starts of ``ids``; empty for a stream."""
    valid_ids: Ids
    valid_starts: NDArray[np.int64]
    count_text: Callable[[Ids], Tally]
    """Words, characters, bytes and lines of the text of ids."""
    chars_per_token: float | None
    resemblance: Resemblance | None = None
    """What the vocabulary's tokens have in common in writing, where they are to share vectors for it."""
    start_from: Weights | None = None
    """Stored arrays to begin with instead of fresh weights."""

    def validation(self, most_tokens: int) -> Validation:
        """The part of the validation text that is looked at while training runs."""
        starts = self.valid_starts if self.unit == "lines" else None
        return Validation(
            ids=self.valid_ids,
            starts=starts,
            newline_id=self.newline_id,
            count_text=self.count_text,
            most_tokens=most_tokens,
        )
