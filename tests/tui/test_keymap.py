"""Keys that the person chose."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.pilot import Pilot

from rnncli.errors import ConfigError
from rnncli.tui import keymap
from rnncli.tui.app import ChatApp
from rnncli.tui.chat import ChatScreen
from rnncli.tui.pad import PadScreen
from rnncli.tui.pad_area import PadArea
from rnncli.tui.prompt import Prompt
from rnncli.tui.scores import ScoresScreen
from rnncli.tui.settings import SettingInput
from rnncli.tui.side import SidePanel
from rnncli.tui.token_view import TokenView
from rnncli.tui.training import TrainingApp
from tests.tui.conftest import run_app, settle


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "rnncli").mkdir()
    return tmp_path / "rnncli" / "keys.toml"


def test_every_key_of_ours_can_be_set() -> None:
    there = keymap.bindings()
    kinds = (
        ChatApp,
        ChatScreen,
        PadScreen,
        ScoresScreen,
        Prompt,
        PadArea,
        TokenView,
        SidePanel,
        SettingInput,
        TrainingApp,
    )
    for kind in kinds:
        for one in kind.__dict__["BINDINGS"]:
            assert isinstance(one, Binding)
            assert one.id in there, one


def test_the_file_that_is_written_sets_nothing_and_with_its_marks_taken_away_what_is_set_already(file: Path) -> None:
    assert keymap.read() == {}
    assert keymap.write_all() == file
    assert keymap.read() == {}
    lines = file.read_text().split("\n\n", 1)[1].splitlines()
    all_of_it = "\n".join(line.removeprefix("# ") for line in lines)
    file.write_text(all_of_it)
    assert keymap.read() == {name: keys for name, (keys, _) in keymap.bindings().items()}
    keymap.check(keymap.read())
    assert keymap.write_all() == file
    assert file.read_text() == all_of_it


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chat.again = 3", "chat.again must be keys in quotes"),
        ("chat.again = ' , '", "chat.again must be keys in quotes"),
        ("chat.again", "is no TOML"),
        ("\udcff", "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(file: Path, text: str, said: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=said) as error:
        keymap.read()
    assert str(file) in error.value.message


def test_a_name_that_is_none_is_named_with_the_one_that_was_meant(file: Path) -> None:
    file.write_text("[chat]\nagian = 'f10'\n")
    with pytest.raises(ConfigError, match=r"there is no chat\.agian") as error:
        keymap.check(keymap.read())
    assert error.value.hint == "Is it chat.again?"
    assert tomllib.loads(file.read_text())


def test_keys_hold_in_the_app(tiny_model: Path, file: Path) -> None:
    file.write_text('chat.send = "f10"\nchat.again = "f6 , f12"\nno.such = "f9"\n')

    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        said = "\n".join(one.message for one in app._notifications)
        assert "there is no no.such" in said
        prompt = app.chat.query_one(Prompt)
        await pilot.press(*"ab", "enter")
        assert prompt.text == "ab\n"  # a TextArea's own meaning of it
        await pilot.press("backspace", "f10")
        await settle(app, pilot)
        assert prompt.text == ""
        first = app.talk.node
        await pilot.press("f12")
        await settle(app, pilot)
        assert app.talk.node != first
        assert [keymap.path().name in one.message for one in app._notifications].count(True) <= 2  # each told once

    run_app(tiny_model, walk)


def test_the_palette_writes_the_file(tiny_model: Path, file: Path) -> None:
    async def walk(app: ChatApp, pilot: Pilot[None]) -> None:
        commands = {one.title: one.callback for one in app.get_system_commands(app.screen)}
        commands["Remap keys"]()
        await settle(app, pilot)
        assert any(str(file) in one.message for one in app._notifications)

    file.parent.rmdir()
    run_app(tiny_model, walk)
    assert "chat.again" in file.read_text()
