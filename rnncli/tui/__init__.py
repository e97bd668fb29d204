"""The terminal app: a chat over one model, with a look at every token. Textual is imported when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncli.config import SampleConfig


def run_chat(model: str | None, config: SampleConfig, *, opening: str, **how: Any) -> None:
    """Run the app until it is left. ``how``: device, engine and threads as ``api.load`` has them."""
    from rnncli.tui.app import ChatApp

    app = ChatApp(model, config, opening=opening, how=how)
    app.run()
