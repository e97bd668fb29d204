"""Hidden units of a text, for the panel that looks inside. Runs in the model's thread; no Textual here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnncli.inference.features import correlated, features
from rnncli.inference.inspect import Activations, Inspector
from rnncli.store import open_folder
from rnncli.tui.inside import Offer, Unit, UnitLook
from rnncli.tui.reports import Offered, UnitShown, UnitValues

if TYPE_CHECKING:
    from rnncli.tui.manuscript import Manuscript

MOST_READ = 4000
"""Tokens at the end of a text that are looked at: more would keep the model's thread for seconds."""
FEWEST = 30
WEAKEST = 0.3


class Units:
    """Reads a text with an Inspector, and remembers what it found for that text."""

    def __init__(self, talk: Manuscript) -> None:
        self.talk = talk
        assert talk.model is not None
        self.model = talk.model
        self.inspector = Inspector(open_folder(talk.model.folder))
        self._node: int | None = None
        self._found: Activations | None = None

    def _read(self) -> tuple[list[int], Activations]:
        """The nodes that were read, the root the first, and all units after each."""
        talk = self.talk
        nodes = talk.story.path(talk.node)[-MOST_READ:]
        if self._node != talk.node or self._found is None:
            ids = [talk.story.tree.ids[node] for node in nodes]
            self._node, self._found = talk.node, self.inspector.read(ids)
        return nodes, self._found

    def offer(self) -> None:
        """Report the units that follow something in the text."""
        nodes, found = self._read()
        texts = self.talk.story.texts(self.talk.node)[-(len(nodes) - 1) :] if len(nodes) > 1 else []
        if len(texts) < FEWEST:
            self.talk.report(Offered(()))
            return
        ends = np.cumsum([len(text) for text in texts])
        spans = np.stack([ends - [len(text) for text in texts], ends], 1)
        known = correlated(found.hidden[-len(texts) :], features("".join(texts), spans), most=1)
        offers = [Offer(one.feature, Unit(one.layer, one.unit), one.r) for one in known if abs(one.r) >= WEAKEST]
        self.talk.report(Offered(offers))

    def tint(self, unit: Unit) -> None:
        """Report a unit after every token of the text."""
        _, found = self._read()
        values = found.hidden[:, unit.layer, unit.number].tolist()
        tokens = len(self.talk.story.path(self.talk.node)) - 1
        shown = ([0.0] * tokens + values)[-tokens:] if tokens else []
        self.talk.report(UnitValues(shown, max((abs(value) for value in shown), default=1.0)))

    def look(self, unit: Unit, place: int | None) -> None:
        """Report a unit and its gates after a token of the text; of none after the last."""
        story = self.talk.story
        nodes = story.path(self.talk.node)
        at = len(nodes) - 1 if place is None else min(place + 1, len(nodes) - 1)
        if at < 1:
            self.talk.report(UnitShown(None))
            return
        before = story.state(nodes[at - 1])
        layer = self.inspector.step(story.tree.ids[nodes[at]], before).layers[unit.layer]
        number = unit.number
        gates = {name: float(values[number]) for name, values in layer.gates.items()}
        cell = None if layer.cell is None else float(layer.cell[number])
        self.talk.report(UnitShown(UnitLook(float(layer.hidden[number]), cell, gates)))
