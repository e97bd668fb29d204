"""The ONNX Runtime engine: what a processor runs all day, without PyTorch. The graph is graph/'s.

Shapes: T time, B rows, V vocabulary, P places, M targets.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import onnxruntime
except Exception as error:  # what a broken installation raises is anything
    raise ImportError(f"ONNX Runtime cannot be loaded: {error}") from error

from rnncli.arrays import stamp
from rnncli.errors import ModelError, RnncliError
from rnncli.inference.engine import Ids, Prediction, State, Targets, Want, check_finite
from rnncli.spec import CELLS, state_width
from rnncli.store import WEIGHTS, Stored

OLDEST = (1, 20)
if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < OLDEST:
    raise ImportError(f"ONNX Runtime {onnxruntime.__version__} is older than {'.'.join(map(str, OLDEST))}")
SILENT = 4
"""ONNX Runtime's severity of what ends the process: all else reaches the user as our own errors, or not at all."""
FEW_CELLS, MANY_CELLS = 64, 512
"""Tokens of one run: fewer waste time on calls, more gain nothing."""
LOGITS = 6_000_000
"""Logits of one run, which a large vocabulary has too many of: every thread holds them twice."""
NO_IDS = np.zeros(0, np.int64)
NO_DETAILS, DETAILS = np.array(False), np.array(True)


class OnnxEngine:
    """Runs a stored model's graph on the processor, over the weights where they lie on the disk.

    ``graph``: the graph's bytes, made here (graph/saving.py). Every row comes out the same to the bit whatever the
    batch (see graph/), so that scores and samples depend on nothing but the text.
    """

    alike = 1

    def __init__(self, stored: Stored, threads: int, graph: bytes) -> None:
        self.vocab_size = stored.model.vocab_size
        self.definition = {"engine": "onnx", "weights": stored.precision}
        self.cells = min(max(LOGITS // self.vocab_size, FEW_CELLS), MANY_CELLS)
        self._nothing = np.zeros(self.vocab_size, np.float32)
        self._threads = threads
        self._folder, self._stamp = stored.folder, stored.stamp
        self._place = stored.folder.absolute()  # sessions are opened when they are needed, wherever we are by then
        self._graph = graph
        model = stored.model
        width = state_width(model.hidden_size, model.activation if model.cell == "rnn" else "tanh")
        sizes = {"h": width, "c": model.hidden_size}
        states = CELLS[model.cell].states
        self._states = [(f"{s}{layer}", sizes[s]) for layer in range(model.layers) for s in states]
        self._after = [f"after_{name}" for name, _ in self._states]
        self._lock = threading.Lock()
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        self._single = _SingleThreaded(self) if threads > 1 else None

    def workers(self) -> Sequence[OnnxEngine | _SingleThreaded]:
        """One for each thread, over one session whose runs stay in the thread that calls.

        That beats one run on all threads: nobody waits for the other half of a product, and what Python does for
        one thread's tokens costs the other nothing.
        """
        return [self] if self._single is None else [self._single] * self._threads

    def start(self, rows: int) -> State:
        """Zeros."""
        return tuple(np.zeros((rows, width), np.float32) for _, width in self._states)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        """See Engine.advance."""
        return self.run(self.session(self._threads), ids_BT, lengths_B, state, want=want, targets=targets)

    def run(
        self, session: Any, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None
    ) -> tuple[Prediction, State]:
        """``advance`` in a session."""
        rows, steps = ids_BT.shape
        ends_B = (lengths_B - 1) * rows + np.arange(rows)
        feed = {name: array for (name, _), array in zip(self._states, state, strict=True)}
        group = self._nothing if targets is None or targets.group_V is None else targets.group_V
        feed |= {"ids_TB": ids_BT.T, "ends_B": ends_B, "group_V": group}
        feed |= {"details": DETAILS if want == "details" else NO_DETAILS}
        if want == "last":
            feed |= {"places_P": ends_B, "rows_M": NO_IDS, "targets_M": NO_IDS}
            wanted = ["logprobs_PV"]
        else:
            assert targets is not None
            places = targets.places_P if steps == 1 else targets.places_P % steps * rows + targets.places_P // steps
            feed |= {"places_P": places, "rows_M": targets.rows_M, "targets_M": targets.ids_M}
            wanted = ["logprob_M"] if want == "targets" else ["logprob_M", "rank_M", "entropy_P", "mass_P"]
        try:
            found = session.run([*wanted, *self._after], feed)
        except Exception as error:  # the library's own classes have no common one
            raise _failure(error) from error
        after = tuple(found[len(wanted) :])
        check_finite(found[0], self._folder)
        if want != "details":
            return Prediction(found[0]), after
        assert targets is not None
        return Prediction(found[0], found[1], found[2][targets.rows_M], found[3][targets.rows_M]), after

    def session(self, threads: int) -> onnxruntime.InferenceSession:
        """An open session whose runs use so many threads."""
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = self._open(threads)
            return self._sessions[threads]

    def _open(self, threads: int) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = SILENT
        # As bytes: the folder's name may be no UTF-8.
        place = os.fsencode(self._place)
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", place)
        try:
            # Without fallback: trying again, it would talk about that on stdout.
            session = onnxruntime.InferenceSession(
                self._graph, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:
            message = f"ONNX Runtime cannot open {self._folder / WEIGHTS}: {_first_line(error)}"
            raise ModelError(message, hint="--engine torch runs the model with PyTorch.") from error
        if self._stamp is not None and stamp(self._place / WEIGHTS) != self._stamp:
            raise ModelError(f"{self._folder / WEIGHTS} was replaced after it was opened", hint="Open it again.")
        return session


class _SingleThreaded:
    """The same engine on a session with one thread; used by several threads at once."""

    alike = OnnxEngine.alike

    def __init__(self, engine: OnnxEngine) -> None:
        self._engine = engine
        self.vocab_size, self.definition, self.cells = engine.vocab_size, engine.definition, engine.cells

    def workers(self) -> Sequence[_SingleThreaded]:
        return [self]

    def start(self, rows: int) -> State:
        return self._engine.start(rows)

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        session = self._engine.session(1)
        return self._engine.run(session, ids_BT, lengths_B, state, want=want, targets=targets)


def _failure(error: Exception) -> RnncliError:
    return RnncliError(f"ONNX Runtime failed: {_first_line(error)}", hint="--engine torch runs the model with PyTorch.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
