"""The pad's text and its story, under everything that can be done to them at random. No screen."""

from __future__ import annotations

import random
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rnncli.config import SampleConfig
from rnncli.formats.story import Author, dumps, loads
from rnncli.inference.reproducing import reproduce
from rnncli.inference.tree import TYPED
from rnncli.text.escapes import bytes_of
from rnncli.tui import pad_writing
from rnncli.tui.draft import Draft
from rnncli.tui.ghost import first_word, lay_out, whole_words
from rnncli.tui.pad_reports import Ghost, Settled, Spot, Written, Wrote
from rnncli.tui.pruning import pruned
from rnncli.tui.revisions import Revisions
from tests.toy import ToyEngine, toy_tokenizer

KINDS = ("hybrid", "word", "char", "bpe", "byte")
PIECES = ("the", " ", "c", "cat", " cat", "\n", "春眠", "é", "\udce4", "  ", ".", "don't", "\u0301")
SEEDS = 3
"""Walks of each kind here; tests/tui_more has others."""
AUTHOR = Author("toy", "f" * 64)


class Session:
    """A person and a toy model at one text."""

    def __init__(self, kind: Any, seed: int) -> None:
        tokenizer = toy_tokenizer(kind)
        engine = ToyEngine(tokenizer.vocab_size)
        self.random = random.Random(seed)
        self.reports: list[object] = []
        self.revisions = Revisions()
        self.draft = Draft(self.reports.append, lambda: False, lambda: self.revisions.hand)
        model = SimpleNamespace(
            sampler=SimpleNamespace(engine=engine), tokenizer=tokenizer, unit="stream", direction="forward"
        )
        self.draft.take_model(cast(Any, model))
        self.known: dict[Any, tuple[str, int, tuple[bytes, ...]]] = {}
        self.time = 0.0

    def place(self) -> int:
        return self.random.randint(0, len(self.revisions.text))

    def edit(self) -> None:
        at = self.place()
        count = min(self.random.choice([0, 0, 0, 1, 5]), len(self.revisions.text) - at)
        new = self.random.choice(PIECES)
        self.time += self.random.choice([0.1, 5])
        self.revisions.edit(at, count, new, cursor=at, time=self.time)

    def write(self) -> None:
        at, sample = self.place(), self.random.randint(0, 1)
        config = SampleConfig(seed=self.random.randint(0, 2), max_tokens=self.random.randint(0, 6), until="text")
        self.revisions.begin(at, sample)
        del self.reports[:]
        hand = self.revisions.hand
        pad_writing.go_on(self.draft, hand, list(self.revisions.steps), at, lambda: config, sample)
        tokens = [report.token for report in self.reports if isinstance(report, Wrote)]
        for token in tokens[: self.random.choice([1, 100])]:  # or the person types, and the rest comes too late
            self.revisions.grow(token.text, token.spot if token.whole else None)
        self.revisions.close()

    def guess(self) -> None:
        at, hand = self.place(), self.revisions.hand
        self.settle()
        del self.reports[:]
        pad_writing.guess(self.draft, hand, at, SampleConfig(seed=1))
        for report in self.reports:
            if isinstance(report, Ghost):
                tokens, _ = lay_out(report.tokens, 0, 999, 1)
                tokens = tokens[: first_word(tokens)]
                if not tokens:
                    return
                self.revisions.insert(at, "".join(token.text for token in tokens), tokens[-1].spot)

    def undo(self) -> None:
        self.revisions.undo()

    def redo(self) -> None:
        self.revisions.redo()

    def settle(self) -> None:
        """The story follows; a text that it had is in the same place to the bit."""
        draft, text = self.draft, self.revisions.text
        steps = list(self.revisions.steps)
        assert draft.settle(self.revisions.hand, steps)
        for step in steps:
            self.revisions.taken(step.number)
        assert draft.data == bytes_of(text)
        assert len(draft.nodes) == len(draft.ends) == len(draft.chars)
        assert draft.nodes == draft.story.path(draft.node)[1:]
        if draft.story.tokenizer.lossless:
            assert draft.story.path_data(draft.node) == draft.data
            assert (draft.ends or [0])[-1] == len(draft.data)
            assert (draft.chars or [0])[-1] == len(text)
        state = tuple(array.tobytes() for array in draft.story.state(draft.node))
        version = self.revisions._version
        before = self.known.get(version)
        if before is not None and before[0] == text:
            assert before == (text, draft.node, state)
        self.known[version] = (text, draft.node, state)


