"""The folder of a new run: taken for itself alone, given back whole if nothing comes of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rnncli.errors import ConfigError, RnncliError
from rnncli.store import TRAINING


class Place:
    """A model folder to be. What lay there before comes back unless the new run leaves a model."""

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self.folder, self.overwrite = folder, overwrite
        self.aside = folder.with_name(f".{folder.name}.old")
        self._taken = False
        self._was_empty = False

    def take(self) -> Path:
        """Make the folder and its training/; the old one is moved aside. Returns training/."""
        inner = self.folder / TRAINING
        try:
            if self.overwrite and self.folder.exists():
                if self.aside.exists():
                    shutil.rmtree(self.folder)  # what an overwriting run left that was killed: the old model is aside
                else:
                    os.replace(self.folder, self.aside)
            self._was_empty = self.folder.exists()
            inner.mkdir(parents=True)  # of two trainings that want the same folder, one fails here
        except FileExistsError:
            raise ConfigError(
                f"another training has just taken {self.folder}", hint="Give another --name, or --out FOLDER."
            ) from None
        except OSError as error:
            raise RnncliError(f"cannot make the folder {inner}: {error.strerror}") from error
        self._taken = True
        return inner

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
