"""The terminal apps: a chat over one model, with a look at every token; a training. Textual comes when one starts."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncli.config import SampleConfig
    from rnncli.tui.trainer_process import TrainerProcess

KEEPING_S = 10
"""How long the program waits, at its end, for what was written to be on the disk."""


def run_chat(config: SampleConfig, **start: Any) -> None:
    """Run the app until it is left. ``start``: the fields of desk.Start."""
    from rnncli.tui.app import ChatApp
    from rnncli.tui.desk import Start

    gc.set_threshold(20_000, 20, 50)  # a look at 100,000 objects at once takes 40 ms, and keys wait
    app = ChatApp(config, Start(**start))
    app.run()
    app.performer.wait(KEEPING_S)  # what is being written to the disk


def run_training(command: Sequence[str], *, stdin: int | None = None) -> TrainerProcess:
    """Run ``command``, a training that tells of itself in JSON, and show it; what is returned says how it ended."""
    from rnncli.tui.training_end import run

    return run(command, stdin=stdin)
