"""The keys that do something now, on the last line.

Textual's own footer has a widget for each key, makes all of them anew whenever another widget has the focus, and keeps
those that were: it took half of the time that a key took, and 0.7 MB with each dialog. This one draws a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


class Key(NamedTuple):
    """A key, as it is written, and what it does. ``name``: the key's, for Textual."""

    name: str
    shown: str
    what: str
    enabled: bool


class Footer(Widget):
    """A click on a key is that key. Keys for which there is no room are left out; the palette's is at the right."""

    DEFAULT_CSS = """
    Footer { dock: bottom; height: 1; background: $footer-background; color: $footer-foreground; }
    Footer .footer--key { color: $footer-key-foreground; text-style: bold; }
    Footer .footer--off { text-style: dim; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"footer--key", "footer--off"}

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[Key, ...] = ()
        self._places: list[tuple[int, int, str]] = []
        """Of what was drawn: from and to which column which key stands."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        found: dict[str, Key] = {}
        last: list[Key] = []
        for name, (_, binding, enabled, _) in screen.active_bindings.items():
            palette = self.app.ENABLE_COMMAND_PALETTE and name == self.app.COMMAND_PALETTE_BINDING
            if not (binding.show or palette):
                continue
            key = Key(binding.key, self.app.get_key_display(binding), binding.description, enabled)
            if palette:
                last = [key]
            else:
                found.setdefault(binding.action, key)
        keys = (*found.values(), *last)
        if keys != self.keys:
            self.keys = keys
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        others, palette = self._parted()
        room = width - sum(_width(key) + 1 for key in palette)
        line, self._places, column = list[Segment](), [], 0
        for key in others:
            if column + _width(key) <= room:
                line += self._drawn(key, column)
                column += _width(key)
        for key in palette if room >= column else ():
            line += [Segment(" " * (room - column) + "▏", base), *self._drawn(key, room + 1)]
        return Strip(line).adjust_cell_length(width, base)

    def _parted(self) -> tuple[Sequence[Key], Sequence[Key]]:
        """The palette's key, if it has one, apart."""
        count = len(self.keys)
        if self.keys and self.keys[-1].name == self.app.COMMAND_PALETTE_BINDING:
            count -= 1
        return self.keys[:count], self.keys[count:]

    def _drawn(self, key: Key, column: int) -> list[Segment]:
        style = self.rich_style
        if not key.enabled:
            style += self.get_component_rich_style("footer--off", partial=True)
        self._places.append((column, column + _width(key), key.name))
        key_style = style + self.get_component_rich_style("footer--key", partial=True)
        return [Segment(f" {key.shown}", key_style), Segment(f" {key.what} ", style)]

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._places:
            if start <= event.x < end:
                self.app.simulate_key(name)


def _width(key: Key) -> int:
    return len(key.shown) + len(key.what) + 3
