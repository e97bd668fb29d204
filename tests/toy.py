"""A model small enough to check by hand: engines in numpy, and tokenizers trained on a few words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.inference.engine import Ids, Prediction, State, Want
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
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets_BT: Ids | None = None
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
        assert targets_BT is not None
        found = describe(np.stack(steps, axis=1), targets_BT, lengths_B)
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
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets_BT: Ids | None = None
    ) -> tuple[Prediction, State]:
        last_B = ids_BT[np.arange(len(ids_BT)), lengths_B - 1]
        after: State = (last_B[:, None].astype(np.float64),)
        if want == "last":
            return Prediction(self._table[last_B]), after
        assert targets_BT is not None
        found = describe(self._table[ids_BT], targets_BT, lengths_B)
        return (found if want == "details" else Prediction(found.logprob)), after


def uniform_engine(vocab_size: int) -> FixedEngine:
    """Every token is as likely as any other."""
    return FixedEngine(np.full((vocab_size, vocab_size), 1 / vocab_size))


def describe(logprobs_BTV: NDArray[np.float64], targets_BT: Ids, lengths_B: Ids) -> Prediction:
    """Log-probability, rank and entropy of each target, 0 past a row's length."""
    real_BT = np.arange(targets_BT.shape[1]) < lengths_B[:, None]
    target_BT1 = np.take_along_axis(logprobs_BTV, targets_BT[..., None], axis=-1)
    rank_BT = 1 + (logprobs_BTV > target_BT1).sum(axis=-1)
    terms: Any = np.exp(logprobs_BTV) * np.where(np.isfinite(logprobs_BTV), logprobs_BTV, 0)
    return Prediction(target_BT1[..., 0] * real_BT, rank_BT * real_BT, -terms.sum(axis=-1) * real_BT)
