"""The pad's text as the screen has it: edits that can be undone, and the steps that the story has still to take.

The text holds what is meant: bytes that are no UTF-8 as lone surrogates, control characters as they are. No Textual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rnncli.tui.pad_reports import Spot

TOGETHER_S = 1.0
"""Characters typed or deleted within this of the one before are undone with it."""
MOST_TOGETHER = 100


class Version:
    """The text between two changes. ``spot``: where the story has it, once it has."""

    def __init__(self) -> None:
        self.spot: Spot | None = None


class Step(NamedTuple):
    """What became of the text, for the story to follow. ``drawn``: up to this character it is the path of that node."""

    number: int
    version: Version
    text: str
    drawn: tuple[int, Spot] | None = None
    back: bool = False
    """By undo or redo: the story knows it."""


@dataclass
class Change:
    """``old`` was replaced by ``new`` at a place; ``cursor``: where it was before."""

    at: int
    old: str
    new: str
    cursor: int
    before: Version
    after: Version
    by_model: bool = False
    sample: int = 0
    """Which of the texts that the model may write there."""
    time: float = 0.0
    closed: bool = False


class Revisions:
    """A text, how it came to be, and how it may be again."""

    def __init__(self) -> None:
        self.text = ""
        self.number = 0
        """Of the last step; another text has another."""
        self.hand = 0
        """How often the text became another by anything but what the model is writing: what is under way then ends."""
        self.steps: list[Step] = []
        self._version = Version()
        self._undo: list[Change] = []
        self._redo: list[Change] = []

    @property
    def last(self) -> Change | None:
        """What undo would take back."""
        return self._undo[-1] if self._undo else None

    def edit(self, at: int, count: int, new: str, *, cursor: int, time: float) -> None:
        """A person replaces some characters."""
        old = self.text[at : at + count]
        last = self.last
        joined = None if last is None or time - last.time > TOGETHER_S else _joined(last, at, old, new)
        if joined is not None:
            self._undo[-1] = joined
        else:
            self._begin(at, old, new, cursor)
        self._undo[-1].time = time
        self.touch()
        self._apply(at, count, new)
        self._push(None)

    def touch(self) -> None:
        """Have what is under way end, though the text is the same."""
        self.hand += 1

    def insert(self, at: int, new: str, spot: Spot | None, *, count: int = 0, sample: int = 0) -> None:
        """The model writes at a place; ``spot``: where the story has the text up to the end of that, if it has."""
        self.touch()
        self._begin(at, self.text[at : at + count], new, at)
        change = self._undo[-1]
        change.by_model, change.sample = True, sample
        self._apply(at, count, new)
        self._push(None if spot is None else (at + len(new), spot))

    def begin(self, at: int, sample: int) -> None:
        """The model is going to write at a place; what is under way ends."""
        self.insert(at, "", None, sample=sample)

    def grow(self, new: str, spot: Spot | None) -> None:
        """The model writes on after what it inserted last. Nothing that is under way ends."""
        change = self._undo[-1]
        assert change.by_model
        at = change.at + len(change.new)
        change.new += new
        self._apply(at, 0, new)
        self._push(None if spot is None else (at + len(new), spot))

    def close(self) -> None:
        """What comes is not undone together with what was."""
        if self._undo:
            self._undo[-1].closed = True

    def undo(self) -> Change | None:
        """Take the last change back; it is returned."""
        if self._undo and not (self._undo[-1].old or self._undo[-1].new):
            self._undo.pop()  # the model was stopped before its first character
        if not self._undo:
            return None
        change = self._undo.pop()
        self._redo.append(change)
        self._apply(change.at, len(change.new), change.old)
        self._go_back(change.before)
        return change

    def redo(self) -> Change | None:
        """Make the change again that was taken back last; it is returned."""
        if not self._redo:
            return None
        change = self._redo.pop()
        self._undo.append(change)
        self._apply(change.at, len(change.old), change.new)
        self._go_back(change.after)
        return change

    def again(self) -> None:
        """Have the story take the whole text: it is another story."""
        self.touch()
        self._push(None)

    def taken(self, number: int) -> None:
        """The story has taken all steps up to one."""
        self.steps = [step for step in self.steps if step.number > number]

    def _begin(self, at: int, old: str, new: str, cursor: int) -> None:
        self.close()
        before, self._version = self._version, Version()
        self._undo.append(Change(at, old, new, cursor, before, self._version))
        self._redo.clear()

    def _apply(self, at: int, count: int, new: str) -> None:
        self.text = self.text[:at] + new + self.text[at + count :]

    def _go_back(self, version: Version) -> None:
        self.close()
        self.touch()
        self._version = version
        self._push(None, back=True)

    def _push(self, drawn: tuple[int, Spot] | None, *, back: bool = False) -> None:
        self.number += 1
        if self.steps and self.steps[-1].version is self._version:
            # The same change went on: the story need not follow it letter by letter.
            back = back or self.steps[-1].back
            drawn = drawn or self.steps[-1].drawn
            self.steps.pop()
        self.steps.append(Step(self.number, self._version, self.text, drawn, back))


def _joined(last: Change, at: int, old: str, new: str) -> Change | None:
    """A change that an edit goes on with: one character more typed after it, or deleted beside it."""
    if last.closed or last.by_model or "\n" in new or "\n" in old or len(last.new) + len(last.old) >= MOST_TOGETHER:
        return None
    if len(new) == 1 and not old and not last.old and at == last.at + len(last.new):
        last.new += new
        return last
    if len(old) == 1 and not new and not last.new and at + 1 == last.at:
        last.old, last.at = old + last.old, at
        return last
    if len(old) == 1 and not new and not last.new and at == last.at:
        last.old += old
        return last
    return None
