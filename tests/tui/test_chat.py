"""The chat, through its own keys, over a real small model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from rnncli.config import SampleConfig
from rnncli.inference.reproducing import reproduce
from rnncli.inference.story import Story
from rnncli.tui.app import FLOWING, HELD_S, TYPING_S, ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.next_panel import NextPanel
from rnncli.tui.panels import BranchPanel
from rnncli.tui.prompt import Prompt
from rnncli.tui.reports import Moved, To, Told
from rnncli.tui.settings import SettingsPanel
from rnncli.tui.side import SidePanel
from rnncli.tui.token_view import TokenView
from tests.tui.conftest import Walk, run_app, screen_text, settle


async def say(app: ChatApp, pilot: Pilot[None], text: str) -> None:
    app.chat.query_one(Prompt).text = text
    await pilot.press("enter")
    await settle(app, pilot)


def shown(app: ChatApp) -> str:
    return app.chat.query_one(TokenView).text


def test_a_line_is_answered_and_both_are_shown(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press(*"hi")
        await pilot.press("enter")
        await settle(app, pilot)
        assert shown(app).startswith("hi\n")
        assert len(shown(app)) > 3
        assert "hi" in screen_text(app)
        assert app.chat.query_one(Prompt).text == ""
        assert not reproduce(app.talk.story, app.talk.node)

    run_app(tiny_model, walk)


def test_who_types_goes_before_a_text_that_streams_for_a_moment(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "hi")
        await pilot.press("x")
        told = To("chat", Told("news"))

        def waits(*, flows: int, typed: float, drained: float) -> bool:
            """Whether a report is left where it is, so many seconds after a key and the last look."""
            app.performer.report(told)
            now = time.monotonic()
            app._flows, app._typed, app._drained = flows, now - typed, now - drained
            app._drain()
            return bool(app.performer.drain())

        assert waits(flows=FLOWING, typed=0, drained=0)
        assert not waits(flows=FLOWING - 1, typed=0, drained=0)
        assert not waits(flows=FLOWING, typed=2 * TYPING_S, drained=0)
        assert not waits(flows=FLOWING, typed=0, drained=2 * HELD_S)

    run_app(tiny_model, walk)


def test_another_answer_is_another_branch_and_nothing_is_lost(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        first, before = app.talk.node, shown(app)
        await pilot.press("ctrl+r")
        await settle(app, pilot)
        assert shown(app).startswith("the old\n")
        assert app.talk.node != first
        app.write(lambda talk, config: talk.go_to(first))
        await settle(app, pilot)
        assert shown(app) == before
        assert not reproduce(app.talk.story, first)

    run_app(tiny_model, walk)


def test_the_same_seed_and_settings_write_the_same(tiny_model: Path) -> None:
    found = []

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        await say(app, pilot, "")
        found.append(shown(app))

    run_app(tiny_model, walk)
    run_app(tiny_model, walk)
    assert found[0] == found[1]


def test_an_empty_line_is_no_answer(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where paragraphs lie apart, the model's first token is another newline."""
    draw, newlines = Story.draw, [2]

    def with_newlines(story: Story, node: int, config: SampleConfig, *, sample: int = 0) -> int:
        if newlines[0] and story.node(node).depth > 1:
            newlines[0] -= 1
            return story.choose(node, story.tokenizer.newline_id)
        return draw(story, node, config, sample=sample)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        monkeypatch.setattr(Story, "draw", with_newlines)
        await say(app, pilot, "the old")
        assert shown(app).startswith("the old\n\n\n")
        assert shown(app).removeprefix("the old").strip()
        assert shown(app).endswith("\n")

    run_app(tiny_model, walk)


