"""Ctrl-C and SIGTERM in a training: the first asks it to stop and save, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from rnncli.cli.terminal import is_terminal, tell_in_a_signal

SHOW_CURSOR = "\x1b[?25h"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context in which the two signals are caught. Before ``watch`` either is a KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0
        self._stop: Callable[[], None] | None = None
        self._tell: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}

    def watch(self, stop: Callable[[], None], tell: Callable[[], None]) -> None:
        """From now on the first signal calls ``stop`` and ``tell``; both run in a signal handler."""
        self._stop, self._tell = stop, tell

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self._stop is None:
            raise KeyboardInterrupt
        if self.count > 1:
            if is_terminal(sys.stderr):
                tell_in_a_signal(SHOW_CURSOR)  # the live line hides it
            os._exit(130)
        self._stop()
        if self._tell is not None:
            self._tell()
