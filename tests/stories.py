"""What the tests of stories share: an engine whose state tells how it was called, and caches that overflow."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from rnncli.inference import rewinding, stepping, tree
from rnncli.inference.engine import Ids, Prediction, State, Targets, Want
from tests.toy import ToyEngine


class CalledEngine(ToyEngine):
    """Its state depends on the shape of each call that led to it, as rounding does, but far more."""

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        found, (h_BH,) = super().advance(ids_BT, lengths_B, state, want=want, targets=targets)
        noise = np.random.default_rng(zlib.crc32(repr(ids_BT.shape).encode())).normal(size=h_BH.shape[1])
        moved_BH = h_BH + 0.1 * noise
        return (Prediction(self.opinions(moved_BH)) if want == "last" else found), (moved_BH,)


def bits(state: State) -> bytes:
    """All numbers of a state, to the bit."""
    return b"".join(array.tobytes() for array in state)


@contextmanager
def small_caches(recent: int = 3, spacing: int = 4, checkpoints: int = 4, chunk: int = 5) -> Iterator[None]:
    """So little is kept that nearly every state must be made again, and typed text is read in many calls."""
    kept: dict[str, Any] = {
        "RECENT_STATES": recent,
        "RECENT_PREDICTIONS": 2,
        "SPACING": spacing,
        "MOST_CHECKPOINTS": checkpoints,
    }
    with (
        patch.multiple(rewinding, **kept),
        patch.object(tree, "CHUNK", chunk),
        patch.object(stepping, "CHUNK", chunk),
    ):
        yield
