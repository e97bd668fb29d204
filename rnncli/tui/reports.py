"""What the model's thread tells the screen. No Textual here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from rnncli.tui.branches import Branch
    from rnncli.tui.next_panel import Outlook
    from rnncli.tui.speakers import Play


class Token(NamedTuple):
    """A token of the text on the screen."""

    node: int
    text: str
    bits: float
    typed: bool


class Loaded(NamedTuple):
    """Another model is ready."""

    name: str
    folder: Path
    play: Play | None
    speakers: tuple[str, str] | None
    layers: int
    units: int
    training: bool
    """It was saved by a training that has not ended."""
    silent: str = ""
    """Why it does not write, if it does not."""


class Moved(NamedTuple):
    """The text is another one now."""

    tokens: Sequence[Token]


class Grown(NamedTuple):
    """A token more."""

    token: Token


class Ended(NamedTuple):
    """The model has stopped writing. ``reason``: line, stop, length or stopped (by the person)."""

    reason: str
    tokens: int
    seconds: float


class Looked(NamedTuple):
    """What stood to come before a token of the text, or with None after its end."""

    place: int | None
    outlook: Outlook


class Shape(NamedTuple):
    """All branches."""

    root: Branch | None