def test_the_person_says_what_ends_an_answer(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        assert len(app.chat.tokens) > 40  # a line of this model is shorter
        assert shown(app).count("\n") > 2

    run_app(tiny_model, walk, until="text", max_tokens=40)


def test_a_panel_asked_for_before_the_panels_are_there_is_shown_then(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = SidePanel.fill

    async def later(side: SidePanel, config: Callable[[], SampleConfig]) -> None:
        assert not side.filled
        side.screen.action_tab("branches")  # type: ignore[attr-defined]
        side.action_turn(1)
        assert side.tab == "settings"
        await fill(side, config)

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        assert app.chat.side.tab == "settings"
        assert app.chat.query_one(SettingsPanel).region.area > 0
        assert not app.chat.query(BranchPanel)

    monkeypatch.setattr(SidePanel, "fill", later)
    run_app(tiny_model, walk)


def test_escape_stops_the_answer_and_never_the_program(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Story, "stopped", lambda *_: None)  # no line's end is one: only the length, which is far

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        for key in ("escape", "ctrl+c"):
            app.chat.query_one(Prompt).text = "go"
            await pilot.press("enter")
            await pilot.pause(0.1)
            assert app.performer.busy
            await pilot.press(key)
            await settle(app, pilot)
            assert 0 < len(app.chat.tokens) < 100_000
        assert app.is_running

    run_app(tiny_model, walk, max_tokens=1_000_000)


def test_a_token_is_looked_into_and_another_one_chosen(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        await pilot.press("up")
        await settle(app, pilot)
        outlook = app.chat.query_one(NextPanel).outlook
        assert outlook is not None
        token = app.chat.tokens[-1]
        assert outlook.rank is not None
        assert outlook.logprob == pytest.approx(-token.bits * 0.6931471805599453)
        assert sum(one.model for one in outlook.candidates) <= 1 + 1e-6
        before = [t.text for t in app.chat.tokens]
        await pilot.press("enter")
        await settle(app, pilot)
        await pilot.press("end")
        panel = app.chat.query_one(NextPanel)
        panel.show(panel.outlook)  # told the same again, the cursor stays
        await pilot.press("enter")
        await settle(app, pilot)
        after = [t.text for t in app.chat.tokens]
        assert after[: len(before) - 1] == before[:-1]
        assert after != before
        assert not reproduce(app.talk.story, app.talk.node)

    run_app(tiny_model, walk)


def test_a_click_points_at_the_token_under_it_and_a_second_one_asks(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old man and the sea")
        view = app.chat.query_one(TokenView)
        for token in (2, 0, 1, len(view.tokens) - 2):
            line, column = view.layout_.place(token)
            await pilot.click(TokenView, offset=(column, line))
            assert view.cursor == token
            assert view.render_lines(view.size.region)[line].crop(column, column + 1)._segments[0].style.reverse  # type: ignore[union-attr]
        await pilot.click(TokenView, offset=(column, line), times=2)
        await settle(app, pilot)
        assert app.focused is app.chat.query_one("#candidates")

    run_app(tiny_model, walk)


def test_settings_hold_from_the_next_token_and_wrong_ones_are_named(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press("f5")
        await settle(app, pilot)
        field = app.chat.query_one("#setting-temperature", Input)
        field.value = "0"
        await pilot.pause()
        assert app.config.temperature == 0
        field.value = "-1"
        await pilot.pause()
        assert app.config.temperature == 0
        assert "temperature" in screen_text(app)
        field.value = "0.5"
        field.focus()
        await pilot.press("up")
        await pilot.pause()
        assert app.config.temperature == pytest.approx(0.55)
        app.chat.query_one(Prompt).focus()
        await say(app, pilot, "the old")
        found = app.talk.story.node(app.talk.node).config
        assert found is not None
        assert found.temperature == pytest.approx(0.55)

    run_app(tiny_model, walk)


def test_the_last_line_comes_back_to_be_edited(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "first")
        kept = shown(app)
        await say(app, pilot, "second line")
        await pilot.press("ctrl+l")
        await settle(app, pilot)
        assert app.chat.query_one(Prompt).text == "second line"
        assert shown(app) == kept

    run_app(tiny_model, walk)


def test_text_piped_in_is_how_it_begins(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        assert shown(app) == "Once upon\n"

    run_app(tiny_model, walk, start=Start(opening="Once upon\n", keep=False))


def test_a_line_typed_while_the_model_opens_is_not_lost(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        app.open_model(str(tiny_model))
        await say(app, pilot, "early")
        assert shown(app).startswith("early\n")

    run_app(tiny_model, walk)


def test_a_chat_is_kept_and_gone_on_with(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = []

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        found.append(shown(app))

    async def again(app: ChatApp, pilot: Pilot[None]) -> None:
        assert shown(app) == found[0]
        assert not reproduce(app.talk.story, app.talk.node)
        await say(app, pilot, "and on")
        found.append(shown(app))

    async def last(app: ChatApp, pilot: Pilot[None]) -> None:
        assert shown(app) == found[1]

    run_app(tiny_model, walk, start=Start())
    run_app(tiny_model, again, start=Start(resume=True))
    run_app(tiny_model, last, start=Start(resume=True))
    [kept] = (tmp_path / "rnncli" / "chats").glob("*.json")
    assert kept.parent.stat().st_mode & 0o77 == 0


def test_a_chat_is_saved_where_the_person_says(tiny_model: Path, tmp_path: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        for suffix in ("md", "txt", "json", "pdf"):
            path = tmp_path / f"chat.{suffix}"
            await pilot.press("ctrl+s")
            await pilot.pause()
            app.screen.query_one("#file", Input).value = str(path)
            await pilot.press("enter")
            await settle(app, pilot)
            if suffix == "pdf":
                assert not path.exists()
                assert any(".json, .md or .txt" in note.message for note in app._notifications)
            else:
                assert "the old" in path.read_text() or suffix == "json"
                assert any(f"saved as {path}" == note.message for note in app._notifications)

    run_app(tiny_model, walk)


def shows_the_text_or_the_panel(size: tuple[int, int]) -> Walk:
    """A walk in a terminal of a size."""

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        await say(app, pilot, "the old")
        side = app.chat.query_one(SidePanel)
        assert bool(side.display and side.size.width) == (size[0] >= 100)
        await pilot.press("f9")
        await settle(app, pilot)
        assert side.size.width > 0
        await pilot.press("x")  # goes to what shows
        assert app.chat.query_one(Prompt).text == ("x" if size[0] >= 100 else "")
        assert app.focused in app.screen.focus_chain
        app.chat.query_one(Prompt).text = ""
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused is app.chat.query_one(Prompt)
        for other in ((20, 5), (130, 40), size):
            await pilot.resize_terminal(*other)
            await pilot.pause()

    return walk


def test_what_is_reported_while_the_app_is_left_is_not_shown(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        pass

    app = run_app(tiny_model, walk)
    app.performer.report(To("chat", Moved((), None)))
    app._drain()  # the timer's last, when the screens are being taken down
    assert app.performer.waiting


def test_what_fails_in_the_models_thread_is_told_and_the_app_lives(tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        def fail(talk: object, config: object) -> None:
            raise OSError("the disk is gone \x1b[31m")

        app.write(fail)
        await settle(app, pilot)
        assert any("the disk is gone" in note.message for note in app._notifications)
        assert all("\x1b" not in note.message for note in app._notifications)
        await say(app, pilot, "still there")
        assert shown(app).startswith("still there\n")

    run_app(tiny_model, walk)


def test_a_model_that_is_not_there_is_said(tmp_path: Path, tiny_model: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        assert app.model_name == ""
        assert any("no model" in note.message for note in app._notifications)
        app.open_model(str(tiny_model))
        await settle(app, pilot)
        assert app.model_name == tiny_model.name

    run_app(tmp_path / "nothing", walk)
