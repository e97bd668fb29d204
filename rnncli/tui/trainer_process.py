"""A training in a process of its own, which tells of itself line by line. No Textual here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Literal

from rnncli.events import Done
from rnncli.formats.events import read
from rnncli.text.glyphs import one_line
from rnncli.tui.history import History

STDERR_LINES = 400
"""Kept of what it says on stderr: a traceback has its end there."""
LONGEST = 2000
"""Characters of a line that is no event."""
PATIENCE_S = 3.0
"""How long a process that was told to leave at once may take before it is killed."""

End = Literal["done", "interrupted", "failed", "killed"]


class TrainerProcess:
    """Runs ``command``, which is ``rnncli train --json`` and more. Two threads read what it writes.

    It has a session of its own: neither Ctrl-C nor the end of the terminal reaches it but through ``interrupt``. Should
    this process be killed without a moment to say so, its next event finds nobody reading and ends it.
    """

    def __init__(
        self,
        command: Sequence[str],
        history: History,
        *,
        stdin: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.history = history
        self.interrupts = 0
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), name="events", daemon=True),
            threading.Thread(target=self._read_talk, args=(self._process.stderr,), name="talk", daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                # Whatever it says: were it no longer read, it would stand still.
                with contextlib.suppress(Exception):
                    self._take(line)

    def _take(self, line: bytes) -> None:
        told = read(line)
        if told is not None:
            self.history.add(told)
        elif text := line.decode("utf-8", "replace").strip():  # a library that writes to stdout
            self.history.say(text[:LONGEST])

    def _read_talk(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                text = line.decode("utf-8", "replace").rstrip("\r\n")[:LONGEST]
                self._stderr.append(text)
                if text.strip():
                    self.history.say(one_line(text.removeprefix("rnncli: ")))

    def interrupt(self) -> None:
        """As a Ctrl-C would: the first one makes it stop and save, the second leave at once. For signal handlers."""
        self.interrupts += 1
        if self.running:
            self._process.send_signal(signal.SIGINT)
        if self.interrupts == 2:
            timer = threading.Timer(PATIENCE_S, self.kill)
            timer.daemon = True
            timer.start()

    def kill(self) -> None:
        """End it now, whatever it does."""
        if self.running:
            self._process.kill()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended and all that it wrote is read; whether it has."""
        for reader in self._readers:
            reader.join(seconds)
        if any(reader.is_alive() for reader in self._readers):
            return False
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Whether it has ended and all that it wrote is read."""
        return not self.running and not any(reader.is_alive() for reader in self._readers)

    @property
    def signal_name(self) -> str:
        """What killed it; empty where nothing did."""
        code = self._process.returncode or 0
        if code >= 0:
            return ""
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"

    @property
    def code(self) -> int:
        """The exit code of the whole command, once it has ended."""
        code = self._process.returncode
        if code is not None and code >= 0:
            return code
        return 130 if self.interrupts else 1

    @property
    def end(self) -> End:
        """How it ended."""
        if self.code == 0:
            return "done"
        if self.code == 130:
            return "interrupted"
        return "killed" if self.signal_name else "failed"

    @property
    def done(self) -> Done | None:
        return self.history.done

    @property
    def stderr(self) -> str:
        """The last lines of what it said."""
        return "".join(f"{line}\n" for line in self._stderr)

    @property
    def error(self) -> str:
        """Its error, and the hint that follows it."""
        _, found, error = self.stderr.rpartition("rnncli: error: ")
        return (error if found else "".join([*self._stderr][-1:])).strip().replace("\n", ". ")


def environment() -> dict[str, str]:
    """This process's, but for what would colour talk that is no longer meant for a terminal."""
    return {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
