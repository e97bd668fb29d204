"""What the model expected at a place: the whole distribution, before the filters and after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from rnncli.text.glyphs import visible
from rnncli.tui.options import Options

if TYPE_CHECKING:
    from rnncli.inference.story import Story

MOST = 200
"""Candidates listed: further down nobody scrolls, and each is a row to lay out."""
EIGHTHS = " ▏▎▍▌▋▊▉█"


class Candidate(NamedTuple):
    """A token that might come: its probability by the model, and after the filters."""

    id: int
    text: str
    model: float
    filtered: float


class Outlook(NamedTuple):
    """What stands to come at a place. ``cuts``: a filter in words, and how many tokens it left."""

    candidates: Sequence[Candidate]
    entropy: float
    entropy_after: float
    cuts: Sequence[tuple[str, int]]
    vocab_size: int
    chosen: int | None
    """The id of the token that stands there, if one does."""
    rank: int | None
    logprob: float | None
    story: Story
    """Whose tokens these are."""


def bar(share: float, width: int) -> str:
    """A bar of eighths of cells, ``width`` cells long at share 1; anything above nothing shows."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def named(text: str) -> str:
    """A token's text with what is not seen in it made visible."""
    return visible(text).replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣") or "∅"


def percent(share: float) -> str:
    """In four or five cells."""
    if share == 0:
        return "-"
    return f"{share:.1%}" if share >= 0.001 else "<.1%"


class NextPanel(Vertical):
    """The distribution as bars. Choosing a candidate posts ``Chosen``: the text goes on from there with it."""

    DEFAULT_CSS = """
    NextPanel #outlook { height: auto; padding: 0 1; }
    NextPanel OptionList { height: 1fr; border: none; padding: 0; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "branch with this token", show=False, id="next.choose"),
    ]

    class Chosen(Message):
        """A candidate was chosen: a token of this story's model."""

        def __init__(self, token_id: int, story: Story) -> None:
            super().__init__()
            self.token_id, self.story = token_id, story

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.outlook: Outlook | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="outlook")
        yield Options(id="candidates")

    def show(self, outlook: Outlook | None) -> None:
        """Show a place's distribution, or that there is none to show. Told the same again, the cursor stays."""
        before, self.outlook = self.outlook, outlook
        self.query_one("#outlook", Static).update(Content("") if outlook is None else Content(described(outlook)))
        candidates = self.query_one("#candidates", OptionList)
        same = before is not None and outlook is not None and before[:1] + before[5:] == outlook[:1] + outlook[5:]
        kept = candidates.highlighted if same else None
        candidates.clear_options()
        if outlook is None:
            return
        highest = max((one.model for one in outlook.candidates), default=1.0) or 1.0
        candidates.add_options(
            Option(self._row(number, one, highest, outlook.chosen), id=str(one.id))
            for number, one in enumerate(outlook.candidates[:MOST], start=1)
        )
        ids = [one.id for one in outlook.candidates[:MOST]]
        if kept is not None:
            candidates.highlighted = kept
        elif outlook.chosen in ids:
            candidates.highlighted = ids.index(outlook.chosen)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id is not None and self.outlook is not None:
            self.post_message(self.Chosen(int(event.option.id), self.outlook.story))

    def _row(self, rank: int, one: Candidate, highest: float, chosen: int | None) -> Content:
        room = max(4, (self.size.width or 40) - 33)
        mark = "▸" if one.id == chosen else " "
        text = named(one.text)[:9].ljust(9)
        row = Content.assemble(
            f"{mark}{rank:>3} ",
            (text, "bold" if one.id == chosen else ""),
            f"{percent(one.model):>6} ",
            (bar(one.model / highest, room), "$secondary"),
            f" {percent(one.filtered):>6}",
        )
        return row if one.filtered > 0 else row.stylize("dim")


def described(outlook: Outlook) -> str:
    """The figures in words."""
    lines = []
    if outlook.rank is not None and outlook.logprob is not None:
        bits = -outlook.logprob / 0.6931471805599453
        lines.append(f"this token: {bits:.2f} bits, rank {outlook.rank:,} of {outlook.vocab_size:,}")
    lines.append(f"entropy {outlook.entropy:.2f} bits, after the filters {outlook.entropy_after:.2f}")
    lines += [f"{what} leaves {left:,}" for what, left in outlook.cuts]
    return "\n".join(lines)