def comes_back_to_the_bit(kind: str, seeds: Iterable[int]) -> None:
    for seed in seeds:
        session = Session(kind, seed)
        actions = [session.edit, session.edit, session.write, session.guess, session.undo, session.redo, session.settle]
        for _ in range(30):
            session.random.choice(actions)()
        session.settle()
        assert not reproduce(session.draft.story, session.draft.node)


@pytest.mark.parametrize("kind", KINDS)
def test_the_story_follows_and_comes_back_to_the_bit(kind: str) -> None:
    comes_back_to_the_bit(kind, range(SEEDS))


def is_read_as_if_typed_at_once(kind: str, seeds: Iterable[int]) -> None:
    for seed in seeds:
        session = Session(kind, seed)
        for _ in range(25):
            session.random.choice([session.edit, session.edit, session.undo, session.redo, session.settle])()
        session.settle()
        tree = session.draft.story.tree
        ids = session.draft.story.tokenizer.encode(session.revisions.text).tolist()
        assert [tree.ids[node] for node in session.draft.nodes] == ids


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_typed_in_many_places_is_read_as_if_typed_at_once(kind: str) -> None:
    is_read_as_if_typed_at_once(kind, range(SEEDS))


def stays_as_it_was(kind: str, seeds: Iterable[int]) -> None:
    for seed in seeds:
        session = Session(kind, seed)
        session.revisions.edit(0, 0, "the cat", cursor=0, time=0)
        for _ in range(3):
            session.write()
        session.settle()
        draft, at = session.draft, session.place()
        before = len(bytes_of(session.revisions.text[:at]))  # a character may have several tokens
        kept = [node for node, end in zip(draft.nodes, draft.ends, strict=True) if end <= before]
        while kept and draft.story.tree.by[kept[-1]] == TYPED:
            kept.pop()
        session.revisions.edit(at, 0, "X", cursor=at, time=99)
        session.settle()
        assert draft.nodes[: len(kept)] == kept


@pytest.mark.parametrize("kind", ["hybrid", "bpe", "byte"])
def test_what_was_drawn_before_an_edit_stays_as_it_was(kind: str) -> None:
    stays_as_it_was(kind, range(SEEDS))


def is_in_the_file(seeds: Iterable[int]) -> None:
    sizes = []
    for seed in seeds:
        session = Session("hybrid", seed)
        for _ in range(25):
            session.random.choice([session.edit, session.write, session.guess, session.undo])()
            session.settle()
        draft = session.draft
        leaves = [node for _, node, _ in session.known.values()]
        copy, last = pruned(draft.story, leaves, draft.node)
        sizes.append(len(draft.story) - len(copy))
        engine, tokenizer = draft.story.engine, draft.story.tokenizer
        told = loads(dumps(copy, AUTHOR).encode(), engine, tokenizer, "stream", AUTHOR)
        assert told.path_data(last) == bytes_of(session.revisions.text)
        assert last == len(told) - 1 or told.children(last)
        assert not reproduce(told, last)
        states = zip(told.state(last), draft.story.state(draft.node), strict=True)
        assert all(a.tobytes() == b.tobytes() for a, b in states)
    assert max(sizes) > 0


def test_a_file_has_what_was_the_text_at_some_time_and_ends_with_what_it_is_now() -> None:
    is_in_the_file(range(SEEDS))


def test_a_job_for_a_text_that_is_another_by_now_gives_up() -> None:
    session = Session("hybrid", 1)
    session.revisions.edit(0, 0, "the cat\n" * 2000, cursor=0, time=0)
    hand, steps = session.revisions.hand, list(session.revisions.steps)
    session.revisions.touch()
    assert not session.draft.settle(hand, steps)
    assert session.draft.data == b""
    assert session.draft.settled < steps[-1].number
    assert any(isinstance(report, Settled) and not report.marks for report in session.reports)


def test_rows_and_words_of_a_ghost() -> None:
    spot = Spot(Session("hybrid", 0).draft.story, 0)
    tokens = [
        Written(text, spot, 0.0, whole) for text, whole in ((" ab", True), ("漢", True), (" c", False), ("d", True))
    ]
    assert lay_out(tokens, 2, 6, 2) == (tokens, [" ab", "漢 cd"])
    assert lay_out(tokens, 2, 6, 1) == (tokens[:1], [" ab"])
    assert lay_out(tokens, 2, 4, 3) == (tokens, [" a", "b漢 ", "cd"])
    assert lay_out(tokens, 5, 6, 1) == ([], [])
    assert first_word(tokens) == 2
    assert whole_words(tokens) == tokens[:2]
    assert whole_words(tokens[:2]) == tokens[:2]
