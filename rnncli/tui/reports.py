"""What the model's thread tells the screens. No Textual here, and no numpy: a screen is there before the model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from rnncli.inference.story import Story
    from rnncli.tui.inside import Offer, UnitLook
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
    """The text is another one now. ``story``: whose nodes its tokens are; after another model they are none."""

    tokens: Sequence[Token]
    story: Story | None


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


class Branch(NamedTuple):
    """A stretch of text without a fork. ``leaf``: the node to go on from; ``start``: its first one."""

    start: int
    leaf: int
    text: str
    tokens: int
    here: bool
    """Whether the text on the screen goes through it."""
    branches: Sequence[Branch]


class Shape(NamedTuple):
    """All branches, and the story that they are of."""

    root: Branch | None
    story: Story | None


class Offered(NamedTuple):
    """Units that follow something in the text."""

    offers: Sequence[Offer]


class UnitValues(NamedTuple):
    """A unit after each token, and the largest size among them."""

    values: Sequence[float]
    reach: float


class UnitShown(NamedTuple):
    """A unit and its gates after one token."""

    look: UnitLook | None


class Told(NamedTuple):
    """Something to say to the person."""

    text: str


class Copied(NamedTuple):
    """The chat's text, to be looked at."""

    text: str


class TakenBack(NamedTuple):
    """The person's last line, to be edited."""

    text: str


class To(NamedTuple):
    """A report for one of the screens over a story."""

    kind: str
    report: object
