"""The line that you type in the chat."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from rnncli.tui.editor import HoldingEditor
from rnncli.tui.token_view import TokenView


class Prompt(HoldingEditor):
    """Where you type. Enter sends, Ctrl-J begins a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "send", id="chat.send"),
        Binding("ctrl+j", "new_line", "new line", id="chat.new_line", show=False),
    ]

    class Sent(Message):
        """A line was typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def action_send(self) -> None:
        text = self.meant
        self.clear()
        self.post_message(self.Sent(text))

    def action_new_line(self) -> None:
        self.insert("\n")

    def on_key(self, event: events.Key) -> None:
        if event.key == "up" and not self.text:
            event.stop()
            event.prevent_default()
            self.screen.query_one(TokenView).focus()
            self.screen.query_one(TokenView).action_move(-1)
