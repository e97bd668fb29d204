"""A model small enough to check by hand: engines in numpy, and tokenizers trained on a few words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.inference.engine import Engine, Ids, Prediction, State, Targets, Want
from rnncli.text.tokenizers import Tokenizer, train_tokenizer

TEXT = """the cat sat on the mat.
the dog saw the cat, and the cat saw the dog.
then there were three: "this", "that" and the other.
they don't know what they don't know.
春眠不覺曉，處處聞啼鳥。
ça va 🙂 ok 12 12
  two  spaces  two  spaces
"""


def toy_tokenizer(kind: TokenizerKind = "hybrid", *, vocab_size: int = 300, text: str = TEXT) -> Tokenizer:
    """A real tokenizer with the vocabulary of a few lines."""
    return train_tokenizer([text], TokenizerConfig(kind=kind, vocab_size=vocab_size))


class ToyEngine:
    """An Elman network with random weights, in float64; ``sharpness`` scales its opinions."""

    name = "toy"
    definition: ClassVar[Mapping[str, str]] = {"engine": "toy", "weights": "float64"}
    alike = 8
    cells = 64

    def workers(self) -> Sequence[Engine]:
        return [self]

    def __init__(self, vocab_size: int, *, hidden: int = 8, seed: int = 0, sharpness: float = 3.0) -> None:
        rng = np.random.default_rng(seed)
        self.vocab_size = vocab_size
        self.calls: list[tuple[int, ...]] = []
        self._hidden = hidden
        self._embedding = rng.normal(size=(vocab_size, hidden))
        self._recurrent = rng.normal(size=(hidden, hidden)) / math.sqrt(hidden)
        self._head = rng.normal(size=(hidden, vocab_size)) * sharpness / math.sqrt(hidden)

    def start(self, rows: int) -> State:
        return (np.zeros((rows, self._hidden)),)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        self.calls.append(ids_BT.shape)
        assert lengths_B.max() == ids_BT.shape[1]
        h_BH = state[0]
        steps = []
        for t in range(ids_BT.shape[1]):
            moved_BH = np.tanh(self._embedding[ids_BT[:, t]] + h_BH @ self._recurrent)
            h_BH = np.where((t < lengths_B)[:, None], moved_BH, h_BH)
            steps.append(self.opinions(h_BH))
        if want == "last":
            return Prediction(self.opinions(h_BH)), (h_BH,)
        assert targets is not None
        found = describe(np.stack(steps, axis=1), targets)
        return (found if want == "details" else Prediction(found.logprob)), (h_BH,)

    def opinions(self, h_BH: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-probabilities (B, V) for the token after each state."""
        logits_BV = h_BH @ self._head
        total: NDArray[np.float64] = logits_BV - np.logaddexp.reduce(logits_BV, axis=-1, keepdims=True)
        return total


class FixedEngine(ToyEngine):
    """Says after each token what a table says: ``probabilities`` (V, V), a row for each token read last."""

    name = "fixed"

    def __init__(self, probabilities: NDArray[np.float64]) -> None:
        super().__init__(len(probabilities))
        with np.errstate(divide="ignore"):
            self._table = np.log(probabilities)

    def start(self, rows: int) -> State:
        return (np.zeros((rows, 1)),)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        last_B = ids_BT[np.arange(len(ids_BT)), lengths_B - 1]
        after: State = (last_B[:, None].astype(np.float64),)
        if want == "last":
            return Prediction(self._table[last_B]), after
        assert targets is not None
        found = describe(self._table[ids_BT], targets)
        return (found if want == "details" else Prediction(found.logprob)), after


def uniform_engine(vocab_size: int) -> FixedEngine:
    """Every token is as likely as any other."""
    return FixedEngine(np.full((vocab_size, vocab_size), 1 / vocab_size))


def describe(logprobs_BTV: NDArray[np.float64], targets: Targets) -> Prediction:
    """Log-probability, rank and entropy of each target, and the group's mass there."""
    all_MV = logprobs_BTV.reshape(-1, logprobs_BTV.shape[-1])[targets.places_P][targets.rows_M]
    mine_M1 = np.take_along_axis(all_MV, targets.ids_M[:, None], axis=-1)
    terms: Any = np.exp(all_MV) * np.where(np.isfinite(all_MV), all_MV, 0)
    group = np.zeros(all_MV.shape[-1]) if targets.group_V is None else targets.group_V
    mass = np.log(np.clip((np.exp(all_MV) * group).sum(axis=-1), np.finfo(np.float32).tiny, 1))
    return Prediction(mine_M1[:, 0], 1 + (all_MV > mine_M1).sum(axis=-1), -terms.sum(axis=-1), mass)


def targets_of(targets_BT: Ids, lengths_B: Ids) -> Targets:
    """One target after each real token."""
    real_BT = np.arange(targets_BT.shape[1]) < np.asarray(lengths_B)[:, None]
    places = np.flatnonzero(real_BT)
    return Targets(places, np.arange(len(places)), targets_BT[real_BT])


def spread(values_M: NDArray[Any], lengths_B: Ids) -> NDArray[Any]:
    """What was found for ``targets_of``, in its places: (B, T), 0 past a row's length."""
    real_BT = np.arange(max(lengths_B)) < np.asarray(lengths_B)[:, None]
    values_BT = np.zeros(real_BT.shape, values_M.dtype)
    values_BT[real_BT] = values_M
    return values_BT
