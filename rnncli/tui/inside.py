"""A look inside: one hidden unit over the whole text, its gates at one token, and the units that are worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from rnncli.tui.next_panel import bar
from rnncli.tui.options import Options

BAR = 12
FOLLOW = "Units that follow something in this text:"
NONE_YET = "Too little text yet to say which units follow something in it."


class Unit(NamedTuple):
    """A unit of a layer, both counted from 0 as in config.json's arrays."""

    layer: int
    number: int


class Offer(NamedTuple):
    """A unit that follows something in the text: ``r`` is Pearson's correlation."""

    what: str
    unit: Unit
    r: float


class UnitLook(NamedTuple):
    """A unit after one token. ``gates``: by name, in [0, 1], candidates in [-1, 1]."""

    hidden: float
    cell: float | None
    gates: Mapping[str, float]


def signed_bar(value: float, width: int) -> str:
    """A bar to the right of a middle for what is above 0, to the left for what is below."""
    half = width // 2
    length = min(half, round(abs(value) * half))
    if value >= 0:
        return " " * half + "│" + "█" * length + " " * (half - length)
    return " " * (half - length) + "█" * length + "│" + " " * half


class InsidePanel(Vertical):
    """Choose a layer and a unit, or one that is offered."""

    DEFAULT_CSS = """
    InsidePanel { padding: 0 1; }
    InsidePanel #unit-row { height: 1; margin-bottom: 1; }
    InsidePanel #unit-row Label { width: auto; margin-right: 1; }
    InsidePanel #unit-row Input { width: 8; margin-right: 2; }
    InsidePanel #gates { height: auto; margin-bottom: 1; }
    InsidePanel OptionList { height: 1fr; border: none; padding: 0; background: $background; }
    InsidePanel Button { width: 100%; }
    """

    class Chosen(Message):
        """Tint the text by this unit, or by surprisal again."""

        def __init__(self, unit: Unit | None) -> None:
            super().__init__()
            self.unit = unit

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.layer_count, self.unit_count = 0, 0
        self.offers: Sequence[Offer] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(id="unit-row"):
            yield Label("layer")
            yield Input("1", id="layer", type="integer", compact=True)
            yield Label("unit")
            yield Input("", id="unit", type="integer", compact=True, placeholder="1 to ?")
        yield Static("", id="gates")
        yield Static(FOLLOW, id="offered")
        yield Options(id="offers")
        yield Button("tint by surprisal again", id="no-unit", compact=True)

    def set_sizes(self, layers: int, units: int) -> None:
        """Tell how many layers and units there are."""
        self.layer_count, self.unit_count = layers, units
        self.query_one("#unit", Input).placeholder = f"1 to {units}"

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """List the units that are worth a look."""
        self.offers = offers
        self.query_one("#offered", Static).update(FOLLOW if offers else NONE_YET)
        widget = self.query_one("#offers", OptionList)
        widget.clear_options()
        widget.add_options(
            Option(Content(f"{one.r:+.2f}  {one.what}  (layer {one.unit.layer + 1}, unit {one.unit.number + 1})"))
            for one in offers
        )

    def show_unit(self, look: UnitLook | None) -> None:
        """Show a unit after the token that is pointed at."""
        self.query_one("#gates", Static).update(Content("" if look is None else described(look)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        offer = self.offers[event.option_index]
        self._choose(offer.unit)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        unit = self._typed()
        if unit is not None:
            self.post_message(self.Chosen(unit))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Chosen(None))

    def _choose(self, unit: Unit) -> None:
        self.query_one("#layer", Input).value = str(unit.layer + 1)
        self.query_one("#unit", Input).value = str(unit.number + 1)
        self.post_message(self.Chosen(unit))

    def _typed(self) -> Unit | None:
        """The unit that the fields say, if there is one."""
        try:
            layer = int(self.query_one("#layer", Input).value) - 1
            unit = int(self.query_one("#unit", Input).value) - 1
        except ValueError:
            return None
        if 0 <= layer < self.layer_count and 0 <= unit < self.unit_count:
            return Unit(layer, unit)
        self.notify(f"There are {self.layer_count} layers of {self.unit_count} units.", severity="warning")
        return None


def described(look: UnitLook) -> str:
    """The unit's values as bars."""
    lines = [f"{'hidden':<10}{look.hidden:+.2f} {signed_bar(look.hidden, BAR)}"]
    if look.cell is not None:
        lines.append(f"{'cell':<10}{look.cell:+.2f} {signed_bar(look.cell / 3, BAR)}")
    for name, value in look.gates.items():
        if name == "candidate":
            lines.append(f"{name:<10}{value:+.2f} {signed_bar(value, BAR)}")
        else:
            lines.append(f"{name:<10} {value:.2f} {bar(value, BAR)}")
    return "\n".join(lines)
