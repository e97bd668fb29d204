"""The scores screen, through its own keys, over a real small model; what it is made of, by hand."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from rnncli.api import load
from rnncli.inference.scorer import Scorer
from rnncli.inference.tempered import TemperedScorer
from rnncli.records import LN2, Tally, TextScore
from rnncli.tui import conversation, scoring, tint
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.figures import Run, figures, shift, table
from rnncli.tui.prompt import Prompt
from rnncli.tui.score_editor import ScoreEditor
from rnncli.tui.score_panel import ScorePanel, WordList, two_temperatures
from rnncli.tui.scores import ScoresScreen
from rnncli.tui.scoring import Setup
from rnncli.tui.stand_ins import held, meant, shown
from tests.conftest import train_small
from tests.tui.conftest import Walk, run_app, screen_text, settle

TEXT = "Anna saw the moon and the wind saw Anna.\nzebra quartz\n\nthe cat knew the river"
LINES = TEXT.split("\n")


async def scored(app: ChatApp, pilot: Pilot[None], text: str | None = None) -> None:
    """On the scores screen, with this text, all of it scored."""
    if app.screen is not app.scores:
        await pilot.press("f4")
        await pilot.pause(0.1)
    if text is not None:
        app.scores.editor.load_text(text)
    for _ in range(500):
        await pilot.pause(0.02)
        whole = app.scores.whole
        if whole is not None and whole.rows == whole.of == len(app.scores.editor.lines) and not app.performer.busy:
            return
    raise AssertionError("not scored")


async def rescored(app: ChatApp, pilot: Pilot[None]) -> None:
    """After a change: its pause is over, and all is scored."""
    await pilot.pause(0.02)
    while app.scores.pausing:
        await pilot.pause(0.02)
    await settle(app, pilot)
    await scored(app, pilot)


def told(app: ChatApp, name: str = "figures") -> str:
    return str(app.scores.query_one(f"#{name}", Static).content)


def levels(app: ChatApp, row: int) -> list[int]:
    """The level of each character of a row, from the styles that it is drawn with."""
    editor = app.scores.editor
    steps = range(1 - tint.DIFFERENCE_STEPS, tint.DIFFERENCE_STEPS) if editor.compared else range(tint.STEPS)
    by_style = {editor.style_of(level): level for level in steps if level}
    text = editor.get_line(row)
    found = [0] * len(text)
    for span in text.spans:
        found[span.start : span.end] = [by_style[span.style]] * (span.end - span.start)  # type: ignore[index]
    return found


def expected_levels(score: TextScore) -> list[int]:
    bits = [0.0] * len(score.text)
    for token in score.token_scores:
        for i in range(token.start, token.end):
            bits[i] += -token.logprob / LN2
    return [tint.surprisal_step(one) for one in bits]


def total(scores: Sequence[TextScore]) -> Tally:
    return sum((score.tally for score in scores), Tally())


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the model writes plays is none of our business."""
    monkeypatch.setattr(conversation, "PROBE", 1)


