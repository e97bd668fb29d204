"""What the model's thread tells the pad, and where in a story a text ends. No Textual here, and no numpy.

``hand``: how often the text had become another when it was asked for; what is late is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rnncli.inference.story import Story


class Spot(NamedTuple):
    """A node of a story. ``ends``: of its path's tokens, in bytes of the text, where the story alone does not say."""

    story: Story
    node: int
    ends: Sequence[int] | None = None


class Mark(NamedTuple):
    """A token in the text: the character after its last, its surprisal, and whether a person typed it."""

    end: int
    bits: float
    typed: bool


class Settled(NamedTuple):
    """The story has the text of a step. So many tokens are as before, then come these."""

    number: int
    kept: int
    marks: Sequence[Mark]


class Written(NamedTuple):
    """A token that the model drew, and the text that it adds. ``whole``: the text so far is the node's."""

    text: str
    spot: Spot
    bits: float
    whole: bool


class Wrote(NamedTuple):
    """A token was written for that hand."""

    hand: int
    token: Written


class Stopped(NamedTuple):
    """The model has stopped writing for that hand."""

    hand: int
    reason: str
    tokens: int
    seconds: float


class Ghost(NamedTuple):
    """What the model would write at a place of the text, for that hand."""

    hand: int
    place: int
    tokens: Sequence[Written]


class Picked(NamedTuple):
    """Put this in the place of some characters of the text, for that hand: it is then the path of a node so far."""

    hand: int | None
    """None: whatever was done since."""
    at: int
    length: int
    text: str
    spot: Spot
