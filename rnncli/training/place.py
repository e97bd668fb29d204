"""The folder of a run: taken for itself alone; a new one is given back whole if nothing comes of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rnncli.errors import ConfigError
from rnncli.store import TRAINING
from rnncli.text.files import naming
from rnncli.training.lock import Lock


class Place:
    """A model folder, or one to be. What lay there before comes back unless the new run leaves a model."""

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self.folder, self.overwrite = folder, overwrite
        self.aside = folder.with_name(f".{folder.name}.old")
        self._lock = Lock(folder)
        self._taken = False
        self._was_empty = False

    def take(self) -> Path:
        """Make the folder and its training/; the old one is moved aside. Returns training/.

        A ConfigError where another training is at work there, or has just come.
        """
        inner = self.folder / TRAINING
        if self.overwrite and self.folder.exists():
            self._put_aside()
        with naming(inner):
            self._was_empty = self.folder.exists()
            try:
                inner.mkdir(parents=True)  # of two trainings that want the same folder, one fails here
            except FileExistsError:
                raise ConfigError(
                    f"another training has just taken {self.folder}", hint="Give another --name, or --out FOLDER."
                ) from None
        self._lock.take()
        self._taken = True
        return inner

    def _put_aside(self) -> None:
        """Move the old folder out of the way, which no training works in: its lock is held meanwhile."""
        old = Lock(self.folder)
        if (self.folder / TRAINING).is_dir():
            old.take()
        try:
            with naming(self.folder):
                if self.aside.exists():
                    shutil.rmtree(self.folder)  # what an overwriting run left that was killed: the old model is aside
                else:
                    os.replace(self.folder, self.aside)
        finally:
            old.release()

    def take_again(self) -> None:
        """Take a folder that holds a run; a ConfigError where another training is at work there."""
        self._lock.take()

    def leave(self) -> None:
        """Let others take the folder."""
        self._lock.release()

    def settle(self) -> None:
        """The folder holds a model now: what lay there before is no longer needed."""
        if self.aside.exists():
            shutil.rmtree(self.aside, ignore_errors=True)

    def give_back(self) -> None:
        """Nothing came of the run: leave things as they were."""
        if not self._taken:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.aside.exists():
            os.replace(self.aside, self.folder)
        elif self._was_empty:
            self.folder.mkdir(exist_ok=True)
