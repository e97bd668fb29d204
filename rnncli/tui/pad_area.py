"""Where the pad's text is typed: a TextArea that shows what is meant, tinted, with a ghost behind the cursor.

The widget holds a glyph for each character of the text, so that a place in the one is a place in the other; the text
itself, and how edits are undone, is with Revisions.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.strip import Strip
from textual.widgets.text_area import Selection

from rnncli.text.glyphs import one_each
from rnncli.tui.editor import Editor
from rnncli.tui.ghost import first_word, lay_out
from rnncli.tui.pad_reports import Mark, Written
from rnncli.tui.revisions import Revisions
from rnncli.tui.tinting import TINT_CLASSES, TINT_CSS, Tinting

Location = tuple[int, int]


class PadArea(Editor):
    """The editor. Posts ``Edited`` for what the person does; undo, redo and the taking of a ghost are such, too."""

    DEFAULT_CSS = """
    PadArea { background: $background; color: $foreground; border: none; padding: 0 1; }
    PadArea:focus { border: none; }
    PadArea .pad--ghost { color: $text-muted; text-style: dim italic; }
    """ + TINT_CSS.format("PadArea")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"pad--ghost", *TINT_CLASSES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z,super+z", "undo", "undo", id="pad.undo"),
        Binding("ctrl+y,super+y", "redo", "redo", show=False, id="pad.redo"),
    ]

    class Edited(Message):
        """The text is another one now."""

    def __init__(self, revisions: Revisions, level: Callable[[int, float], int | None], *, id: str) -> None:  # noqa: A002
        # Of Textual's own history nothing is used; it would keep a copy of all that is deleted.
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False, compact=True, max_checkpoints=1
        )
        self.revisions = revisions
        self.level = level
        """The step of the tint of a token of some surprisal."""
        self.marks: list[Mark] = []
        """The tokens that the story has. They are the text's as far as ``valid``."""
        self.valid = 0
        self.fresh: list[Mark] = []
        """Tokens that the model is writing now, from ``fresh_from`` on."""
        self.fresh_from = 0
        self.ghost: Sequence[Written] = ()
        self._ghost_rows: list[str] = []
        self._ghost_at = (0, 0)
        self._row = 0
        self._starts: list[int] | None = None
        self._tinting = Tinting(self)

    # -- places

    @property
    def cursor(self) -> int:
        """The character that the cursor is before."""
        return self.offset_of(self.cursor_location)

    def offset_of(self, location: Location) -> int:
        """The number of a character, from its line and column; a line that is not there begins after the last one."""
        starts = self._line_starts()
        if location[0] >= len(starts):
            return len(self.revisions.text)
        return starts[location[0]] + location[1]

    def location_of(self, offset: int) -> Location:
        """The line and column of a character."""
        starts = self._line_starts()
        line = bisect_right(starts, offset) - 1
        return line, offset - starts[line]

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            lengths = (len(line) + 1 for line in self.document.lines)
            self._starts = [*accumulate(lengths, initial=0)][:-1]
        return self._starts

    # -- the text

    def edit(self, edit: Edit) -> EditResult:
        """What a person does to the text; the widget is given glyphs for it."""
        start, end, cursor = self.offset_of(edit.top), self.offset_of(edit.bottom), self.cursor
        meant = edit.text.replace("\r\n", "\n").replace("\r", "\n")
        edit.text = one_each(meant)
        result = self._edit(edit, start)
        if meant or end > start:
            self.revisions.edit(start, end - start, meant, cursor=cursor, time=time.monotonic())
            self.post_message(self.Edited())
        return result

    def put(self, at: int, count: int, text: str, cursor: int | None = None) -> None:
        """Show a change that Revisions has made; the cursor stays in its place, or goes to another."""
        edit = Edit(one_each(text), self.location_of(at), self.location_of(at + count), True)
        self._edit(edit, at)
        if cursor is not None:
            self.move_cursor(self.location_of(min(cursor, len(self.revisions.text))))

    def _edit(self, edit: Edit, at: int) -> EditResult:
        self.valid = min(self.valid, at)
        self.show_ghost(())
        result = super().edit(edit)
        self._starts = None
        return result

    @property
    def selected_text(self) -> str:
        """What is meant by what is selected."""
        start, end = sorted(map(self.offset_of, self.selection))
        return self.revisions.text[start:end]

    def action_undo(self) -> None:
        change = self.revisions.undo()
        if change is not None:
            self.put(change.at, len(change.new), change.old, change.cursor)
            self.post_message(self.Edited())

    def action_redo(self) -> None:
        change = self.revisions.redo()
        if change is not None:
            self.put(change.at, len(change.old), change.new, change.at + len(change.new))
            self.post_message(self.Edited())

    # -- the ghost

    def show_ghost(self, tokens: Sequence[Written]) -> None:
        """Show what might come at the cursor, as much of it as there is room for; nothing removes it."""
        if not tokens and not self.ghost:
            return
        self.ghost, self._ghost_rows = (), []
        if tokens:
            x, y = self._ghost_at = self.wrapped_document.location_to_offset(self.cursor_location)
            # Below the end of the text the rows are free.
            rows = self.size.height - (y - self.scroll_offset.y) if self.cursor_at_end_of_text else 1
            self.ghost, self._ghost_rows = lay_out(tokens, x, max(1, self.wrap_width), rows)
        self.refresh()

    def take_ghost(self, *, word: bool) -> bool:
        """Accept the ghost, all of it or its first word; False where there is none."""
        tokens = list(self.ghost)
        if not tokens:
            return False
        count = first_word(tokens) if word else len(tokens)
        place, text = self.cursor, "".join(token.text for token in tokens[:count])
        self.revisions.insert(place, text, tokens[count - 1].spot)
        self.revisions.close()
        self.put(place, 0, text, place + len(text))
        self.show_ghost(tokens[count:])
        self.post_message(self.Edited())
        return True

    def on_key(self, event: events.Key) -> None:
        """Called before TextArea's own, which takes what is left."""
        if not self.ghost:
            return
        if event.key in ("tab", "ctrl+right"):
            self.take_ghost(word=event.key == "ctrl+right")
        elif event.key == "escape":
            self.show_ghost(())
        else:
            self.show_ghost(())
            return
        event.stop()
        event.prevent_default()

    def on_resize(self) -> None:
        """Its rows are other ones."""
        self.show_ghost(())

    def watch_selection(self, before: Selection, after: Selection) -> None:
        """A ghost belongs to the cursor's place."""
        if before != after:
            self.show_ghost(())

    # -- the tokens

    def set_marks(self, kept: int, marks: Sequence[Mark], *, current: bool) -> None:
        """The story's tokens after the first ones; ``current``: they are those of the text that shows."""
        del self.marks[kept:]
        if current:
            self.valid = len(self.revisions.text)
            self.fresh = []
        else:
            self.valid = min(self.valid, self.marks[-1].end if self.marks else 0)
        self.marks += marks
        self.retint()

    def forget_marks(self) -> None:
        """The story is another one."""
        self.marks, self.fresh, self.valid = [], [], 0

    def begin_fresh(self, at: int) -> None:
        """The model writes at a place: tokens from there on are those in ``fresh``."""
        if self.fresh_from != at or (self.fresh and self.valid > at):
            self.fresh = []
        self.fresh_from = at

    # -- drawing

    def retint(self) -> None:
        """Draw the text anew, with other tints."""
        self._tinting.forget()
        self.notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        self._row = y
        strip = super().render_line(y)
        if not self.ghost or not self.has_focus:
            return strip
        column, top = self._ghost_at
        number = y + self.scroll_offset.y - top
        if not 0 <= number < len(self._ghost_rows):
            return strip
        ghost = self.get_component_rich_style("pad--ghost")
        text = self._ghost_rows[number]
        if number:
            shown = Strip([Segment(text, ghost)])
        else:
            # The cursor stands on the ghost's first character.
            shown = Strip(
                [*strip.crop(0, column), Segment(text[:1], ghost + Style(reverse=True)), Segment(text[1:], ghost)]
            )
        return shown.extend_cell_length(strip.cell_length, self.rich_style).crop(0, strip.cell_length)

    def get_line(self, line_index: int) -> Text:
        """A line with the tints of what of it is on the row that is drawn: a line may be very long."""
        line = super().get_line(line_index)
        start = self._line_starts()[line_index]
        begin, end = self._on_row(line_index, len(line))
        for first, last, index, mark in self._tokens(start + begin, start + end):
            style = self._tinting.style(self.level(index, mark.bits), mark.typed)
            line.stylize(style, max(0, first - start), last - start)
        return line

    def _on_row(self, line_index: int, length: int) -> tuple[int, int]:
        """The first and the last character of a line on the row that is drawn."""
        breaks = [0, *self.wrapped_document.get_offsets(line_index), length]
        # The public way to this counts the rows of all lines above.
        _, section = self.wrapped_document._offset_to_line_info[self._row + self.scroll_offset.y]
        return breaks[section], breaks[section + 1]

    def _tokens(self, begin: int, end: int) -> Iterator[tuple[int, int, int, Mark]]:
        """The tokens between two characters: first and last character, number, and mark."""
        for marks, first, last in (
            (self.marks, 0, self.valid),
            (self.fresh, self.fresh_from, self.fresh[-1].end if self.fresh else 0),
        ):
            at = bisect_right(marks, max(begin, first), key=lambda mark: mark.end)
            while at < len(marks) and (start := (marks[at - 1].end if at else first)) < min(end, last):
                if marks[at].end <= last:
                    yield start, min(marks[at].end, end), at if marks is self.marks else -1, marks[at]
                at += 1
