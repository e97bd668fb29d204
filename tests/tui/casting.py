"""Models for walks through the app: written for the purpose, and real ones; each can be held in mid-stream, or fail."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from rnncli.api import Model, load
from rnncli.choices import Unit
from rnncli.config import TokenizerKind
from rnncli.inference.engine import Engine, Ids, Prediction, State, Targets, Want
from tests.stories import CalledEngine
from tests.toy import TEXT, ToyEngine, describe, toy_tokenizer

HELD_S = 60
"""How long the model's thread is held before that counts as a walk gone wrong."""
PLAY = "ANNA: Well?\nBERT: No.\nANNA: \nBERT: I will.\nANNA: \nCARL: Hm.\nBERT: Go!\nANNA: Yes.\nCARL: \n"


class ScriptedError(Exception):
    """What a model raises that was told to."""


class Pace:
    """Lets the model's thread go so many calls of the engine, holds it there, lets it go, or has it fail."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self._gate = threading.Event()
        self._gate.set()
        self._left: int | None = None
        self._fails: int | None = None

    def hold(self, calls: int) -> None:
        """Hold the thread after so many calls from now on."""
        self.held.clear()
        self._gate.clear()
        self._left = calls

    def release(self) -> None:
        """Let it go; nothing fails any more."""
        self._left = self._fails = None
        self._gate.set()
        self.held.clear()

    def fail(self, calls: int) -> None:
        """Have the call after so many fail, once."""
        self._fails = calls

    def call(self) -> None:
        """The engine is called."""
        if self._fails is not None:
            self._fails -= 1
            if self._fails < 0:
                self._fails = None
                raise ScriptedError("the model fell over")
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self.held.set()
                assert self._gate.wait(HELD_S)


class Paced:
    """An engine that asks its pace before each call."""

    def __init__(self, engine: Engine, pace: Pace) -> None:
        self._engine, self._pace = engine, pace
        self.vocab_size, self.definition = engine.vocab_size, engine.definition
        self.alike, self.cells = engine.alike, engine.cells

    def workers(self) -> Sequence[Engine]:
        return [Paced(worker, self._pace) for worker in self._engine.workers()]

    def start(self, rows: int) -> State:
        return self._engine.start(rows)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        self._pace.call()
        return self._engine.advance(ids_BT, lengths_B, state, want=want, targets=targets)


class ShapedEngine(CalledEngine):
    """As CalledEngine, and quick where only what comes next is asked for."""

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        if want != "last" or len(ids_BT) != 1:
            return super().advance(ids_BT, lengths_B, state, want=want, targets=targets)
        h_BH = state[0]
        for t in range(ids_BT.shape[1]):
            h_BH = np.tanh(self._embedding[ids_BT[:, t]] + h_BH @ self._recurrent)
        noise = np.random.default_rng(ids_BT.shape[1]).normal(size=h_BH.shape[1])
        moved_BH = h_BH + 0.1 * noise
        return Prediction(self.opinions(moved_BH)), (moved_BH,)


class CountingEngine(ToyEngine):
    """Says what came after the last three tokens of a text: so it writes as the text does."""

    ORDER = 3

    def __init__(self, vocab_size: int, ids: Sequence[int]) -> None:
        super().__init__(vocab_size)
        self._after: dict[tuple[int, ...], Counter[int]] = {}
        for at in range(1, len(ids)):
            for order in range(self.ORDER + 1):
                if order <= at:
                    self._after.setdefault(tuple(ids[at - order : at]), Counter())[ids[at]] += 1

    def start(self, rows: int) -> State:
        return (np.full((rows, self.ORDER), -1.0),)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        last_BO = state[0]
        steps = []
        for t in range(ids_BT.shape[1]):
            moved_BO = np.concatenate([last_BO[:, 1:], ids_BT[:, t, None]], axis=1)
            last_BO = np.where((t < lengths_B)[:, None], moved_BO, last_BO)
            if want != "last":
                steps.append(self.opinions(last_BO))
        if want == "last":
            return Prediction(self.opinions(last_BO)), (last_BO,)
        assert targets is not None
        found = describe(np.stack(steps, axis=1), targets)
        return (found if want == "details" else Prediction(found.logprob)), (last_BO,)

    def opinions(self, h_BH: Any) -> Any:
        """Counts of the longest context that there is, and a little for everything."""
        found = np.full((len(h_BH), self.vocab_size), 0.02 / self.vocab_size)
        for row, last in enumerate(h_BH.astype(int).tolist()):
            known = next(k for k in range(self.ORDER + 1) if tuple(last[k:]) in self._after)
            counts = self._after[tuple(last[known:])]
            total = counts.total()
            for token_id, count in counts.items():
                found[row, token_id] += 0.98 * count / total
        return np.log(found / found.sum(axis=1, keepdims=True))


class Cast:
    """The models of a walk, by the names that the app opens them under."""

    def __init__(self, real: Mapping[str, Path] | None = None) -> None:
        self.pace = Pace()
        self.real = dict(real or {})
        self._written: dict[str, Callable[[], Model]] = {
            "toy": lambda: self._toy("toy", "hybrid", ShapedEngine),
            "bytes": lambda: self._toy("bytes", "byte", lambda size: ToyEngine(size, sharpness=1.0)),
            "chars": lambda: self._toy("chars", "char", ShapedEngine, unit="lines"),
            "words": lambda: self._toy("words", "word", ShapedEngine),
            "play": self._play,
        }

    @property
    def names(self) -> list[str]:
        return [*self._written, *self.real]

    def rows(self) -> list[tuple[str, str]]:
        """As the picker lists them."""
        return [(name, name) for name in self.names]

    def load(self, name: str | None, **how: Any) -> Model:
        """As ``api.load``."""
        assert name is not None
        if name in self._written:
            return self._written[name]()
        model = load(self.real[name], threads=1, **{**how, "device": "cpu"})
        model.engine = Paced(model.engine, self.pace)
        return model

    def _toy(self, name: str, kind: TokenizerKind, make: Callable[[int], Engine], unit: Unit = "stream") -> Model:
        tokenizer = toy_tokenizer(kind)
        return self._model(name, tokenizer, make(tokenizer.vocab_size), unit)

    def _play(self) -> Model:
        tokenizer = toy_tokenizer("char", text=TEXT + PLAY)
        engine = CountingEngine(tokenizer.vocab_size, tokenizer.encode("\n" + PLAY).tolist())
        return self._model("play", tokenizer, engine, "stream")

    def _model(self, name: str, tokenizer: Any, engine: Engine, unit: Unit) -> Model:
        network = {"cell": "elman", "layers": 1, "hidden_size": 8}
        stored = SimpleNamespace(
            direction="forward",
            folder=Path("nowhere") / name,
            config={"parts": [{"model": network}]},
            unit=unit,
            tokenizer=tokenizer,
            fingerprint=f"{name:0<64}",
        )
        return Model(cast(Any, (stored, Paced(engine, self.pace), None)))
