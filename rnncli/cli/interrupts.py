"""Ctrl-C, SIGTERM and SIGHUP in a training: the first asks it to stop and save, a second Ctrl-C leaves at once."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from rnncli.cli.exits import INTERRUPTED, silence
from rnncli.cli.terminal import is_terminal, tell_in_a_signal

SHOW_CURSOR = "\x1b[?25h"
HANG_UP: int | None = getattr(signal, "SIGHUP", None)
"""The terminal has gone. It may come twice, from the system and from the shell, and beside a SIGTERM where a session
ends: so it never counts as a second one."""
SIGNALS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, *(() if HANG_UP is None else (HANG_UP,)))


@contextmanager
def ignoring() -> Iterator[None]:
    """All of them are somebody else's business here."""
    before = [signal.signal(number, signal.SIG_IGN) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


class Interrupts:
    """A context in which the signals are caught. Before ``watch`` each is a KeyboardInterrupt.

    A SIGHUP that is ignored (nohup) stays so.
    """

    def __init__(self) -> None:
        self.count = 0
        self._asked = 0
        self._stop: Callable[[], None] | None = None
        self._tell: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}
        self._terminals: list[int] = []

    def watch(self, stop: Callable[[], None], tell: Callable[[], None]) -> None:
        """From now on the first signal calls ``stop`` and ``tell``; both run in a signal handler."""
        self._stop, self._tell = stop, tell

    def __enter__(self) -> Self:
        # Noted now: a terminal that has gone is no longer known for one.
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        for number in SIGNALS:
            if number != HANG_UP or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """What is shown here may be shown to a terminal that has gone: then it, and what follows, goes nowhere."""
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO or not self._terminals:
                raise
            silence(*self._terminals)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        again, self.count = self.count > 0, self.count + 1
        if number == HANG_UP:
            if self._terminals:
                silence(*self._terminals)
        else:
            self._asked += 1
        if self._stop is None:
            raise KeyboardInterrupt
        if self._asked > 1:
            if is_terminal(sys.stderr):
                tell_in_a_signal(SHOW_CURSOR)  # the live line hides it
            os._exit(INTERRUPTED)
        self._stop()
        if self._tell is not None and not again:
            self._tell()
