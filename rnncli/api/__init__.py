"""What Python users and every front call: load a model, train one, export one. Joins training and inference.

Names resolve on first use: to score needs nothing of what training does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncli.api.exporting import Exported as Exported
    from rnncli.api.exporting import export as export
    from rnncli.api.model import Model as Model
    from rnncli.api.model import load as load
    from rnncli.api.training import Plan as Plan
    from rnncli.api.training import Run as Run
    from rnncli.api.training import TrainRequest as TrainRequest
    from rnncli.api.training import follow_run as follow_run
    from rnncli.api.training import open_run as open_run
    from rnncli.api.training import resume_run as resume_run
    from rnncli.api.training import train as train

_HOMES = {
    "model": ("Model", "load"),
    "training": ("Plan", "Run", "TrainRequest", "follow_run", "open_run", "resume_run", "train"),
    "exporting": ("Exported", "export"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"rnncli.api.{module}"), name)
    raise AttributeError(f"module 'rnncli.api' has no attribute {name!r}")
