"""The tokens of a story and of all its branches, in a few arrays: nothing is ever removed.

A node is a number. 0 is the root, the newline that stands before every text; a node's parent has a lower number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from rnncli.config import SampleConfig, validate
from rnncli.errors import ConfigError
from rnncli.inference.stepping import CHUNK

By = Literal["opening", "typed", "drawn", "chosen", "healed"]
"""Who put a token there. opening: nobody, it is the root. healed: drawn, in place of a piece that was typed in part."""
BY: tuple[By, ...] = get_args(By)
OPENING, TYPED, DRAWN, CHOSEN, HEALED = range(len(BY))

ROOT = 0
NOBODY = -1
"""No node; as the beginning of a call, the state before any text."""
MOST_SAMPLES = 2**63
"""Numbers of samples are below this."""


class Healing(NamedTuple):
    """What some healed tokens, one after the other, stand for: bytes taken back and the ids they were read as."""

    size: int
    taken: bytes
    original: tuple[int, ...]


class Tree:
    """Nodes with their tokens. ``bases`` says how each is read: by a call of the engine that begins after that node.

    Typed tokens are read together, ``CHUNK`` at most in a call, the newline before them among these; so are the
    tokens of a healed piece. A drawn or chosen one is a call of its own. So a node's calls follow from its path
    alone, however its text came in.
    """

    def __init__(self, newline_id: int) -> None:
        self.parents, self.ids, self.bases, self.depths = array("i"), array("i"), array("i"), array("i")
        self.logprobs = array("d")
        self.by = array("b")
        self.settings, self.samples = array("i"), array("q")
        self._first, self._last, self._next = array("i"), array("i"), array("i")
        self.configs: list[SampleConfig] = []
        self._config_numbers: dict[SampleConfig, int] = {}
        self.healings: dict[int, Healing] = {}
        """By the first node of each."""
        self._put(NOBODY, newline_id, OPENING, 0.0, NOBODY, 0, base=NOBODY, depth=0)

    def __len__(self) -> int:
        return len(self.parents)

    @property
    def nbytes(self) -> int:
        """Bytes that the nodes take, their arrays' room to grow left out."""
        return sum(len(one) * one.itemsize for one in vars(self).values() if isinstance(one, array))

    # Growing

    def add(self, parent: int, token_id: int, by: int, logprob: float, setting: int = NOBODY, sample: int = 0) -> int:
        """A new node, typed, drawn or chosen."""
        base = self.typed_base(parent) if by == TYPED else parent
        return self._put(parent, token_id, by, logprob, setting, sample, base=base, depth=self.depths[parent] + 1)

    def begin_healing(self, parent: int, token_id: int, logprob: float, setting: int, sample: int, of: Healing) -> int:
        """The first node of a healed piece."""
        node = self._put(parent, token_id, HEALED, logprob, setting, sample, base=parent, depth=self.depths[parent] + 1)
        self.healings[node] = of
        return node

    def go_on_healing(self, parent: int, token_id: int, logprob: float) -> int:
        """The next node of the healed piece that ``parent``, the newest node, is part of."""
        assert parent == len(self) - 1
        assert self.by[parent] == HEALED
        setting, sample, base = self.settings[parent], self.samples[parent], self.bases[parent]
        return self._put(parent, token_id, HEALED, logprob, setting, sample, base=base, depth=self.depths[parent] + 1)

    def _put(
        self, parent: int, token_id: int, by: int, logprob: float, setting: int, sample: int, *, base: int, depth: int
    ) -> int:
        node = len(self)
        self.parents.append(parent)
        self.ids.append(token_id)
        self.bases.append(base)
        self.depths.append(depth)
        self.logprobs.append(logprob)
        self.by.append(by)
        self.settings.append(setting)
        self.samples.append(sample)
        for links in (self._first, self._last, self._next):
            links.append(NOBODY)
        if parent != NOBODY:
            last = self._last[parent]
            if last == NOBODY:
                self._first[parent] = node
            else:
                self._next[last] = node
            self._last[parent] = node
        return node

    def intern(self, config: SampleConfig) -> int:
        """The number of a config, one for all that are equal; a ConfigError where none can be drawn under it again."""
        number = self._config_numbers.get(config)
        if number is None:
            _check_drawable(config)  # but once: it takes as long as many a step
            number = self._config_numbers[config] = len(self.configs)
            self.configs.append(config)
        return number

    # Finding

    def children(self, node: int) -> Iterator[int]:
        """In the order in which they came."""
        child = self._first[node]
        while child != NOBODY:
            yield child
            child = self._next[child]

    def path(self, node: int, above: int = NOBODY) -> list[int]:
        """The nodes from below ``above``, an ancestor, or else from the root, to ``node``."""
        found = []
        while node != above:
            found.append(node)
            node = self.parents[node]
        return found[::-1]

    def ancestor(self, node: int, up: int) -> int:
        """The node so many tokens before."""
        for _ in range(up):
            node = self.parents[node]
        return node

    def last_ids(self, node: int, most: int) -> list[int]:
        """Ids of the last tokens up to a node, the root's left out."""
        found: list[int] = []
        while node != ROOT and len(found) < most:
            found.append(self.ids[node])
            node = self.parents[node]
        return found[::-1]

    def typed_base(self, parent: int) -> int:
        """Where the call begins that reads a token typed after ``parent``."""
        if self.by[parent] not in (OPENING, TYPED):
            return parent
        return self.bases[parent] if self._read_with(parent) < CHUNK else parent

    def room(self, parent: int) -> int:
        """How many tokens typed after ``parent`` are read by the call that reads the first of them."""
        return CHUNK if self.typed_base(parent) == parent else CHUNK - self._read_with(parent)

    def _read_with(self, node: int) -> int:
        """How many tokens its call reads up to a node."""
        base = self.bases[node]
        return self.depths[node] - (NOBODY if base == NOBODY else self.depths[base])

    def is_step(self, node: int) -> bool:
        """Whether the token was read as one that was drawn alone."""
        alone = self.by[node] == HEALED and self.bases[node] == self.parents[node]
        return alone or self.by[node] in (DRAWN, CHOSEN)


def check_sample(sample: int) -> None:
    """A ConfigError for what is no number of a sample."""
    if not 0 <= sample < MOST_SAMPLES:
        raise ConfigError(f"the number of a sample must be from 0 to {MOST_SAMPLES - 1}; got {sample}")


def _check_drawable(config: SampleConfig) -> None:
    validate(config)
    if config.seed is None:
        raise ConfigError("a story needs a --seed, so that each token can be drawn again")
    if config.beam:
        raise ConfigError("a story is drawn a token at a time; --beam looks for whole texts", hint="Leave out --beam.")
