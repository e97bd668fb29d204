"""A story by hand: a model whose opinions are a table, and files as they should not be."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli.config import SampleConfig
from rnncli.errors import ConfigError, ModelError, StoryError
from rnncli.formats.story import Author, dumps, load, loads, markdown, plain_text, save
from rnncli.inference.reproducing import Difference, reproduce
from rnncli.inference.rewinding import MOST_CHECKPOINTS, RECENT_STATES
from rnncli.inference.story import Story
from rnncli.text.tokenizers import Tokenizer
from tests.stories import CalledEngine, bits
from tests.toy import FixedEngine, ToyEngine, toy_tokenizer

CONFIG = SampleConfig(seed=7, temperature=1.0)
AUTHOR = Author("toy", "ab" * 32)
CHARS = toy_tokenizer("char", text="abcd\n")
OF = {CHARS.token(i): i for i in range(CHARS.vocab_size)}


def table_story(**rows: dict[str, float]) -> Story:
    """Over a, b, c, d: what follows each character, and what follows the newline (``start``)."""
    table = np.full((CHARS.vocab_size, CHARS.vocab_size), 0.0)
    for name, row in rows.items():
        for char, chance in row.items():
            table[OF["\n" if name == "start" else name], OF[char]] = chance
    return Story(FixedEngine(table), CHARS, "lines")


def abcd() -> Story:
    some = {"a": 0.5, "b": 0.25, "c": 0.125, "d": 0.125}
    return table_story(start=some, a=some, b=some, c=some, d={"\n": 1.0})


def hybrid_story() -> Story:
    tokenizer = toy_tokenizer("hybrid")
    return Story(CalledEngine(tokenizer.vocab_size), tokenizer, "stream")


def test_each_token_knows_what_it_is() -> None:
    story = abcd()
    typed = story.type(0, "ab")
    greedy = dataclasses.replace(CONFIG, temperature=0.0)
    drawn = story.draw(typed, greedy, sample=2)
    chosen = story.choose(drawn, OF["c"])
    assert story.path(chosen) == [0, 1, typed, drawn, chosen]
    assert story.node(0) == (None, OF["\n"], b"", 0.0, "opening", None, 0, 0)
    assert story.node(typed) == (1, OF["b"], b"b", math.log(0.25), "typed", None, 0, 2)
    assert story.node(drawn)[4:] == ("drawn", greedy, 2, 3)
    assert story.node(chosen)[:5] == (drawn, OF["c"], b"c", math.log(0.125), "chosen")
    assert (len(story), story.depth(chosen), story.text(chosen)) == (5, 4, "c")


def test_nothing_is_removed_and_nothing_is_there_twice() -> None:
    story = abcd()
    first = story.type(0, "abc")
    assert story.type(0, "abc") == first
    assert story.type(story.type(0, "a"), "bc") == first
    assert story.type(first, "") == first
    other = story.type(0, "abd")
    assert story.siblings(other) == [first, other]
    chosen = story.choose(2, OF["d"])
    assert story.choose(2, OF["d"]) == chosen
    assert story.children(2) == [first, other, chosen]
    assert story.siblings(0) == [0]
    assert [story.draw(0, CONFIG), story.draw(0, CONFIG)] == [6, 6]


def test_ten_thousand_tokens_hold_one_config() -> None:
    story, node = table_story(start={"a": 1.0}, a={"a": 0.5, "b": 0.5}, b={"a": 1.0}), 0
    for _ in range(10_000):
        node = story.draw(node, dataclasses.replace(CONFIG))
    assert len(story.tree.configs) == 1
    assert story.tree.nbytes / len(story) < 60
    assert story.states.kept <= RECENT_STATES + MOST_CHECKPOINTS
    assert bits(story.state(5000)) == np.array([[story.node(5000).id]], float).tobytes()
    middle = story.draw(5000, CONFIG, sample=1)
    assert story.depth(middle) == 5001


def test_another_sample_is_another_attempt() -> None:
    story = abcd()
    found = {story.node(story.draw(0, CONFIG, sample=sample)).data for sample in range(20)}
    assert found == {b"a", b"b", b"c", b"d"}
    assert len(story.children(0)) == 20
    assert story.draw(0, CONFIG, sample=3) == 4


@pytest.mark.parametrize(
    ("settings", "sample", "match"),
    [
        ({"seed": None}, 0, "--seed"),
        ({"beam": 4}, 0, "--beam"),
        ({"temperature": -1.0}, 0, "--temperature"),
        ({}, -1, "number of a sample"),
        ({}, 2**63, "number of a sample"),
    ],
)
def test_what_could_not_be_drawn_again_is_not_drawn(settings: dict[str, Any], sample: int, match: str) -> None:
    story = abcd()
    for draw in (story.draw, lambda node, *a, **k: story.continue_at(node, "a", *a, **k)):
        with pytest.raises(ConfigError, match=match):
            draw(0, dataclasses.replace(CONFIG, **settings), sample=sample)
    assert len(story) == 1


@pytest.mark.parametrize("token_id", [-1, CHARS.vocab_size])
def test_no_token_is_chosen_that_there_is_not(token_id: int) -> None:
    with pytest.raises(ConfigError, match="token must be"):
        abcd().choose(0, token_id)


def test_a_look_tells_where_each_filter_cuts() -> None:
    story = abcd()
    config = SampleConfig(temperature=0.5, top_k=3, top_p=0.9, min_p=0.2)
    found = story.distribution(0, config)
    assert found.entropy_bits == pytest.approx(1.75)
    assert found.model_V[[OF[c] for c in "abcd"]] == pytest.approx([0.5, 0.25, 0.125, 0.125])
    # Squares: 16, 4, 1; the nucleus of 20/21 is two; b has a quarter of a, as much as min-p asks for.
    assert found.drawn_V[[OF[c] for c in "abcd"]] == pytest.approx([0.8, 0.2, 0, 0])
    assert found.drawn_entropy_bits == pytest.approx(-(0.8 * math.log2(0.8) + 0.2 * math.log2(0.2)))
    assert [cut[:3] for cut in found.cuts] == [
        ("temperature", 0.5, 4),
        ("top_k", 3, 3),
        ("top_p", 0.9, 2),
        ("min_p", 0.2, 2),
    ]
    assert [cut.least for cut in found.cuts] == pytest.approx([0.125, 0.125, 0.25, 0.25])
    assert [found.removed_by(OF[c]) for c in "abcd"] == [None, None, "top_p", "top_k"]
    assert [found.rank(OF[c]) for c in "abcd\n"] == [1, 2, 3, 3, 5]
    assert found.likeliest(2).tolist() == [OF["a"], OF["b"]]


def test_a_look_has_the_repeats_of_its_path_and_the_greedy_choice() -> None:
    story = abcd()
    node = story.type(0, "ab")
    found = story.distribution(node, SampleConfig(temperature=1.0, repeat_penalty=2.0))
    assert found.drawn_V[[OF[c] for c in "abcd"]] == pytest.approx(np.array([4, 2, 2, 2]) / 10)
    greedy = story.distribution(node, SampleConfig(temperature=0.0))
    assert greedy.cuts == (("temperature", 0.0, 1, 0.5),)
    assert greedy.drawn_entropy_bits == 0
    with pytest.raises(ConfigError, match="--top-p"):
        story.distribution(node, SampleConfig(top_p=2.0))


def test_what_stands_for_no_text_is_barred() -> None:
    tokenizer = toy_tokenizer("word")
    story = Story(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    found = story.distribution(story.type(0, "the dog"), CONFIG)
    assert (found.removed_by(0), found.drawn_V[0], found.cuts) == ("barred", 0, ())
    assert found.model_V[0] > 0


def test_a_prediction_that_is_no_number_is_an_error() -> None:
    story = Story(FixedEngine(np.full((CHARS.vocab_size, CHARS.vocab_size), np.nan)), CHARS, "lines")
    with pytest.raises(ModelError, match="not a number"):
        story.type(0, "ab")
    with pytest.raises(ModelError, match="not a number"):
        story.draw(0, CONFIG)


def test_a_word_typed_in_part_is_healed_on_a_branch() -> None:
    story = hybrid_story()
    before = story.type(0, "the")
    end = story.continue_at(before, " dog saw the ca", CONFIG)
    path = [story.node(node) for node in story.path(end)]
    assert story.path_data(end).startswith(b"the dog saw the ca")
    healed = [token for token in path if token.by == "healed"]
    assert b"".join(token.data for token in healed).startswith(b" ca")
    assert healed[0].config == CONFIG
    typed = story.type(before, " dog saw the ca")
    assert story.path_data(typed) == b"the dog saw the ca"
    assert typed not in story.path(end)
    assert story.node(story.continue_at(before, "\n", CONFIG)).by == "drawn"


def test_a_line_and_a_stop_text_end_what_the_model_writes() -> None:
    story = abcd()
    config = SampleConfig(seed=1, stop=("ba", "a"))
    end = story.choose(story.type(0, "b"), OF["a"])
    assert story.stopped(end, config) == "stop"
    assert story.stopped(story.choose(end, OF["b"]), config) is None
    assert story.stopped(end, dataclasses.replace(config, stop=("ba",))) is None  # b was typed
    by_hand = story.choose(story.choose(end, OF["b"]), OF["a"])
    assert story.stopped(by_hand, dataclasses.replace(config, stop=("ba",))) == "stop"
    newline = story.choose(0, OF["\n"])
    assert story.stopped(newline, CONFIG) == "line"
    assert story.stopped(newline, dataclasses.replace(CONFIG, until="text")) is None
    assert story.stopped(story.type(0, "\n"), CONFIG) is None


def test_half_characters_wait_and_broken_ones_show() -> None:
    tokenizer = toy_tokenizer("byte")
    story = Story(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    node = story.type(0, "春x\udce6")
    assert story.texts(node) == ["", "", "春", "x", "\ufffd"]
    assert story.path_data(node) == "春x".encode() + b"\xe6"
    assert [story.text(one) for one in story.path(node)] == ["", "", "", "春", "x", ""]
    after = story.type(node, "y")
    assert (story.text(after), plain_text(story, after)) == ("\ufffdy", "春x\ufffdy")
    assert story.texts(0) == []


# -- files


def grown() -> Story:
    """With everything that a file can hold, a stop text that is no UTF-8 among it."""
    story = hybrid_story()
    node = story.continue_at(0, "the dog saw the ca", CONFIG)
    for seed in range(4):
        node = story.draw(node, dataclasses.replace(CONFIG, seed=seed, stop=("\udce4", "zz")), sample=seed)
    story.choose(node, 3)
    story.type(node, "春 and\n")
    return story


def opened(data: str | bytes, tokenizer: Tokenizer | None = None, author: Author = AUTHOR) -> Story:
    story = hybrid_story()
    raw = data.encode() if isinstance(data, str) else data
    return loads(raw, story.engine, tokenizer or story.tokenizer, "stream", author)


def test_a_story_comes_back_from_its_file_and_is_reproduced(tmp_path: Path) -> None:
    story = grown()
    save(tmp_path / "story.json", story, AUTHOR)
    back = load(tmp_path / "story.json", story.engine, story.tokenizer, "stream", AUTHOR)
    assert [back.node(one) for one in range(len(back))] == [story.node(one) for one in range(len(story))]
    assert all(reproduce(back, leaf) == [] for leaf in range(len(back)))
    assert back.draw(1, CONFIG) == len(story)
    lines = (tmp_path / "story.json").read_text(encoding="utf-8").splitlines()
    assert sum('"parent"' in line for line in lines) == len(story) - 1


def test_what_was_altered_does_not_reproduce() -> None:
    story = grown()
    document = json.loads(dumps(story, AUTHOR))
    drawn = next(i for i, entry in enumerate(document["nodes"]) if entry["by"] == "drawn")
    healed = next(i for i, entry in enumerate(document["nodes"]) if entry["by"] == "healed")
    for entry in (drawn, healed, 0):
        found = story.node(entry + 1).logprob
        # Of a typed one the rounding may differ.
        for told in (math.nextafter(found, -math.inf) if entry else found - 0.1, found / 2):
            altered = json.loads(dumps(story, AUTHOR))
            altered["nodes"][entry]["logprob"] = told
            [difference] = [d for d in reproduce(opened(json.dumps(altered)), entry + 1) if d.node == entry + 1]
            assert difference.what == "logprob"
            assert difference.told == told
    wrong = next(i for i in range(story.engine.vocab_size) if i != document["nodes"][drawn]["id"])
    right, document["nodes"][drawn]["id"] = document["nodes"][drawn]["id"], wrong
    document["nodes"][drawn]["token"] = story.tokenizer.token(wrong)
    assert reproduce(opened(json.dumps(document)), drawn + 1) == [Difference(drawn + 1, "token", wrong, right)]


def test_a_token_that_could_not_be_is_kept_as_such() -> None:
    story = table_story(start={"a": 1.0}, a={"a": 1.0})
    node = story.type(0, "ab")
    assert story.node(node).logprob == -math.inf
    text = dumps(story, AUTHOR)
    assert '"logprob": null' in text
    back = loads(text.encode(), story.engine, CHARS, "lines", AUTHOR)
    assert back.node(node).logprob == -math.inf
    assert reproduce(back, node) == []


def test_another_model_is_refused_by_name() -> None:
    text = dumps(grown(), AUTHOR)
    with pytest.raises(StoryError, match=r"toy \(abababababab\).*other \(cdcdcdcdcdcd\)"):
        opened(text, author=Author("other", "cd" * 32))
    with pytest.raises(StoryError, match="not the same weights"):
        opened(text, tokenizer=CHARS)
    assert len(opened(text, author=Author("renamed", AUTHOR.fingerprint))) > 1


def healed_entry(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in document["nodes"] if "taken" in entry)
    return found


def drawn_entry(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in document["nodes"] if entry["by"] == "drawn")
    return found


Damage = Callable[[dict[str, Any]], Any]
NESTED: Any = []
for _ in range(200):
    NESTED = [NESTED]
DAMAGES: dict[str, Damage] = {
    "kind": lambda d: d.update(kind="something"),
    "no version": lambda d: d.pop("version"),
    "version true": lambda d: d.update(version=True),
    "old version": lambda d: d.update(version=0),
    "no model": lambda d: d.pop("model"),
    "model a list": lambda d: d.update(model=[]),
    "name a number": lambda d: d["model"].update(name=3),
    "name lone": lambda d: d["model"].update(name="\udc80"),
    "nodes a table": lambda d: d.update(nodes={}),
    "no nodes": lambda d: d.pop("nodes"),
    "node null": lambda d: d["nodes"].append(None),
    "id too high": lambda d: d["nodes"][0].update(id=10**9),
    "id huge": lambda d: d["nodes"][0].update(id=10**400),
    "id negative": lambda d: d["nodes"][0].update(id=-1),
    "id true": lambda d: d["nodes"][0].update(id=True),
    "id a float": lambda d: d["nodes"][0].update(id=1.0),
    "another text": lambda d: d["nodes"][0].update(token="the end"),
    "text lone": lambda d: d["nodes"][0].update(token="\ud800"),
    "own parent": lambda d: d["nodes"][4].update(parent=5),
    "later parent": lambda d: d["nodes"][1].update(parent=7),
    "parent null": lambda d: d["nodes"][1].update(parent=None),
    "nobody": lambda d: d["nodes"][0].update(by="someone"),
    "by a list": lambda d: d["nodes"][0].update(by=["typed"]),
    "opening twice": lambda d: d["nodes"][0].update(by="opening"),
    "too many fields": lambda d: d["nodes"][0].update(more=1),
    "too few fields": lambda d: d["nodes"][0].pop("logprob"),
    "logprob above 0": lambda d: d["nodes"][0].update(logprob=0.5),
    "logprob text": lambda d: d["nodes"][0].update(logprob="-1"),
    "logprob nan": lambda d: d["nodes"][0].update(logprob=math.nan),
    "logprob infinite": lambda d: d["nodes"][0].update(logprob=-math.inf),
    "logprob huge": lambda d: d["nodes"][0].update(logprob=-(10**400)),
    "no such settings": lambda d: drawn_entry(d).update(settings=99),
    "sample huge": lambda d: drawn_entry(d).update(sample=2**63),
    "settings a list": lambda d: d["settings"].append([1]),
    "settings nested": lambda d: d["settings"].append({"stop": NESTED}),
    "no seed": lambda d: d["settings"][0].update(seed=None),
    "a beam": lambda d: d["settings"][0].update(beam=2),
    "temperature huge": lambda d: d["settings"][0].update(temperature=10**400),
    "temperature nan": lambda d: d["settings"][0].update(temperature=math.nan),
    "unknown setting": lambda d: d["settings"][0].update(evil=1),
    "stop numbers": lambda d: d["settings"][0].update(stop=[1]),
    "stop empty": lambda d: d["settings"][0].update(stop=[""]),
    "healed nothing": lambda d: healed_entry(d).update(size=0),
    "healed for ever": lambda d: healed_entry(d).update(size=4000),
    "healed more than is": lambda d: healed_entry(d).update(size=10**12),
    "taken no hexadecimal": lambda d: healed_entry(d).update(taken="xyz"),
    "taken too much": lambda d: healed_entry(d).update(taken="00" * 5000),
    "original wrong": lambda d: healed_entry(d).update(original=[-1]),
    "original none": lambda d: healed_entry(d).update(original=[]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DAMAGES))
def test_a_damaged_file_is_refused_in_one_line(name: str) -> None:
    document = json.loads(dumps(grown(), AUTHOR))
    DAMAGES[name](document)
    with pytest.raises(StoryError) as caught:
        opened(json.dumps(document))
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message
    caught.value.message.encode()


def test_a_healed_piece_cut_off_is_refused() -> None:
    document = json.loads(dumps(grown(), AUTHOR))
    at = document["nodes"].index(healed_entry(document))
    document["nodes"] = document["nodes"][: at + 1]
    document["nodes"][at]["size"] = 2
    with pytest.raises(StoryError, match="cut off"):
        opened(json.dumps(document))


def test_a_file_cut_anywhere_or_of_something_else_is_refused() -> None:
    data = dumps(grown(), AUTHOR).encode().rstrip()
    for size in range(0, len(data), 37):
        with pytest.raises(StoryError):
            opened(data[:size])
    for other in (b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"kind": ' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{}"):
        with pytest.raises(StoryError, match="damaged"):
            opened(other)


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    document = json.loads(dumps(grown(), AUTHOR))
    document["version"] = 2
    with pytest.raises(StoryError, match="format 2"):
        opened(json.dumps(document))
    story = hybrid_story()
    for path in (tmp_path, tmp_path / "none.json", Path("/dev/zero")):
        with pytest.raises(StoryError, match=str(path)):
            load(path, story.engine, story.tokenizer, "stream", AUTHOR)


def test_a_path_as_markdown() -> None:
    story = abcd()
    node = story.draw(story.type(0, "ab"), dataclasses.replace(CONFIG, temperature=0.0, top_k=2))
    shown = markdown(story, story.choose(node, OF["c"]), Author("to`y\n", "ab"))
    title = "The model: temperature 0, top-k 2, seed 7, sample 0"
    assert shown == (
        "# A story\n\nWith the model `to\ufffdy\ufffd`.\n\n"
        f"**You**\n\n~~~text\nab\n~~~\n\n**{title}**\n\n~~~text\na\n~~~\n\n**You, by hand**\n\n~~~text\nc\n~~~\n"
    )
    tokenizer = toy_tokenizer("byte")
    fenced = Story(ToyEngine(tokenizer.vocab_size), tokenizer, "stream")
    assert "~~~~~text\n~~~~\n~~~~~" in markdown(fenced, fenced.type(0, "~~~~"), AUTHOR)
