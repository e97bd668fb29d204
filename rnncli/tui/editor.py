"""What the editors of the prompt, the pad and the scores have in common."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.strip import Strip
from textual.widgets import TextArea

from rnncli.tui.stand_ins import held, meant, shown


class Editor(TextArea):
    """A TextArea in which keys take effect in the order in which they were typed.

    Textual has a key's letter inserted when the widget gets the key, but the action that it is bound to done only when
    the key has come up to the app, and nothing took it. Of *a, backspace, b* in one burst (a slow connection, a model
    that takes the processor) that makes *a* with the *b* deleted. So a key of the editor's own is acted on at once.
    """

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable:
            return
        bindings = self._bindings.copy()
        bindings.apply_keymap(self.app._keymap)
        for binding in bindings.key_to_bindings.get(event.key, ()):
            if not binding.priority and await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return

    def render_line(self, y: int) -> Strip:
        if self.content_size.width < 1:  # no placeholder can be wrapped to that
            return Strip.blank(self.size.width)
        return super().render_line(y)


class HoldingEditor(Editor):
    """Holds any text at all: what an editor cannot hold, or a terminal may not be sent, as stand-ins."""

    @property
    def meant(self) -> str:
        """The whole text."""
        return "\n".join(map(meant, self.document.lines))

    def load_text(self, text: str) -> None:
        super().load_text(held(text))

    def edit(self, edit: Edit) -> EditResult:
        edit.text = held(edit.text)
        return super().edit(edit)

    @property
    def selected_text(self) -> str:
        """As it may be copied: a byte that is no character cannot be."""
        return meant(super().selected_text).encode("utf-8", "replace").decode()

    def get_line(self, line_index: int) -> Text:
        return Text(shown(self.document.get_line(line_index)), end="", no_wrap=True)
