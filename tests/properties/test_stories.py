"""Stories grown at random: whatever was done, every state comes back to the bit and every token can be drawn again."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from rnncli.config import SampleConfig
from rnncli.formats.story import Author, dumps, loads
from rnncli.inference.engine import Engine
from rnncli.inference.opening import open_engine
from rnncli.inference.plan import Line
from rnncli.inference.reproducing import reproduce
from rnncli.inference.sampler import Sampler
from rnncli.inference.scorer import Scorer
from rnncli.inference.story import Story
from rnncli.text.tokenizers import Tokenizer
from tests.folders import make_folder
from tests.stories import CalledEngine, bits, small_caches
from tests.toy import ToyEngine, toy_tokenizer

TOKENIZERS = {kind: toy_tokenizer(kind) for kind in ("hybrid", "word", "char", "bpe", "byte")}
AUTHOR = Author("toy", "f" * 64)
CONFIGS = st.builds(
    SampleConfig,
    temperature=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    top_k=st.sampled_from([0, 5]),
    top_p=st.sampled_from([0.5, 1.0]),
    min_p=st.sampled_from([0.0, 0.1]),
    repeat_penalty=st.sampled_from([1.0, 1.5]),
    seed=st.integers(0, 3),
    max_tokens=st.integers(0, 20),
    until=st.just("text"),
)
PIECES = st.sampled_from(["the", " ", "c", "cat", "\n", "春", "眠", "🙂", "don't", "zx", "  ", "é", "\udce4", "."])
TEXTS = st.lists(PIECES, max_size=8).map("".join)
SAMPLES = st.integers(0, 2)


class Stories(RuleBasedStateMachine):
    """One story under everything that can be done to it, over an engine that tells how it was called."""

    nodes = Bundle("nodes")
    tokenizer: ClassVar[Tokenizer] = TOKENIZERS["hybrid"]
    engine: ClassVar[Engine] = CalledEngine(TOKENIZERS["hybrid"].vocab_size)

    def __init__(self) -> None:
        super().__init__()
        self.caches = small_caches()
        self.caches.__enter__()
        self.story = Story(self.engine, self.tokenizer, "stream")
        self.seen: dict[int, bytes] = {}

    def teardown(self) -> None:
        for node in sorted(self.seen):
            assert bits(self.story.state(node)) == self.seen[node]
        leaves = [node for node in range(len(self.story)) if not self.story.children(node)]
        for node in leaves[:6]:
            assert reproduce(self.story, node) == []
        self.caches.__exit__(None, None, None)

    def note(self, node: int) -> int:
        """A node with its state as it is now, the first time that it is asked for."""
        self.seen.setdefault(node, bits(self.story.state(node)))
        return node

    @initialize(target=nodes)
    def begin(self) -> int:
        return self.note(0)

    @rule(target=nodes, node=nodes, text=TEXTS)
    def type(self, node: int, text: str) -> int:
        end = self.story.type(node, text)
        assert self.story.path_data(end) == self.story.path_data(node) + self.tokenizer.decode_bytes(
            self.tokenizer.encode(text)
        )
        before = len(self.story)
        assert self.story.type(node, text) == end
        assert len(self.story) == before
        return self.note(end)

    @rule(target=nodes, node=nodes, config=CONFIGS, sample=SAMPLES, count=st.integers(1, 6))
    def draw(self, node: int, config: SampleConfig, sample: int, count: int) -> int:
        for _ in range(count):
            parent, node = node, self.story.draw(node, config, sample=sample)
            assert self.story.distribution(parent, config).drawn_V[self.story.node(node).id] > 0
        assert self.story.draw(parent, config, sample=sample) == node
        return self.note(node)

    @rule(target=nodes, node=nodes, text=TEXTS, config=CONFIGS, sample=SAMPLES)
    def continue_at(self, node: int, text: str, config: SampleConfig, sample: int) -> int:
        end = self.story.continue_at(node, text, config, sample=sample)
        assert self.story.continue_at(node, text, config, sample=sample) == end
        assert self.story.path_data(end).startswith(self.story.path_data(self.story.type(node, text)))
        return self.note(end)

    @rule(target=nodes, node=nodes, token_id=st.integers(0, TOKENIZERS["hybrid"].vocab_size - 1))
    def choose(self, node: int, token_id: int) -> int:
        return self.note(self.story.choose(node, token_id % self.engine.vocab_size))

    @rule(target=nodes, node=nodes, up=st.integers(1, 9))
    def rewind(self, node: int, up: int) -> int:
        return self.note(self.story.path(node)[max(0, self.story.depth(node) - up)])

    @rule(target=nodes)
    def save_and_load(self) -> object:
        text = dumps(self.story, AUTHOR)
        self.story = loads(text.encode(), self.engine, self.tokenizer, "stream", AUTHOR)
        assert dumps(self.story, AUTHOR) == text
        return multiple()

    @rule(node=nodes)
    def a_path_can_be_reproduced(self, node: int) -> None:
        assert reproduce(self.story, node) == []

    @rule(node=nodes)
    def a_state_comes_back(self, node: int) -> None:
        assert bits(self.story.state(node)) == self.seen[node]

    @rule(node=nodes)
    def texts_are_the_text(self, node: int) -> None:
        path, texts = self.story.path(node), self.story.texts(node)
        data = self.story.path_data(node)
        assert data == self.tokenizer.decode_bytes([self.story.node(one).id for one in path[1:]])
        assert "".join(texts) == data.decode("utf-8", "replace")
        assert texts[:-1] == [self.story.text(one) for one in path[1:-1]]
        assert [self.story.depth(one) for one in path] == list(range(len(path)))

    @rule(node=nodes)
    def children_and_parents_agree(self, node: int) -> None:
        assert node in self.story.siblings(node)
        assert all(self.story.node(child).parent == node for child in self.story.children(node))

    @invariant()
    def little_is_kept(self) -> None:
        assert self.story.states.kept <= 3 + 4


class StoriesOfWords(Stories):
    """The same of words with spaces between, typed text in which may be unknown."""

    tokenizer = TOKENIZERS["word"]
    engine = CalledEngine(TOKENIZERS["word"].vocab_size)

    @rule(target=Stories.nodes, node=Stories.nodes, text=TEXTS)
    def type(self, node: int, text: str) -> int:
        return self.note(self.story.type(node, text))

    @rule(target=Stories.nodes, node=Stories.nodes, text=TEXTS, config=CONFIGS, sample=SAMPLES)
    def continue_at(self, node: int, text: str, config: SampleConfig, sample: int) -> int:
        return self.note(self.story.continue_at(node, text, config, sample=sample))


TestStories = Stories.TestCase
TestStories.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestStoriesOfWords = StoriesOfWords.TestCase
TestStoriesOfWords.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize("kind", sorted(TOKENIZERS))
@given(prompt=TEXTS, config=CONFIGS, sample=SAMPLES)
@settings(max_examples=12, deadline=None)
def test_a_story_is_what_the_sampler_writes(kind: str, prompt: str, config: SampleConfig, sample: int) -> None:
    """Healing included. Only of words may no cover be found, and then the sampler reads the prompt in two calls."""
    tokenizer = TOKENIZERS[kind]
    engine = (ToyEngine if kind == "word" else CalledEngine)(tokenizer.vocab_size)
    chunks = list(Sampler(engine, tokenizer, "stream").stream(prompt, config, sample=sample))
    story = Story(engine, tokenizer, "stream")
    typed = len(tokenizer.encode(prompt))
    node = story.continue_at(0, prompt, config, sample=sample)
    for _ in range(config.max_tokens):
        node = story.draw(node, config, sample=sample)
    drawn = [token for token in map(story.node, story.path(node)) if token.by in ("drawn", "healed")]
    assert [token.id for token in drawn[: len(chunks)]] == [chunk.id for chunk in chunks]
    same = {"abs": 1e-9} if kind == "word" else {"abs": 0, "rel": 0}
    assert [token.logprob for token in drawn[: len(chunks)]] == pytest.approx([c.logprob for c in chunks], **same)
    assert drawn[0].depth <= typed + 1


@given(prompt=st.integers(0, 600), config=CONFIGS, sample=SAMPLES)
@settings(max_examples=8, deadline=None)
def test_long_prompts_are_read_as_the_sampler_reads_them(prompt: int, config: SampleConfig, sample: int) -> None:
    """By characters there is no healing; however it was typed, the calls are the same."""
    tokenizer = TOKENIZERS["char"]
    engine = CalledEngine(tokenizer.vocab_size)
    text = ("the cat sat on the mat. " * 30)[:prompt]
    chunks = list(Sampler(engine, tokenizer, "stream").stream(text, config, sample=sample))
    story = Story(engine, tokenizer, "stream")
    node = story.type(story.type(0, text[: prompt // 3]), text[prompt // 3 :])
    for chunk in chunks:
        node = story.draw(node, config, sample=sample)
        assert (story.node(node).id, story.node(node).logprob) == (chunk.id, chunk.logprob)


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Tokenizer]:
    """A real model, trained for two steps."""
    folder = make_folder(tmp_path_factory.mktemp("story") / "model", "lstm", "tanh", "hybrid", "projected", 2)
    opened = open_engine(folder, device="cpu", engine="onnx", threads=1)
    return opened.engine, opened.stored.tokenizer


@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_networks_states_come_back_to_the_bit(onnx: tuple[Engine, Tokenizer], data: st.DataObject) -> None:
    engine, tokenizer = onnx
    with small_caches():
        story, node = Story(engine, tokenizer, "stream"), 0
        seen: dict[int, tuple[bytes, bytes]] = {}
        for _ in range(data.draw(st.integers(1, 12))):
            node = data.draw(st.integers(0, len(story) - 1)) if data.draw(st.booleans()) else node
            if data.draw(st.booleans()):
                node = story.type(node, data.draw(TEXTS) + "Anna saw")
            else:
                config, sample = data.draw(CONFIGS), data.draw(SAMPLES)
                node = story.continue_at(node, "the mo", config, sample=sample)
                for _ in range(8):
                    node = story.draw(node, config, sample=sample)
            seen.setdefault(node, (bits(story.state(node)), story.states.prediction(node).tobytes()))
        for one, (state, prediction) in seen.items():
            assert bits(story.state(one)) == state
            assert story.states.prediction(one).tobytes() == prediction
            assert reproduce(story, one) == []


@given(text=TEXTS, cuts=st.lists(st.integers(0, 40), max_size=3))
@settings(max_examples=40, deadline=None)
def test_a_typed_line_has_the_scores_of_the_scorer(onnx: tuple[Engine, Tokenizer], text: str, cuts: list[int]) -> None:
    engine, tokenizer = onnx
    line = text.replace("\n", " Anna")
    [score] = Scorer(engine, tokenizer).score([Line(line)], tokens=True)
    story = Story(engine, tokenizer, "lines")
    ids, node = tokenizer.encode(line), 0
    for part in np.split(ids, sorted(cut for cut in cuts if cut < len(ids))):
        node = story.type(node, tokenizer.decode(part))
    if [story.node(one).id for one in story.path(node)[1:]] == ids.tolist():  # a part alone may be split otherwise
        found = [story.node(one).logprob for one in story.path(node)[1:]]
        np.testing.assert_allclose(found, [token.logprob for token in score.token_scores[:-1]], atol=1e-5)
