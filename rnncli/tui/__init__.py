"""The terminal app: a chat over one model, with a look at every token. Textual is imported when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncli.config import SampleConfig

KEEPING_S = 10
"""How long the program waits, at its end, for what was written to be on the disk."""


def run_chat(config: SampleConfig, **start: Any) -> None:
    """Run the app until it is left. ``start``: the fields of desk.Start."""
    from rnncli.tui.app import ChatApp
    from rnncli.tui.desk import Start

    app = ChatApp(config, Start(**start))
    app.run()
    app.performer.wait(KEEPING_S)  # what is being written to the disk
