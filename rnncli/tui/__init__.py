"""The terminal app: a chat over one model, with a look at every token. Textual is imported when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncli.config import SampleConfig


def run_chat(config: SampleConfig, **start: Any) -> None:
    """Run the app until it is left. ``start``: the fields of desk.Start."""
    from rnncli.tui.app import ChatApp
    from rnncli.tui.desk import Start

    ChatApp(config, Start(**start)).run()
