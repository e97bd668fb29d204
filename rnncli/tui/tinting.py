"""Tints as styles of a widget: they follow its theme, and say without colour what matters most."""

from __future__ import annotations

from rich.style import Style
from textual.color import Color
from textual.widget import Widget

from rnncli.tui import tint

TINT_CLASSES = ("tokens--typed", "tokens--cursor", "tokens--surprise", "tokens--minus")
"""Component classes that a tinted widget has."""
TINT_CSS = """
    {0} .tokens--typed {{ color: $primary; text-style: bold; }}
    {0} .tokens--cursor {{ text-style: reverse; }}
    {0} .tokens--surprise {{ color: $warning; }}
    {0} .tokens--minus {{ color: $primary; }}
"""


class Tinting:
    """Makes each style once."""

    def __init__(self, widget: Widget) -> None:
        self.widget = widget
        self._styles: dict[tuple[int | None, bool, bool], Style] = {}

    def forget(self) -> None:
        """Make all styles anew: the theme is another one."""
        self._styles.clear()

    def style(self, level: int | None, typed: bool, pointed: bool = False) -> Style:
        """Of a token. ``level``: surprisal_step, or unit_step with a sign; None: no tint."""
        key = level, typed, pointed
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = self._make(*key)
        return found

    def _make(self, level: int | None, typed: bool, pointed: bool) -> Style:
        style = Style()
        if typed:
            style += self.widget.get_component_rich_style("tokens--typed", partial=True)
        if level:
            paper = self._paper(level)
            style += Style(color=tint.ink(paper).rich_color, bgcolor=paper.rich_color)
            # What colour alone would say is also said without it.
            if level == tint.STEPS - 1:
                style += Style(underline=True)
        if pointed:
            style += self.widget.get_component_rich_style("tokens--cursor", partial=True)
        return style

    def _paper(self, level: int) -> Color:
        name = "tokens--surprise" if level > 0 else "tokens--minus"
        hue = self.widget.get_component_styles(name).color
        background = self.widget.background_colors[1]
        return tint.ramp(background, hue, tint.STEPS)[min(abs(level), tint.STEPS - 1)]