@pytest.fixture(scope="module")
def other_model(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with another tokenizer, that reads backward."""
    folder = tmp_path_factory.mktemp("models") / "other"
    return train_small(tiny_corpus, folder, steps=5, direction="backward", kind="char", unit="lines")


# -- through the keys


def test_figures_and_tint_are_those_of_the_model(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, TEXT)
        model = load(tiny_model)
        scores = model.score(LINES, tokens=True, words=True)
        app.scores.editor.move_cursor((1, 0))
        await pilot.pause()
        assert told(app) == table(["text", "line 2"], [total(scores), scores[1].tally])
        for row, score in enumerate(scores):
            assert levels(app, row) == expected_levels(score)
        assert max(max(levels(app, row), default=0) for row in range(4)) > 2
        token = scores[1].token_scores[0]
        assert f"{token.surprisal_bits:.2f} bits, rank {token.rank}" in told(app, "token")
        words = [(word.surprisal_bits, -row) for row, score in enumerate(scores) for word in score.word_scores]
        listed = [(place.word.bits[0], -place.row) for place in app.scores.panel.places]
        assert listed == sorted(words, reverse=True)
        # A newline at the end of a file ends its last line, and begins none.
        await scored(app, pilot, "the moon\n\n")
        assert app.scores.whole is not None
        assert app.scores.whole.tallies[0] == total(model.score(["the moon", ""], tokens=True))
        await scored(app, pilot, "")
        assert app.scores.whole.tallies[0] == Tally()

    run_app(tiny_model, walk)


def test_only_a_line_that_changed_is_scored_again(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = Scorer.score

    def counted(self: Scorer, lines: object, **options: object) -> object:
        given = list(lines)  # type: ignore[call-overload]
        asked.extend(line.text for line in given)
        return real(self, given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Scorer, "score", counted)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, TEXT)
        assert sorted(asked) == sorted(LINES)
        asked.clear()
        app.scores.editor.move_cursor((3, 0))
        monkeypatch.setattr("rnncli.tui.scores.PAUSE", 60)  # as if all keys came within one pause
        await pilot.press(*"an")
        kept = levels(app, 3)
        assert kept[2:] == expected_levels(load(tiny_model).score(LINES[3], tokens=True)[0])
        assert asked[1:] == []
        asked.clear()
        monkeypatch.setattr("rnncli.tui.scores.PAUSE", 0.05)
        await pilot.press("d")
        await rescored(app, pilot)
        assert asked == ["and" + LINES[3]]
        asked.clear()
        await pilot.press("backspace", "backspace", "backspace", "enter")
        await rescored(app, pilot)
        assert "zebra quartz" not in asked
        assert app.scores.whole is not None
        assert app.scores.whole.of == 5

    run_app(tiny_model, walk)


def test_keys_go_to_the_words(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, TEXT)
        editor, places = app.scores.editor, app.scores.panel.places
        spots = [(row, word.start) for row, word in places]
        await pilot.press("ctrl+g")
        assert editor.cursor_location == spots[0]
        await pilot.press("ctrl+n")
        assert editor.cursor_location == spots[1]
        await pilot.press("f7", "3")
        await pilot.pause()
        assert editor.cursor_location == spots[2]
        assert app.focused is editor
        await pilot.press("f7", "down", "enter")
        await pilot.pause()
        assert editor.cursor_location == spots[3]
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert titles >= {"Chat", "Scores", "Compare", "Temperatures", "Least expected word"}
        await pilot.press("ctrl+g", "x")
        await pilot.press("ctrl+n", "ctrl+g")  # before it is scored anew: nothing is gone to that is not there
        assert editor.line(editor.cursor_location[0])[editor.cursor_location[1] :]
        await rescored(app, pilot)

    run_app(tiny_model, walk)


def test_a_model_with_the_same_tokens_is_compared_by_them_and_one_that_is_not_there_is_told(
    tiny_model: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(tiny_model, twin)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, TEXT)
        app.scores.compare(Setup(other=str(twin)))
        await rescored(app, pilot)
        assert app.scores.names == ["tiny", "twin"]
        assert not any(any(levels(app, row)) for row in range(4))
        one = table(["tiny", "twin"], [total(load(tiny_model).score(LINES, tokens=True))] * 2)
        assert one in told(app)
        app.scores.compare(Setup(other=str(tmp_path / "nothing")))
        await rescored(app, pilot)
        assert any("no model" in note.message for note in app._notifications)
        assert app.scores.setup == Setup()
        assert app.scores.names == ["tiny"]
        assert levels(app, 1) == expected_levels(load(tiny_model).score(LINES[1], tokens=True)[0])

    run_app(tiny_model, walk)


def test_other_tokens_are_compared_a_word_at_a_time(tiny_model: Path, other_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, TEXT)
        await pilot.press("ctrl+r")
        await pilot.pause(0.1)
        picker = app.screen.query_one(OptionList)
        assert str(picker.get_option_at_index(0).prompt) == "no comparison"
        await pilot.press("escape")
        app.scores.compare(Setup(other=str(other_model)))
        await rescored(app, pilot)
        ones, others = (load(model).score(LINES, words=True, tokens=True) for model in (tiny_model, other_model))
        assert table(["tiny", "other"], [total(ones), total(others)]) in told(app)
        assert "a word" in told(app, "legend")
        differences = []
        for row, (one, other) in enumerate(zip(ones, others, strict=True)):
            expected = [0] * len(one.text)
            for mine, theirs in zip(one.word_scores, other.word_scores, strict=True):
                bits = (mine.logprob - theirs.logprob) / LN2
                differences.append(abs(bits))
                level = tint.difference_step(bits)
                expected[mine.start : mine.end] = [level] * (mine.end - mine.start)
            assert levels(app, row) == expected
        assert [place.word.weight for place in app.scores.panel.places] == pytest.approx(sorted(differences)[::-1])
        app.scores.compare(Setup())
        await rescored(app, pilot)
        assert levels(app, 0) == expected_levels(ones[0])

    run_app(tiny_model, walk)


def test_two_temperatures_are_compared(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, TEXT)
        await pilot.press("f5")
        await pilot.pause(0.1)
        field = app.screen.query_one("#temperatures", Input)
        field.value = "1 0"
        await pilot.press("enter")
        assert app.screen is not app.scores
        field.value = "1 0.5"
        await pilot.press("enter")
        await rescored(app, pilot)
        scores = load(tiny_model).score(LINES, tokens=True)
        tempered = [by_hand(tiny_model, line, 0.5) for line in LINES]
        whole = app.scores.whole
        assert whole is not None
        assert whole.tallies[0].logprob == pytest.approx(total(scores).logprob)
        assert whole.tallies[1].logprob == pytest.approx(sum(sum(line) for line in tempered), abs=1e-3)
        expected = [0] * len(LINES[1])
        for token, logprob in zip(scores[1].token_scores, tempered[1], strict=True):
            level = tint.difference_step((token.logprob - logprob) / LN2)
            expected[token.start : token.end] = [level] * (token.end - token.start)
        assert levels(app, 1) == expected
        monkeypatch.setattr(scoring, "MOST_TEMPERED", 20)
        await pilot.press("x")
        await rescored(app, pilot)
        assert len(app.scores.names) == 1
        assert "up to 20 tokens" in told(app, "status")

    run_app(tiny_model, walk)


def by_hand(folder: Path, line: str, temperature: float) -> list[float]:
    """Each token's log-probability: one distribution after the other, through the engine."""
    model = load(folder)
    ids = [*model.tokenizer.encode(line).tolist(), model.tokenizer.newline_id]
    found = []
    for n, target in enumerate(ids):
        row = np.array([[model.tokenizer.newline_id, *ids[:n]]])
        prediction, _ = model.engine.advance(row, np.array([row.shape[1]]), model.engine.start(1), want="last")
        chances = np.exp(prediction.logprob[0].astype(np.float64)) ** (1 / temperature)
        found.append(float(np.log(chances[target] / chances.sum())))
    return found


def test_a_model_that_reads_backward_scores_and_says_why_it_does_not_write(tiny_model: Path, other_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        assert app.model_name == "other"
        assert "does not write" in app.chat.query_one(Prompt).placeholder  # type: ignore[operator]
        assert [note.severity for note in app._notifications] == ["information"]
        assert app.talk.text == "piped in"
        await pilot.press("ctrl+f")
        await settle(app, pilot)
        await scored(app, pilot)
        scores = load(other_model).score("piped in", tokens=True)
        assert app.scores.editor.text == "piped in"
        assert app.scores.whole is not None
        assert app.scores.whole.tallies[0] == scores[0].tally
        await pilot.press("f2")
        await pilot.pause(0.1)
        await pilot.press("x", "enter")
        await settle(app, pilot)
        assert any("does not write" in note.message and note.severity == "error" for note in app._notifications)
        app.open_model(str(tiny_model))
        await settle(app, pilot)
        assert app.talk.text == "piped in"

    run_app(other_model, walk, start=Start(keep=False, opening="piped in"))


def test_the_chats_text_is_looked_at_as_it_is(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+f")
        await settle(app, pilot)
        await scored(app, pilot)
        assert app.scores.editor.lines == ["a\x1b[31mb\udce9", "c"]
        assert "\x1b" not in screen_text(app)
        assert "a␛[31mb�" in screen_text(app)
        whole = app.scores.whole
        assert whole is not None
        assert whole.tallies[0] == total(load(tiny_model).score(["a\x1b[31mb\udce9", "c"], tokens=True, words=True))

    run_app(tiny_model, walk, start=Start(keep=False, opening="a\x1b[31mb\udce9\nc\n"))


def any_text(size: tuple[int, int]) -> Walk:
    """A walk in a terminal of a size."""

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        strange = "字字 e\u0301e\t|\x00\x85\u2028x\ud800\u202e 👩‍👩‍👧\r\nb" + "\n" * 3
        await scored(app, pilot, strange)
        assert len(app.scores.editor.lines) == 4
        assert app.scores.editor.lines[0] == strange.split("\r")[0]
        text = screen_text(app)
        assert not any(ord(char) < 32 and char != "\n" for char in text)
        assert not set("\x85\u2028\u202e\ud800") & set(text)
        panel = app.scores.query_one(ScorePanel)
        assert bool(panel.size.width) == (size[0] >= 100)
        await pilot.press("f6")
        await pilot.pause()
        assert bool(panel.size.width) == (size[0] < 100)
        await pilot.press("f7", "escape", "ctrl+t", "ctrl+t", "ctrl+a", "delete", "f2")
        await pilot.pause(0.1)
        assert app.screen is app.chat
        await pilot.press("f4")
        for other in ((20, 5), (130, 40), size):
            await pilot.resize_terminal(*other)
            await pilot.pause()
        await scored(app, pilot)

    return walk


def test_any_text_in_a_small_terminal(tiny_model: Path) -> None:
    run_app(tiny_model, any_text((20, 5)), size=(20, 5))


def test_a_long_text_is_scored_from_what_shows_and_a_key_is_heard(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"the moon {number} and the wind" for number in range(5000)]
    gate = threading.Event()
    calls: list[list[str]] = []
    real = Scorer.score

    def waiting(self: Scorer, given: Any, **options: Any) -> Any:
        asked = list(given)
        calls.append([line.text for line in asked])
        if len(calls) > 1:
            gate.wait(10)
        return real(self, asked, **options)

    monkeypatch.setattr(Scorer, "score", waiting)

    async def called(pilot: Pilot[None], times: int) -> None:
        for _ in range(300):
            await pilot.pause(0.02)
            if len(calls) >= times:
                return
        raise AssertionError("not scored")

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("f4")
        await pilot.pause(0.1)
        editor = app.scores.editor
        editor.load_text("\n".join(lines))
        editor.move_cursor((4990, 0))
        await called(pilot, 2)  # the second piece waits
        assert lines[4990] in calls[0]
        assert lines[0] not in calls[0]
        await pilot.press("x")  # typing does not wait
        assert editor.line(4990) == "x" + lines[4990]
        gate.set()
        await called(pilot, 3)
        gate.clear()  # the piece under way was left, and what shows was asked for anew
        assert calls[2][:1] == ["x" + lines[4990]]
        assert not set(calls[0]) & set(calls[2])
        await called(pilot, 4)
        await pilot.press("escape")
        gate.set()
        await settle(app, pilot)
        assert "stopped" in told(app, "status")
        assert len(editor.known) < 2000

    run_app(tiny_model, walk)


def test_a_long_line_is_drawn_with_its_tint_everywhere(tiny_model: Path) -> None:
    line = "Anna saw the moon " * 1100

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await scored(app, pilot, line)
        editor = app.scores.editor
        runs = editor.known[line].runs
        editor.move_cursor((0, 19000))
        await pilot.pause()
        strip = editor.render_lines(Region(0, 5, editor.size.width, 1))[0]
        assert any(
            segment.style and segment.style.bgcolor == editor.style_of(runs[0].level).bgcolor for segment in strip
        )
        await pilot.press("z")
        await rescored(app, pilot)

    run_app(tiny_model, walk)


# -- by hand


def test_every_binding_can_be_remapped() -> None:
    for kind in (ScoresScreen, ScoreEditor, WordList):
        assert all(getattr(binding, "id", None) for binding in kind.__dict__["BINDINGS"]), kind


def test_an_edited_line_keeps_the_tint_of_what_it_kept() -> None:
    runs = [Run(0, 3, 5), Run(4, 8, 2)]
    assert shift(runs, "abc defg", "abc xdefg") == [Run(0, 3, 5), Run(5, 9, 2)]
    assert shift(runs, "abc defg", "ac defg") == [Run(0, 1, 5), Run(1, 2, 5), Run(3, 7, 2)]
    assert shift(runs, "abc defg", "abc deXfg") == [Run(0, 3, 5), Run(4, 6, 2), Run(7, 9, 2)]
    assert shift(runs, "abc defg", "") == []


def test_stand_ins_are_one_for_each_and_come_back() -> None:
    text = "".join(map(chr, range(0x3000))) + "\ud800\udfff𝄞"
    assert meant(held(text)) == text.replace("\r", "\n")
    assert len(shown(held(text))) == len(text)
    assert held(text).splitlines() == held(text).split("\n")
    assert shown(held("a\x1b\x9b\u202e\udc80\n\t")) == "a␛\ufffd\ufffd\ufffd\n\t"


def test_figures_are_short_whatever_they_are() -> None:
    huge = Tally(logprob=-1e9, tokens=10**7, lines=1, words=3, chars=7)
    assert all(len(value) <= 12 for _, value in figures(huge))
    assert dict(figures(huge))["word ppl"] == "∞"
    assert dict(figures(Tally()))["bits/char"] == "-"


@pytest.mark.parametrize(
    ("typed", "found"),
    [("1 0.5", (1, 0.5)), ("1,2", (1, 2)), ("1", None), ("1 0", None), ("a b", None), ("1 inf", None), ("nan 1", None)],
)
def test_two_temperatures_as_typed(typed: str, found: tuple[float, float] | None) -> None:
    assert two_temperatures(typed) == found


def test_at_temperature_1_a_line_scores_as_it_does(tiny_model: Path, other_model: Path) -> None:
    for folder in (tiny_model, other_model):
        model = load(folder)
        plain = model.score(LINES, tokens=True, words=True)
        same = TemperedScorer(model.engine, model.tokenizer, 1.0, scoring.direction_of(model)).score(LINES)
        for one, other in zip(plain, same, strict=True):
            assert other.tally.logprob == pytest.approx(one.tally.logprob, abs=1e-4)
            assert [t.rank for t in other.token_scores] == [t.rank for t in one.token_scores]
            for mine, theirs in zip(one.token_scores, other.token_scores, strict=True):
                assert theirs.entropy == pytest.approx(mine.entropy, abs=1e-4)
            for word, tempered in zip(one.word_scores, other.word_scores, strict=True):
                assert tempered.logprob == pytest.approx(word.logprob, abs=1e-4)
