"""The numbers of a run, and what of its saved state shows without PyTorch: places, sizes, the sum of its bytes."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rnncli.arrays import ArrayPlace, pieces, read_header
from rnncli.config import typed
from rnncli.errors import ModelError
from rnncli.guarded import open_file, told

STATE = "state.safetensors"
SHARED, COMPANY = "shared", "company"
"""The parameter in which tokens of like spelling share, beside those that a model has."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The numbers of a run between two steps. A value: each step makes a new one."""

    step: int = 0
    spent: float = 0.0
    """Seconds of the training budget that are used."""
    total: float | None = None
    """Seconds of training that the budget allows, where time is the budget; fixed when the run first starts."""
    marks: int = 0
    """Of the shares of a clocked budget at which to evaluate, how many were passed at the last evaluation."""
    looked_at: int | None = None
    """Tokens of the validation text that evaluations read, where time is the budget; None: not chosen yet."""
    evaluated: int = -1
    """The step of the last evaluation."""
    best: float | None = None
    """Validation loss of the best weights so far, nats per token."""
    best_step: int = 0
    since_best: int = 0
    plateaus: int = 0
    recent: tuple[float, ...] = ()
    """Validation losses so far: averaged SGD looks back at them."""
    skipped: int = 0
    restores: int = 0
    rate_scale: float = 1.0
    loss_scale: float = 65536.0
    good_steps: int = 0
    average_updates: int = 0
    average_on: bool = False
    train_loss: float | None = None
    """Smoothed training loss, nats per token, dropout on."""
    tokens: int = 0

    def after(self, loss: float, tokens: int, *, taken: bool) -> Progress:
        """What a step makes of it; one whose numbers were not finite was not taken, and says nothing of the loss."""
        smooth = self.train_loss
        if taken:
            smooth = loss if smooth is None else 0.99 * smooth + 0.01 * loss
        return dataclasses.replace(
            self,
            step=self.step + 1,
            tokens=self.tokens + tokens,
            skipped=self.skipped + (not taken),
            train_loss=smooth,
        )


def check_state(path: Path) -> tuple[dict[str, ArrayPlace], Progress]:
    """Where the arrays of a saved state lie, and its numbers; a ModelError where they are not as they were saved."""
    try:
        places, words = read_header(path)
        found = checksum(path, places)
        if found != words.get("checksum", found):
            raise ValueError("its sum is not the one that was saved with it")
        return places, _read(words["progress"])
    except ModelError as error:
        raise ModelError(error.message, hint=cure(path)) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is truncated or altered: {told(error)}", hint=cure(path)) from error


def cure(path: Path) -> str:
    """Of a broken state."""
    return f"Delete {path.parent.name}/ to keep the model as it is, or train again with --overwrite."


def checksum(path: Path, places: Mapping[str, ArrayPlace]) -> str:
    """CRC-32 of the bytes of all arrays, in the order of their names: what a disk does to them shows."""
    found = 0
    with open_file(path) as file:
        for _, place in sorted(places.items()):
            for piece in pieces(file, place):
                found = zlib.crc32(piece, found)
    return f"{found:08x}"


def _read(numbers: str) -> Progress:
    """A ValueError or a TypeError where a number is one that no run has."""
    values = json.loads(numbers)
    recent = tuple(values["recent"])
    if not all(type(loss) is float for loss in recent):
        raise ValueError("it has losses that are none")
    progress = typed(Progress, {**values, "recent": recent})
    counts = dataclasses.asdict(replace(progress, evaluated=max(0, progress.evaluated), recent=(), best=None))
    if any(isinstance(count, int | float) and not 0 <= count < 2**63 for count in counts.values()):
        raise ValueError("it counts what cannot be")
    if progress.rate_scale == 0 or progress.loss_scale == 0:
        raise ValueError("it scales by nothing")
    return progress
