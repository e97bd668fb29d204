"""The editor that the prompt, the pad and the scores have in common."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea


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
