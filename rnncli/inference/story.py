"""A story: text that a person and a model write in turns, with all its branches, every token as it came about.

Any node can be gone back to, and the model's state there is what it was, to the bit. A token drawn is a function of
the text before it, how it was read, the settings, their seed and the number of the sample: it can be drawn again.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from rnncli.config import SampleConfig, Unit, validate
from rnncli.errors import ConfigError
from rnncli.inference.decoding import REPEAT_WINDOW, draw_tokens, uniform
from rnncli.inference.emission import stops_of
from rnncli.inference.engine import Engine, Floats, State
from rnncli.inference.healing import Pieces, find_covers, take_back, unsampled
from rnncli.inference.look import Look, look
from rnncli.inference.rewinding import Rewinding
from rnncli.inference.stepping import bytes_after
from rnncli.inference.tree import (
    BY,
    CHOSEN,
    DRAWN,
    HEALED,
    NOBODY,
    OPENING,
    ROOT,
    TYPED,
    By,
    Healing,
    Tree,
    check_sample,
)
from rnncli.text.tokenizers.base import Tokenizer

LONGEST_TAKEN = 4096
"""Bytes of the longest piece that is healed: the search takes longer and longer, and no word is so long."""


class Node(NamedTuple):
    """One token where it stands.

    ``logprob``: natural, the model's own given everything before it, unfiltered; the root's is 0. ``data``: its bytes;
    the root has none. ``config`` and ``sample``: of one that was drawn, else None and 0.
    """

    parent: int | None
    id: int
    data: bytes
    logprob: float
    by: By
    config: SampleConfig | None
    sample: int
    depth: int


class Story:
    """A tree of tokens over one model; its root, node 0, is the newline before every text. Nothing is ever removed.

    Not for several threads at once. A token that came about in the same way as one that is there is that one.
    """

    def __init__(self, engine: Engine, tokenizer: Tokenizer, unit: Unit, tree: Tree | None = None) -> None:
        self.engine = engine
        self.tokenizer = tokenizer
        self.unit = unit
        self.tree = Tree(tokenizer.newline_id) if tree is None else tree
        self.states = Rewinding(engine, self.tree)
        self.barred = unsampled(tokenizer)

    def __len__(self) -> int:
        """Nodes, the root among them."""
        return len(self.tree)

    # Writing

    def type(self, node: int, text: str) -> int:
        """The node after a text that a person adds to a node; the node itself after none."""
        return self._type_ids(node, self.tokenizer.encode(text).tolist())

    def draw(self, node: int, config: SampleConfig, *, sample: int = 0) -> int:
        """The node of one token drawn as Sampler does it; of the next ``sample`` another, which may be the same token.

        A ConfigError for settings without a seed, or with a beam.
        """
        setting = self._setting(config, sample)
        tree = self.tree
        for child in tree.children(node):
            if tree.by[child] == DRAWN and (tree.settings[child], tree.samples[child]) == (setting, sample):
                return child
        token_id, logprob = self.drawn_after(node, self.states.prediction(node), tree.configs[setting], sample)
        return tree.add(node, token_id, DRAWN, logprob, setting, sample)

    def choose(self, node: int, token_id: int) -> int:
        """The node of a token that is put after a node by hand. A ConfigError for an id that is no token's."""
        if not 0 <= token_id < self.engine.vocab_size:
            raise ConfigError(f"a token must be from 0 to {self.engine.vocab_size - 1}; got {token_id}")
        found = self._child(node, token_id, CHOSEN)
        if found is not None:
            return found
        return self.tree.add(node, token_id, CHOSEN, self.logprob_after(self.states.prediction(node), token_id))

    def continue_at(self, node: int, text: str, config: SampleConfig, *, sample: int = 0) -> int:
        """The node after the first that the model writes after a text, added to a node, that may end inside a word.

        As Sampler has it, the last piece is taken back and a whole cover of its bytes drawn in its place (healing),
        on a branch beside the typed text; where there is nothing to heal, one token.
        """
        setting = self._setting(config, sample)
        kept, original, taken = take_back(self.tokenizer, text)
        end = self._type_ids(node, [*kept, *original])
        if not 0 < len(taken) <= LONGEST_TAKEN:
            return self.draw(end, config, sample=sample)
        tree, before = self.tree, self.tree.ancestor(end, len(original))
        for child, known in self._healed(before):
            if (known.taken, known.original) == (taken, original) and self._as_drawn(child, setting, sample):
                return child + known.size - 1
        drawn = self.healed_after(before, self.states, taken, original, tree.configs[setting], sample)
        if not drawn:
            return self.draw(end, config, sample=sample)
        (first_id, first_logprob), *rest = drawn
        healing = Healing(len(drawn), taken, original)
        end = tree.begin_healing(before, first_id, first_logprob, setting, sample, healing)
        for token_id, logprob in rest:
            end = tree.go_on_healing(end, token_id, logprob)
        return end

    # Looking

    def distribution(self, node: int, config: SampleConfig) -> Look:
        """What the model expects after a node, and what ``config`` makes of it; no seed is needed."""
        recent = self.tree.last_ids(node, REPEAT_WINDOW)
        return look(self.states.prediction(node), validate(config), recent=recent, barred=self.barred)

    def state(self, node: int) -> State:
        """The model's state after a node, of one row. Not to be changed."""
        return self.states.state(node)

    def node(self, node: int) -> Node:
        """All there is to know of a token."""
        tree = self.tree
        setting = tree.settings[node]
        return Node(
            parent=None if node == ROOT else tree.parents[node],
            id=tree.ids[node],
            data=self.data(node),
            logprob=tree.logprobs[node],
            by=BY[tree.by[node]],
            config=None if setting == NOBODY else tree.configs[setting],
            sample=tree.samples[node],
            depth=tree.depths[node],
        )

    def path(self, node: int) -> list[int]:
        """The nodes from the root to this one."""
        return self.tree.path(node)

    def children(self, node: int) -> list[int]:
        """In the order in which they came."""
        return list(self.tree.children(node))

    def siblings(self, node: int) -> list[int]:
        """All children of its parent, itself among them; of the root itself alone."""
        return [ROOT] if node == ROOT else self.children(self.tree.parents[node])

    def depth(self, node: int) -> int:
        """Tokens from the root, which has 0."""
        return self.tree.depths[node]

    def stopped(self, node: int, config: SampleConfig) -> str | None:
        """Why Sampler would stop with this token, 'line' or 'stop', or None: what it ends is in the text all the same.

        Only what the model wrote since a person last did is looked at.
        """
        stops = stops_of(config, self.unit)
        size = max((len(stop.data) for stop in stops), default=0)
        written = self._written(node, size)
        fresh = len(written) - len(self.data(node)) if written else 0
        # Those that end in this token; an earlier one stopped the text before it.
        hits = [(written.find(stop.data, max(0, fresh - len(stop.data) + 1)), stop.reason) for stop in stops]
        return min((hit for hit in hits if hit[0] >= 0), default=(0, None))[1]

    # Text

    def data(self, node: int) -> bytes:
        """A token's bytes where it stands, whole characters or not. The root has none."""
        if node == ROOT:
            return b""
        return bytes_after(self.tokenizer, [self.tree.ids[self.tree.parents[node]]], self.tree.ids[node])

    def text(self, node: int) -> str:
        """What a token adds to the text: the characters that end in it, and U+FFFD for those that it breaks off."""
        before, at = b"", node
        while at != ROOT and len(before) < 3:
            at = self.tree.parents[at]
            before = self.data(at) + before
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # What is left open is in the last three bytes, and where a character begins can be seen.
        decoder.decode(before[-3:])
        return decoder.decode(self.data(node))

    def texts(self, node: int) -> list[str]:
        """The text of each token from the first to a node; all of them together are the decoded text of the whole.

        A character that is still open at the end is U+FFFD in the last.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        found = [decoder.decode(self.data(one)) for one in self.tree.path(node, ROOT)]
        if found:
            found[-1] += decoder.decode(b"", final=True)
        return found

    def path_data(self, node: int) -> bytes:
        """The bytes of the whole text up to a node."""
        return b"".join(map(self.data, self.tree.path(node, ROOT)))

    # How tokens come about: reproduction has the same

    def drawn_after(self, node: int, logprobs_V: Floats, config: SampleConfig, sample: int) -> tuple[int, float]:
        """The id that is drawn after a node from a prediction (V,), and its log-probability. Changes nothing."""
        assert config.seed is not None
        [drawn] = draw_tokens(
            logprobs_V[None],
            config,
            recent=[self.tree.last_ids(node, REPEAT_WINDOW)],
            barred=self.barred,
            chances_B=[uniform(config.seed, sample, self.tree.depths[node])],
        )
        return drawn

    def healed_after(
        self, node: int, states: Rewinding, taken: bytes, original: Sequence[int], config: SampleConfig, sample: int
    ) -> list[tuple[int, float]]:
        """The cover of bytes taken back that is drawn after a node, or nothing where there is none."""
        assert config.seed is not None
        logprobs_V, state = states.prediction(node), states.state(node)
        covers = find_covers(
            self.engine, self._pieces, state=state, logprobs_V=logprobs_V, taken=taken, original=original
        )
        if covers is None:
            return []
        ids, logprobs = covers.draw(config, uniform(config.seed, sample, self.tree.depths[node]))
        return [(token_id, min(logprob, 0.0)) for token_id, logprob in zip(ids, logprobs, strict=True)]

    @staticmethod
    def logprob_after(logprobs_V: Floats, token_id: int) -> float:
        """A token's log-probability in a prediction (V,)."""
        return min(float(logprobs_V[token_id]), 0.0)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces.of(self.tokenizer)

    def _type_ids(self, node: int, ids: Sequence[int]) -> int:
        at = 0
        while at < len(ids) and (child := self._child(node, ids[at], TYPED)) is not None:
            node, at = child, at + 1
        while at < len(ids):
            piece = list(ids[at : at + self.tree.room(node)])
            for token_id, logprob in zip(piece, self.states.typed_logprobs(node, piece), strict=True):
                node = self.tree.add(node, token_id, TYPED, logprob)
            at += len(piece)
        return node

    def _child(self, node: int, token_id: int, by: int) -> int | None:
        tree = self.tree
        return next((one for one in tree.children(node) if tree.ids[one] == token_id and tree.by[one] == by), None)

    def _healed(self, node: int) -> Iterator[tuple[int, Healing]]:
        """Children with which a healed piece begins."""
        healings = self.tree.healings
        return ((one, healings[one]) for one in self.tree.children(node) if one in healings)

    def _as_drawn(self, node: int, setting: int, sample: int) -> bool:
        return (self.tree.settings[node], self.tree.samples[node]) == (setting, sample)

    def _setting(self, config: SampleConfig, sample: int) -> int:
        """The number of settings that can be drawn under."""
        check_sample(sample)
        return self.tree.intern(config)

    def _written(self, node: int, size: int) -> bytes:
        """The end of what was written by the model, up to a node: all of this, and ``size`` bytes before it."""
        tree, found, size = self.tree, b"", size + len(self.data(node))
        while tree.by[node] not in (OPENING, TYPED) and (len(found) < size or tree.by[node] == HEALED):
            found = self.data(node) + found
            if node in tree.healings:
                return found[len(tree.healings[node].taken) :]
            node = tree.parents[node]
        return found
