"""rnncli: turn a text file into a private language model, sample it and score with it.

    import rnncli
    model = rnncli.load("shakespeare")
    model.score(["To be, or not to be"])[0].tally.bits_per_byte
    model.sample("ROMEO:", max_tokens=80).text

Names resolve on first use, so that ``import rnncli`` imports neither torch nor the terminal libraries.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # typing has it too, and takes 5 ms to import

__version__ = "0.1.0"

STARTED = time.monotonic()
"""When this process began, near enough: time budgets include start-up."""

if TYPE_CHECKING:
    from typing import Any

    from rnncli.api import Model, export, load, train
    from rnncli.errors import ConfigError, CorpusError, DeviceError, ModelError, RnncliError
    from rnncli.formats.rows import rows

_HOMES = {
    "Model": "rnncli.api",
    "export": "rnncli.api",
    "load": "rnncli.api",
    "train": "rnncli.api",
    "ConfigError": "rnncli.errors",
    "CorpusError": "rnncli.errors",
    "DeviceError": "rnncli.errors",
    "ModelError": "rnncli.errors",
    "RnncliError": "rnncli.errors",
    "rows": "rnncli.formats.rows",
}

__all__ = [
    "ConfigError",
    "CorpusError",
    "DeviceError",
    "Model",
    "ModelError",
    "RnncliError",
    "__version__",
    "export",
    "load",
    "rows",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rnncli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
