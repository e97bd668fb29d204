"""Beside a scored text: its figures, the cursor's line and token, and the words to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from rnncli.records import Tally
from rnncli.tui.figures import LineLook, Place, Whole, clipped, described, table, tokens_at
from rnncli.tui.next_panel import named
from rnncli.tui.options import Options

NUMBERED = 9
"""Words that a number key goes to."""


class WordList(Options):
    """The words, the least expected first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(n), f"go({n - 1})", f"word {n}", show=False, id=f"scores.word_{n}") for n in range(1, NUMBERED + 1)
    ]

    class Chosen(Message):
        """Go to a word of the list."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def action_go(self, number: int) -> None:
        if number < self.option_count:
            self.highlighted = number
            self.post_message(self.Chosen(number))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(event.option_index))


class ScorePanel(Vertical):
    """Shows figures; says which word was chosen."""

    DEFAULT_CSS = """
    ScorePanel { width: 46; border-left: vkey $panel; padding: 0 1; }
    ScorePanel Static { height: auto; }
    ScorePanel WordList { height: 1fr; border: none; padding: 0; background: $background; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.places: Sequence[Place] = ()
        self.names: Sequence[str] = ("",)

    def compose(self) -> ComposeResult:
        yield Static("", id="figures", markup=False)
        yield Static("", id="token", markup=False)
        yield Static("", id="words-head", markup=False)
        yield WordList(id="words")

    def show_names(self, names: Sequence[str]) -> None:
        """What is compared, or the one model."""
        self.names = names
        self.places = ()
        what = "the least expected words" if len(names) == 1 else f"words on which {names[0]} and {names[1]} differ"
        self.query_one("#words-head", Static).update(Content(f"\n{clipped(what, 42)}"))
        self.query_one(WordList).clear_options()

    def show_figures(self, whole: Whole | None, row: int, look: LineLook | None) -> None:
        """Of the whole and of the cursor's line."""
        head = "text" if whole is None or whole.rows == whole.of else f"{whole.rows:,} rows"
        text: Sequence[Tally | None] = [None] * len(self.names) if whole is None else whole.tallies
        line: Sequence[Tally | None] = (
            [None] * len(self.names) if look is None else [score.tally for score in look.scores]
        )
        name = f"line {row + 1:,}"
        if len(self.names) == 1:
            shown = table([head, name], [text[0], line[0]])
        else:
            heads = [clipped(one) for one in self.names]
            shown = f"{head}\n{table(heads, text)}\n{name}\n{table(heads, line)}"
        self.query_one("#figures", Static).update(Content(shown))

    def show_token(self, look: LineLook | None, column: int) -> None:
        """The token under the cursor, or what stands to come as the line's end."""
        self.query_one("#token", Static).update(Content("\n" + "\n".join(token_lines(look, column, self.names))))

    def show_places(self, places: Sequence[Place]) -> None:
        """The words to look at."""
        if places == self.places:
            return
        self.places = places
        words = self.query_one(WordList)
        kept = words.highlighted
        words.clear_options()
        words.add_options(Option(self._row(number, place)) for number, place in enumerate(places, start=1))
        if kept is not None and places:
            words.highlighted = min(kept, len(places) - 1)

    def _row(self, number: int, place: Place) -> Content:
        bits = "".join(f"{value:>8.2f}" for value in place.word.bits)
        room = 30 - len(bits)
        word = clipped(named(place.word.text), room)
        return Content(f"{number:>2} {word}{' ' * (room - Content(word).cell_length)}{bits}{place.row + 1:>8,}")


def token_lines(look: LineLook | None, column: int, names: Sequence[str]) -> list[str]:
    """The cursor's token in words, for each model."""
    if look is None:
        return [""]
    found = []
    for score, name in zip(look.scores, names, strict=False):
        tokens = tokens_at(score, column)
        end = bool(tokens) and tokens[0].start == tokens[0].end
        text = "line's end" if end else clipped("".join(named(token.token) for token in tokens), 12)
        label, between = (f"{clipped(name)}: ", "\n  ") if len(names) > 1 else ("", "  ")
        found.append(f"{label}{text}{between}{described(tokens)}" if tokens else f"{label}no token")
    return found


class AskTemperatures(ModalScreen[tuple[float, float] | None]):
    """Asks for two temperatures."""

    DEFAULT_CSS = """
    AskTemperatures { align: center middle; }
    AskTemperatures Vertical {
        width: 60; max-width: 90%; height: auto; border: round $primary; background: $surface; padding: 0 1;
    }
    AskTemperatures .wrong { color: $error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="temperatures.back")]

    def __init__(self, now: tuple[float, float]) -> None:
        super().__init__()
        self.now = now

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Compare two temperatures of the model")
            yield Input(f"{self.now[0]:g} {self.now[1]:g}", id="temperatures")
            yield Static("", classes="wrong", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        found = two_temperatures(event.value)
        if found is None:
            self.query_one(Static).update("two numbers above 0, for instance: 1 0.7")
        else:
            self.dismiss(found)


def two_temperatures(text: str) -> tuple[float, float] | None:
    """What was typed as two temperatures, or None where it is something else."""
    try:
        one, other = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        return None
    return (one, other) if 0 < one < float("inf") and 0 < other < float("inf") else None
