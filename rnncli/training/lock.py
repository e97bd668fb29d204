"""One training at a time in a folder: a lock that the system drops with the process that held it."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from rnncli.errors import ConfigError
from rnncli.store import TRAINING
from rnncli.text.files import naming

try:
    import fcntl as fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


class Lock:
    """Of the file training/lock of a model folder. The file stays behind and means nothing: the lock is what counts.

    It goes where the folder goes. On a file system that knows no locks there is none, and training goes on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / TRAINING / LOCK
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it for this process; a ConfigError where another training has it, a WriteError without its folder."""
        with naming(self.path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                os.close(descriptor)
                raise self._taken() from None
        self._descriptor = descriptor
        if not self._in_place():
            self.release()
            raise self._taken()

    def _in_place(self) -> bool:
        """Whether the file is still where it was opened: a training that overwrites may have moved the folder away."""
        assert self._descriptor is not None
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        return False

    def _taken(self) -> ConfigError:
        return ConfigError(
            f"another training is at work in {self.folder}",
            hint="Wait for its end, or stop it; or give another --name, or --out FOLDER.",
        )

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
