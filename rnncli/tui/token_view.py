"""A text as its tokens, tinted, growing at its end: every token can be pointed at and asked about.

Drawn a line at a time (Textual's line API): a widget with one growing text lays all of it out for each token, and needs
a tenth of a second at 4,000 tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from rnncli.tui import tint
from rnncli.tui.layout import Layout, Piece
from rnncli.tui.tinting import TINT_CLASSES, TINT_CSS, Tinting

FOLLOWS_WITHIN = 2
"""Rows from the end within which the view stays at the end while text comes."""
MOST_STRIPS = 150
"""Drawn lines that are kept: those of several screens."""


class Shown(NamedTuple):
    """A token as it is shown. ``level``: surprisal_step, or unit_step with a sign; None: no tint."""

    text: str
    level: int | None
    typed: bool


class _OfToken(Message):
    """Something about a token of a view, or about none."""

    def __init__(self, view: TokenView, token: int | None) -> None:
        super().__init__()
        self.view, self.token = view, token

    @property
    def control(self) -> TokenView:
        return self.view


class TokenView(ScrollView, can_focus=True):
    """Shows tokens. Its cursor, moved by keys or a click, is on one of them."""

    DEFAULT_CSS = """
    TokenView { background: $background; color: $foreground; scrollbar-size-vertical: 1; }
    """ + TINT_CSS.format("TokenView")
    COMPONENT_CLASSES: ClassVar[set[str]] = set(TINT_CLASSES)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "token before", show=False, id="token.before"),
        Binding("right,l", "move(1)", "token after", show=False, id="token.after"),
        Binding("up,k", "move_line(-1)", "line above", show=False, id="token.above"),
        Binding("down,j", "move_line(1)", "line below", show=False, id="token.below"),
        Binding("home,g", "move_to('first')", "first token", show=False, id="token.first"),
        Binding("end,G", "move_to('last')", "last token", show=False, id="token.last"),
        Binding("pageup", "page_up", "page up", show=False, id="token.page_up"),
        Binding("pagedown", "page_down", "page down", show=False, id="token.page_down"),
        Binding("enter", "ask", "ask about the token", show=False, id="token.ask"),
        Binding("n", "next_surprise(1)", "next surprise", show=False, id="token.next_surprise"),
        Binding("N", "next_surprise(-1)", "surprise before", show=False, id="token.surprise_before"),
    ]

    class Pointed(_OfToken):
        """The cursor is on another token, or on none."""

    class Asked(_OfToken):
        """Enter, or a second click, on a token."""

    class Hovered(_OfToken):
        """The mouse is over another token, or over none."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.layout_ = Layout(80)
        self.tokens: list[Shown] = []
        self.cursor: int | None = None
        self._hovered: int | None = None
        self._tinting = Tinting(self)
        self._strips: dict[int, Strip] = {}
        """Lines as they were drawn; of a text that scrolls all but the last ones."""

    # -- what is shown

    def show(self, tokens: Sequence[Shown]) -> None:
        """Show these tokens instead: what they have in common with those there is not laid out again."""
        same = 0
        for old, new in zip(self.tokens, tokens, strict=False):
            if old != new:
                break
            same += 1
        if same < len(self.tokens):
            retinted = [t.text for t in self.tokens] == [t.text for t in tokens[: len(self.tokens)]]
            if retinted:
                self.tokens = list(tokens[: len(self.tokens)])
                self._redraw()
                same = len(self.tokens)
            else:
                self.layout_.cut(same)
                del self.tokens[same:]
        if self.cursor is not None and self.cursor >= len(tokens):
            self.point(None)
        self.extend(tokens[same:])

    def extend(self, tokens: Iterable[Shown]) -> None:
        """Add tokens at the end; the view stays at the end if it was there."""
        new = list(tokens)
        following = self.scroll_offset.y >= self.max_scroll_y - FOLLOWS_WITHIN
        first = self.layout_.append(token.text for token in new)
        self.tokens += new
        self._resized()
        self.refresh_lines_from(first)
        if following:
            self.scroll_end(animate=False, immediate=False, x_axis=False)

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def refresh_lines_from(self, first: int) -> None:
        """Draw these lines and all after them anew."""
        for line in [line for line in self._strips if line >= first]:
            del self._strips[line]
        top = first - self.scroll_offset.y
        self.refresh(Region(0, max(0, top), self.size.width, max(1, self.size.height - max(0, top))))

    @property
    def text(self) -> str:
        """What the tokens stand for, as it shows."""
        return "".join(token.text for token in self.tokens)

    def _resized(self) -> None:
        self.virtual_size = Size(self.layout_.width, len(self.layout_.lines))

    def on_resize(self, event: events.Resize) -> None:
        width = max(2, self.scrollable_content_region.width)
        if width != self.layout_.width:
            following = self.scroll_offset.y >= self.max_scroll_y - FOLLOWS_WITHIN
            self.layout_.resize(width)
            self._resized()
            self._redraw()
            if following:
                self.scroll_end(animate=False, x_axis=False)

    # -- the cursor

    def point(self, token: int | None) -> None:
        """Put the cursor on a token and bring it into view."""
        if token is not None and not 0 <= token < len(self.tokens):
            token = None
        if token == self.cursor:
            return
        self.cursor = token
        self._redraw()
        if token is not None:
            line, _ = self.layout_.place(token)
            self.scroll_to_region(Region(0, line, 1, 1), animate=False, x_axis=False)
        self.post_message(self.Pointed(self, token))

    def action_move(self, by: int) -> None:
        if self.tokens:
            last = len(self.tokens) - 1
            start = (last + 1 if by < 0 else -1) if self.cursor is None else self.cursor
            self.point(max(0, min(last, start + by)))

    def action_move_line(self, by: int) -> None:
        if self.cursor is None:
            self.action_move(by)
            return
        line, column = self.layout_.place(self.cursor)
        while 0 <= line + by < len(self.layout_.lines):
            line += by
            found = self.layout_.at(line, column)
            if found is not None and found != self.cursor:
                self.point(found)
                return

    def action_move_to(self, where: str) -> None:
        if self.tokens:
            self.point(0 if where == "first" else len(self.tokens) - 1)

    def action_ask(self) -> None:
        if self.cursor is None:
            self.action_move(-1)
        if self.cursor is not None:
            self.post_message(self.Asked(self, self.cursor))

    def action_next_surprise(self, by: int) -> None:
        """To the next token of the three last steps."""
        start = (len(self.tokens) if by < 0 else -1) if self.cursor is None else self.cursor
        last = len(self.tokens) if by > 0 else -1
        for number in range(start + by, last, by):
            level = self.tokens[number].level
            if level is not None and level >= tint.STEPS - 3:
                self.point(number)
                return

    def token_at(self, x: int, y: int) -> int | None:
        """The token under a place of the widget."""
        offset = self.scroll_offset
        return self.layout_.at(y + offset.y, x + offset.x)

    def on_click(self, event: events.Click) -> None:
        found = self.token_at(event.x, event.y)
        if found is None:
            return
        if found == self.cursor and event.chain > 1:
            self.post_message(self.Asked(self, found))
        self.point(found)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._hover(self.token_at(event.x, event.y))

    def on_leave(self, event: events.Leave) -> None:
        self._hover(None)

    def _hover(self, token: int | None) -> None:
        if token != self._hovered:
            self._hovered = token
            self.post_message(self.Hovered(self, token))

    # -- drawing

    def notify_style_update(self) -> None:
        self._tinting.forget()
        self._strips.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """As any widget's lines, but what was drawn is kept by line of the text, not by row of the screen: while text
        streams and scrolls, most rows show what the row below them did.
        """
        strips = [self.render_line(y) for y in crop.line_range]
        background = self.background_colors[1]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        start, end = crop.column_span
        return [strip.crop_extend(start, end, None) for strip in strips]

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        strip = self._strips.get(line)
        if strip is None or strip.cell_length != self.size.width:
            if len(self._strips) >= MOST_STRIPS:
                self._strips.clear()
            strip = self._strips[line] = self._draw_line(line, self.size.width)
        return strip

    def _draw_line(self, line: int, width: int) -> Strip:
        base = self.rich_style
        if line >= len(self.layout_.lines):
            return Strip.blank(width, base)
        segments = [Segment(piece.text, base + self._style(piece)) for piece in self.layout_.lines[line]]
        selection = self.text_selection
        strip = Strip(segments)
        if selection is not None and (span := selection.get_span(line)) is not None:
            start, end = span
            end = strip.cell_length if end == -1 else end
            chosen = self.screen.get_component_rich_style("screen--selection")
            before, inside, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end)
            strip = Strip.join([before, inside.apply_style(chosen), after])
        return strip.extend_cell_length(width, base).crop(0, width).apply_offsets(0, line)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines = "\n".join(self.layout_.plain(line) for line in range(len(self.layout_.lines)))
        return selection.extract(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self._redraw()

    def _style(self, piece: Piece) -> Style:
        token = self.tokens[piece.token]
        return self._tinting.style(token.level, token.typed, piece.token == self.cursor)
