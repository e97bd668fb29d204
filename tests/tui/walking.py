"""Random walks through the app's own actions, by its keys and the mouse, and what holds after each of them.

A walk is a seed and a list of actions, each with a seed of its own: what is left of it when some are left out goes as
it went. ``walk_or_tell`` tells of one that fails what is needed to walk it again, and leaves out what need not be.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from textual import app as textual_app
from textual import events
from textual import pilot as textual_pilot
from textual import screen as screen_module
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select, Static, TextArea
from textual.widgets import Tree as BranchTree

from rnncli.config import SampleConfig
from rnncli.errors import RnncliError
from rnncli.formats.story import dumps, loads
from rnncli.inference.reproducing import reproduce
from rnncli.inference.rewinding import Rewinding
from rnncli.inference.story import Story
from rnncli.inference.tree import ROOT, Tree
from rnncli.text.escapes import bytes_of
from rnncli.text.glyphs import one_each, visible
from rnncli.tui import app as app_module
from rnncli.tui import conversation, keeping, scoring, story_screen
from rnncli.tui import pad as pad_module
from rnncli.tui import scores as scores_module
from rnncli.tui.app import ChatApp
from rnncli.tui.desk import Start
from rnncli.tui.layout import Layout
from rnncli.tui.next_panel import NextPanel
from rnncli.tui.prompt import Prompt
from rnncli.tui.settings import FIELDS
from tests.stories import bits
from tests.tui.casting import Cast, ScriptedError
from tests.tui.conftest import nothing_waits

ACTIONS = 40
"""Of a walk."""
BLOCK = 20
"""Walks among which the actions are dealt: each kind as often as any other."""
SIZES = [(20, 5), (20, 5), (40, 10), (40, 10), (60, 20), (60, 20), (100, 30), (100, 30), (160, 50), (300, 10)]
WAITS_S = 20
"""Of the processor's time, not of the clock's: other programs may have most of that."""
SCREENS = {"chat": "f2", "pad": "f3", "scores": "f4"}
LETTERS = "the cat sat "
ODD = (
    "\x1b[31mred\x1b[0m", "\x00\x07\x08", "\x1b]0;title\x07", "春眠不覺曉", "🙂👩‍👩‍👧", "e\u0301a\u0308\u0323",
    "\u202eabc\u202c", "\t\ttabs", "two\r\nlines\r",
    "\u2028\u2029\x0b\x0c\x85", "[bold]no[/bold]", "\udce4", "\ufeff", "ANNA: me", "  ",
)  # fmt: skip
SETTINGS: Mapping[str, Sequence[str]] = {
    "temperature": ("0", "100", "0.8", "1.5"),
    "top_k": ("0", "1", "5"),
    "top_p": ("1", "0.05", "0.5"),
    "min_p": ("0", "0.3", "1"),
    "repeat_penalty": ("1", "0.5", "3", "100"),
    "max_tokens": ("0", "1", "12", "40"),
    "seed": ("0", "7", "", "9223372036854775807"),
    "stop": ("", "a", "a|b", "\n", "|", "the"),
}
WRONG: Mapping[str, Sequence[str]] = {
    "temperature": ("-1", "x", "", "nan", "1e999", "101"),
    "top_k": ("-1", "1.5", "k"),
    "top_p": ("0", "2", "p"),
    "min_p": ("-0.1", "1.1"),
    "repeat_penalty": ("0", "-2", "101"),
    "max_tokens": ("-1", "many"),
    "seed": ("-1", "9223372036854775808", "1.0"),
}
EXPECTED = ("does not write", "is written as", "there is no model", "cannot be read", "holds no", "no folder")
"""In what the app may say was wrong, if it is an error of ours."""


class Action(NamedTuple):
    """What is done, and the seed of how."""

    kind: str
    seed: int


async def settle(app: ChatApp, pilot: Pilot[None], failures: int = 0) -> None:
    """Wait until the model is idle, and all that it reported and all that was typed is taken.

    ``failures``: how often something had failed before. After another one the pad's story need not have the text.
    """
    quiet, end = 0, time.process_time() + WAITS_S
    while quiet < 3:
        app.screen._on_timer_update()  # what waits for the screen to be drawn
        assert await pilot._wait_for_screen(), "the app has ended"
        await asyncio.sleep(0.001)
        steps = "revisions" in vars(app) and app.revisions.steps and len(getattr(app, "errors", ())) == failures
        pausing = "scores" in vars(app) and app.scores.pausing
        waits = app.performer.busy or app.performer.waiting or app._asked or steps or pausing
        waits = waits or app._resize_event is not None  # Textual lets some milliseconds pass before it acts on one
        quiet = 0 if waits or not app.furnished else quiet + 1
        assert time.process_time() < end, f"the app is still busy: {app._asked} {waits} {steps} {pausing}"


class Walker:
    """A person at the app."""

    def __init__(self, app: WalkedApp, pilot: Pilot[None], cast: Cast, folder: Path) -> None:
        self.app, self.pilot, self.cast, self.folder = app, pilot, cast, folder
        self.random = random.Random(0)
        self.stories: list[tuple[Any, Story]] = []
        self.files = 0
        self._checked: tuple[Story | None, int] = (None, -1)
        self._laid_out = (0, "")

    # -- keys and waiting

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot._wait_for_screen()

    async def paste(self, text: str) -> None:
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()

    async def settle(self) -> None:
        """Wait until all is done; the model goes on, if it was held."""
        self.cast.pace.release()
        await settle(self.app, self.pilot, len(self.app.errors))

    async def under_way(self, calls: int, *keys: str) -> bool:
        """Press keys that set the model to work, and hold it after so many calls; whether it was held, not done."""
        pace, performer = self.cast.pace, self.app.performer
        pace.hold(calls)
        await self.press(*keys)
        end = time.process_time() + WAITS_S
        while not pace.held.is_set() and (performer.busy or performer.waiting):
            await asyncio.sleep(0.001)
            assert time.process_time() < end
        await self.pilot.pause()
        return pace.held.is_set()

    async def at(self, name: str) -> None:
        """Go to one of the screens, out of all dialogs."""
        for _ in range(8):
            if self.app._ours(self.app.screen) is not None:
                break
            await self.press("escape")
        if vars(self.app).get(name) is not self.app.screen:
            await self.press(SCREENS[name])
            await self.pilot.pause()
        assert vars(self.app)[name] is self.app.screen

    def one_of(self, *names: str) -> str:
        """One of the screens, mostly the one that shows: to go to another takes as long as ten keys."""
        here = [name for name in names if vars(self.app).get(name) is self.app.screen]
        return self.random.choice(here if here and self.random.random() < 0.8 else names)

    async def to_text(self, name: str) -> None:
        """Have the cursor where text is typed, on one of the screens."""
        await self.at(name)
        if self.app.performer.busy:
            await self.settle()
        for _ in range(2):  # the first may have closed a list of choices
            if not isinstance(self.app.focused, TextArea):
                await self.press("escape")

    async def to_chat_text(self) -> bool:
        """In the chat, with something in it; False under a model that does not write."""
        await self.to_text("chat")
        if self.app.talk.writes and self.app.talk.node == ROOT:
            await self.press("a", "enter")
            await self.settle()
        return self.app.talk.writes and bool(self.app.chat.tokens)

    async def to_tokens(self, most: int) -> None:
        """Have the cursor on one of the last tokens of the chat."""
        await self.press(*(["shift+tab", "left"] if self.app.chat.query_one(Prompt).text else ["up"]))
        await self.press(*["left"] * self.random.randint(0, most))

    # -- the chat

    async def say(self) -> None:
        await self.to_text("chat")
        begin = self.random.randrange(len(LETTERS))
        await self.press(*(LETTERS * 2)[begin : begin + 3], "enter")

    async def go_on(self) -> None:
        await self.to_text("chat")
        await self.press(self.random.choice(["enter", "ctrl+g"]))

    async def say_long(self) -> None:
        await self.to_text("chat")
        await self.paste(self.random.choice(["the cat ", "x", "春"]) * self.random.choice([100, 300]))
        await self.press("enter")

    async def say_odd(self) -> None:
        await self.to_text("chat")
        await self.paste("".join(self.random.choices(ODD, k=3)))
        await self.press("enter")

    async def stop(self) -> None:
        await self.to_text("chat")
        await self.press("a")
        if await self.under_way(self.random.randint(0, 9), self.random.choice(["enter", "ctrl+r", "ctrl+g"])):
            await self.press(self.random.choice(["escape", "ctrl+c"]))

    async def again(self) -> None:
        await self.to_text("chat")
        await self.press("ctrl+r")

    async def edit(self) -> None:
        await self.to_text("chat")
        await self.press("ctrl+l")
        await self.settle()
        await self.press("a", "enter")

    async def select(self) -> None:
        if await self.to_chat_text():
            await self.to_tokens(0)
            for _ in range(2):
                await self.press(self.random.choice(["left", "right", "up", "down", "home", "end", "n", "N"]))

    async def click_token(self) -> None:
        if await self.to_chat_text() and self.app.chat.view.size.height:
            region = self.app.chat.view.region
            x, y = self.random.randrange(region.width), self.random.randrange(region.height)
            if self.app.screen.size.region.contains(region.x + x, region.y + y):
                await self.pilot.click(offset=(region.x + x, region.y + y), times=self.random.choice([1, 1, 2]))

    async def look(self) -> None:
        if await self.to_chat_text():
            await self.to_tokens(2)
            await self.press("f7")
            await self.settle()
            outlook = self.app.chat.query_one(NextPanel).outlook
            place = self.app.chat.view.cursor
            assert outlook is not None
            assert place is not None
            assert outlook.chosen == self.app.talk.story.tree.ids[self.app.chat.tokens[place].node]

    async def choose(self) -> None:
        if await self.to_chat_text():
            await self.to_tokens(3)
            await self.press("enter")
            await self.settle()
            nodes = len(self.app.talk.story)
            await self.press(*["down"] * self.random.randint(0, 2), "enter")
            await self.settle()
            assert len(self.app.talk.story) >= nodes

    async def walk_branches(self) -> None:
        await self.at("chat")
        await self.press("f9")
        await self.settle()
        tree = self.app.chat.query_one("#tree", BranchTree)
        tree.focus()
        await self.press(*["down"] * self.random.randint(1, 4), "enter")
        await self.settle()
        node = tree.cursor_node
        if node is not None and node.data is not None and self.app.talk.writes:
            assert self.app.talk.node == node.data

    async def rewind(self) -> None:
        if await self.to_chat_text():
            await self.to_tokens(6)
            place = self.app.chat.view.cursor
            assert place is not None
            node = self.app.chat.tokens[place].node
            await self.press("backspace")
            await self.settle()
            assert self.app.talk.node == node

    async def anew(self) -> None:
        await self.to_text("chat")
        await self.press("ctrl+n")
        await self.settle()
        assert self.app.talk.node == ROOT
        assert not self.app.chat.tokens

    async def change_under_way(self) -> None:
        """Other settings while the model writes: they hold from the next token on."""
        await self.to_text("chat")
        await self.press("a")
        if await self.under_way(self.random.randint(1, 6), "enter"):
            await self._set(SETTINGS)
            held = len(self.app.talk.story)
            config = self.app.config
            await self.settle()
            story = self.app.talk.story
            # The token under way was asked for before.
            for node in range(held + 1, len(story)):
                found = story.node(node).config
                assert found is None or found.temperature == config.temperature

    async def elsewhere_under_way(self) -> None:
        """Another size or another screen while the model writes."""
        await self.to_text("chat")
        await self.press("a")
        held = await self.under_way(self.random.randint(0, 6), "enter")
        for _ in range(2):
            await self.random.choice([self.resize, self._other_screen])()
        if held and self.random.random() < 0.3:
            await self.press("ctrl+c")

    async def _other_screen(self) -> None:
        await self.press(self.random.choice(list(SCREENS.values())))
        await self.pilot.pause()

    async def fall_over(self) -> None:
        """The model raises: that is shown, and the app lives."""
        await self.to_text(self.one_of("chat", "pad"))
        await self.press("a")
        await self.settle()
        failed = self.app.scripted
        self.cast.pace.fail(self.random.randint(0, 3))
        await self.press("ctrl+g")
        end = time.process_time() + WAITS_S
        while self.app.performer.busy or self.app.performer.waiting:
            await asyncio.sleep(0.002)
            assert time.process_time() < end
        await self.pilot.pause()
        if self.app.scripted > failed:
            assert any("the model fell over" in note.message for note in self.app._notifications)

    # -- all screens

    async def resize(self) -> None:
        await self.pilot.resize_terminal(*self.random.choice(SIZES))

    async def switch(self) -> None:
        await self.at(self.one_of(*SCREENS))
        await self.settle()
        text, exact = self.app.talk.text, self._exact
        await self._pick_model("ctrl+o")
        await self.settle()
        if exact and self._exact:
            assert self.app.talk.text == text

    async def switch_early(self) -> None:
        """Another model, and something done before it is there."""
        await self.to_chat_text()
        await self.settle()
        if self.random.random() < 0.5:
            await self.press("f9")
            await self.settle()
        await self._pick_model("ctrl+o")
        todo = [["up"], ["up", "backspace"], ["up", "enter", "down", "enter"], ["ctrl+r"], ["f9", "f6"], ["a", "enter"],
                ["ctrl+g"], ["f3", "ctrl+g"], ["f9"], ["ctrl+l"], ["f7", "tab", "enter"]]  # fmt: skip
        await self.press(*self.random.choice(todo))
        if self.random.random() < 0.5:
            await self.pilot.pause(0.003)
            await self.press(*self.random.choice(todo))

    async def _pick_model(self, key: str) -> None:
        await self.press(key)
        await self.pilot.pause()
        options = self.app.screen.query_one(OptionList)
        options.highlighted = self.random.randrange(options.option_count)
        await self.press("enter")

    @property
    def _exact(self) -> bool:
        model = self.app.talk.model
        return model is not None and model.tokenizer.lossless

    async def change(self) -> None:
        await self.at(self.one_of("chat", "pad"))
        await self._set(SETTINGS)

    async def change_wrong(self) -> None:
        await self.at("chat")
        config = self.app.config
        field = await self._set(WRONG)
        assert replace(self.app.config, seed=config.seed) == config  # on its way to a wrong one, the field was empty
        assert str(self.app.screen.query_one("#wrong", Static).content)
        right = getattr(config, field)
        await self._type_setting(field, "" if right is None else f"{right}")
        await self.pilot.pause()
        assert not str(self.app.screen.query_one("#wrong", Static).content)

    async def to_settings(self) -> None:
        """The panel of settings, also while the model writes."""
        await self.press("f5")
        await self.pilot.pause()
        end = time.process_time() + WAITS_S
        while not self.app.screen.query("#wrong"):  # its last widget
            await asyncio.sleep(0.001)
            assert time.process_time() < end, "no settings"

    async def _set(self, values: Mapping[str, Sequence[str]]) -> str:
        if self.app._ours(self.app.screen) not in (vars(self.app).get("chat"), vars(self.app).get("pad")):
            await self.at("chat")
        await self.to_settings()
        field = self.random.choice(list(values))
        await self._type_setting(field, self.random.choice(values[field]))
        await self.pilot.pause()
        return field

    async def _type_setting(self, field: str, text: str) -> None:
        widget = self.app.screen.query_one(f"#setting-{field}", Input)
        widget.focus()
        await self.press("home", "shift+end")
        await self.press("backspace")
        if text:
            await self.paste(text)

    async def preset(self) -> None:
        await self.at(self.one_of("chat", "pad"))
        await self.to_settings()
        self.app.screen.query_one("#preset", Select).focus()
        await self.press("enter", *["down"] * self.random.randint(0, 3), "enter")
        await self.pilot.pause()

    async def step_setting(self) -> None:
        await self.at("chat")
        await self.to_settings()
        self.app.screen.query_one(f"#setting-{self.random.choice(FIELDS).name}").focus()
        await self.press(*self.random.choices(["up", "down"], k=3))
        await self.pilot.pause()

    async def inside(self) -> None:
        await self.at(self.one_of("chat", "pad"))
        await self.press("f8")
        await self.settle()
        for name in ("layer", "unit"):
            self.app.screen.query_one(f"#{name}", Input).focus()
            await self.press("home", "shift+end", self.random.choice("1129"))
        await self.press("enter")
        await self.settle()
        if self.random.random() < 0.5:
            self.app.screen.query_one("#no-unit").focus()
            await self.press("enter")

    async def views(self) -> None:
        """The tint, the panel, the help, another theme."""
        key = self.random.choice(["ctrl+t", "f6", "f1", "theme"])
        if key == "theme":
            self.app.theme = self.random.choice(["textual-dark", "textual-light", "nord", "ansi-dark"])
        else:
            await self.at(self.one_of(*SCREENS))
            await self.press(key)
            if key == "f1":
                await self.pilot.pause()
                self.check_screen()
                await self.press(key)
        await self.pilot.pause()

    async def palette(self) -> None:
        await self.at(self.one_of(*SCREENS))
        titles = [command.title for command in self.app.get_system_commands(self.app.screen)]
        ours = [title for title in titles if title not in ("Quit", "Screenshot", "Theme", "Keys", "Maximize")]
        await self.press("ctrl+p", *self.random.choice(ours)[:6])
        await self.pilot.pause(0.02)
        await self.press(self.random.choice(["enter", "enter", "escape"]))
        await self.pilot.pause(0.02)
        if self.random.random() < 0.5:
            await self.press("enter")

    async def save(self) -> None:
        await self.at(self.one_of(*SCREENS))
        screen = self.app._ours(self.app.screen)
        assert screen is not None
        await self.press("ctrl+s")
        await self.pilot.pause()
        ending = self.random.choice(["json", "json", "md", "txt", "pdf"])
        self.files += 1
        path = self.folder / f"{self.files}.{ending}"
        field = self.app.screen.query_one("#file", Input)
        field.value = ""
        await self.paste(str(path))
        await self.press("enter")
        await self.settle()
        if path.suffix == ".json" and path.exists():
            manuscript = self.app.talk if screen.KIND == "chat" else self.app.draft
            told = self._loads(manuscript.model, path.read_bytes())
            last = len(told) - 1
            if screen.KIND == "chat":
                assert same_tree(told.tree, manuscript.story.tree)
            else:
                # An empty text is at no token's end: a file that is gone on with ends with what was there before.
                now = manuscript.story.path_data(manuscript.node)
                assert not now or told.path_data(last) == now

    async def click_anywhere(self) -> None:
        await self.at(self.one_of(*SCREENS))
        width, height = self.app.size
        if height > 2:  # the last row has the key that ends the app
            await self.pilot.click(offset=(self.random.randrange(width), self.random.randrange(height - 1)))

    async def any_keys(self) -> None:
        keys = ["tab", "shift+tab", "enter", "up", "down", "left", "right", "pageup", "pagedown", "home", "end",
                "space", "backspace", "delete", "escape", "a", "ctrl+right", "ctrl+left", "ctrl+a", "ctrl+c", "ctrl+x",
                "ctrl+v", "ctrl+k", "ctrl+u", "ctrl+z", "ctrl+y", "ctrl+j", "shift+left", "f2", "f3", "f4"]  # fmt: skip
        await self.press(*self.random.choices(keys, k=4))

    # -- the pad

    async def pad_type(self) -> None:
        await self.to_text("pad")
        if self.random.random() < 0.5:
            await self.press(*self.random.choices(["a", "t", "space", "enter", "backspace", "left"], k=4))
        else:
            await self.paste("".join(self.random.choices([*ODD, "the cat", "\n", " sat"], k=3)))

    async def pad_go_on(self) -> None:
        await self.to_text("pad")
        await self.press(self.random.choice(["ctrl+g", "ctrl+@"]))

    async def pad_stop(self) -> None:
        await self.to_text("pad")
        if await self.under_way(self.random.randint(0, 8), "ctrl+g"):
            await self.press(self.random.choice(["escape", "ctrl+c", "a", "ctrl+z", "left", "enter", "f2", "ctrl+r"]))

    async def pad_again(self) -> None:
        await self.to_text("pad")
        await self.press("ctrl+g")
        await self.settle()
        await self.press("ctrl+r")

    async def pad_ghost(self) -> None:
        await self.to_text("pad")
        self.app.pad.ghosts = True
        await self.press("end", self.random.choice(["a", "t", "space"]))
        await self.settle()
        await self.press(*self.random.choices(["tab", "ctrl+right", "escape", "left"], weights=[4, 4, 1, 1], k=2))

    async def pad_undo(self) -> None:
        await self.to_text("pad")
        await self.press(*self.random.choices(["ctrl+z", "ctrl+z", "ctrl+y"], k=3))

    async def pad_redo(self) -> None:
        await self.to_text("pad")
        await self.settle()
        before = self.app.revisions.text
        # Where the model wrote nothing there is nothing to take back, and what was taken back before comes again.
        undone = any(change.old or change.new for change in self.app.revisions._undo)
        await self.press("ctrl+z", "ctrl+y")
        await self.settle()
        if undone and not self.app.pad.writing:
            assert self.app.revisions.text == before

    async def pad_edit(self) -> None:
        await self.to_text("pad")
        moves = [
            "left",
            "up",
            "home",
            "end",
            "shift+left",
            "shift+up",
            "ctrl+left",
            "delete",
            "backspace",
            "a",
            "enter",
        ]
        await self.press(*self.random.choices(moves, k=4))

    async def pad_pick(self) -> None:
        """Another token, or another branch, from the panel."""
        await self.to_text("pad")
        await self.press(*["left"] * self.random.randint(0, 3))
        name, widget = self.random.choice([("f7", "#candidates"), ("f9", "#tree")])
        await self.press(name)
        await self.settle()
        self.app.screen.query_one(widget).focus()
        await self.press(*["down"] * self.random.randint(1, 3), "enter")

    # -- the scores

    async def scores_type(self) -> None:
        if self.random.random() < 0.3:
            await self.at(self.one_of("chat", "pad"))
            await self.settle()
            await self.press("ctrl+f")
            return
        await self.to_text("scores")
        if self.random.random() < 0.5:
            await self.press(*self.random.choices(["a", "t", "space", "enter", "backspace", "left", "up"], k=4))
        else:
            await self.paste("".join(self.random.choices([*ODD, "the cat", "\n", " sat"], k=3)))

    async def scores_jump(self) -> None:
        await self.to_text("scores")
        await self.settle()
        await self.press(
            self.random.choice(["ctrl+g", "ctrl+n", "f7"]), self.random.choice(["ctrl+n", "1", "3", "enter"])
        )

    async def scores_compare(self) -> None:
        await self.to_text("scores")
        if self.random.random() < 0.5:
            await self._pick_model("ctrl+r")
        else:
            await self.press("f5")
            await self.pilot.pause()
            field = self.app.screen.query_one("#temperatures", Input)
            field.value = self.random.choice(["1 0.7", "0.5 2", "x", "0 1", "1,3"])
            await self.press("enter")

    # -- what holds

    def remember(self) -> None:
        """The stories that there are, for the end."""
        for name in ("talk", "draft"):
            manuscript = vars(self.app).get(name)
            story = None if manuscript is None else manuscript._story
            if manuscript is not None and story and not any(story is known for _, known in self.stories):
                self.stories.append((manuscript.model, story))

    def check_errors(self) -> None:
        app = self.app
        assert app._exception is None
        assert app.is_running
        for error in app.errors:
            ours = isinstance(error, RnncliError) and any(text in error.message for text in EXPECTED)
            if not ours:
                raise AssertionError(f"the app said: {error!r}") from error

    def check_screen(self) -> None:
        """Nothing on it steers a terminal."""
        for strip in self.app.screen._compositor.render_strips():
            for text in (segment.text for segment in strip):
                assert text.isprintable() or (visible(text) == text and not set(text) & set("\n\t\r\u2028\u2029")), (
                    repr(text)
                )

    def check(self) -> None:
        """What holds when the model is idle."""
        self.remember()
        self.check_errors()
        self.check_screen()
        self.check_chat()
        if "pad" in vars(self.app) and "draft" in vars(self.app):
            self.check_pad()

    def check_chat(self) -> None:
        chat, talk = self.app.chat, self.app.talk
        view = chat.view
        texts = talk.story.texts(talk.node) if talk.writes else []
        nodes = talk.story.path(talk.node)[1:] if talk.writes else []
        assert [token.node for token in chat.tokens] == nodes
        assert view.text == "".join(texts)
        laid_out = (view.layout_.width, view.text)
        if laid_out != self._laid_out:
            fresh = Layout(view.layout_.width)
            fresh.append(token.text for token in view.tokens)
            assert view.layout_.lines == fresh.lines
            self._laid_out = laid_out
        if self.app.screen is chat and view.size.width > 2 and view.region.height and view.display:
            for y in range(view.size.height):
                line = y + view.scroll_offset.y
                plain = view.layout_.plain(line) if line < len(view.layout_.lines) else ""
                assert view.render_line(y).text.rstrip() == plain.rstrip()
        if talk.writes:
            self.check_state(talk.story, talk.node)

    def check_state(self, story: Story, node: int) -> None:
        """The model's state is what reading the tokens afresh gives."""
        if (story, node) != self._checked:
            assert bits(Rewinding(story.engine, story.tree).state(node)) == bits(story.state(node))
            self._checked = story, node

    def check_pad(self) -> None:
        app = self.app
        draft, revisions, area = app.draft, app.revisions, app.pad.area
        assert area.text == one_each(revisions.text)
        if not draft.writes or revisions.steps:
            return
        assert [mark.end for mark in area.marks] == draft.chars
        if draft.story.tokenizer.lossless:
            assert draft.story.path_data(draft.node) == bytes_of(revisions.text)
        self.check_state(draft.story, draft.node)

    def check_stories(self) -> None:
        """At the end: all that was written can be made again from its record, and told and read again."""
        for model, story in self.stories:
            for node in range(1, len(story)):
                if not story.children(node):
                    found = reproduce(story, node)
                    assert not found, found[:3]
            told = self._loads(model, dumps(story, keeping.author(model)).encode())
            assert same_tree(told.tree, story.tree)

    def _loads(self, model: Any, data: bytes) -> Story:
        return loads(data, model.sampler.engine, model.tokenizer, model.unit, keeping.author(model))


def same_tree(one: Tree, other: Tree) -> bool:
    """Whether two trees hold the same, whatever the numbers of their settings."""
    names = ("parents", "ids", "bases", "depths", "logprobs", "by", "samples", "healings")
    same = all(getattr(one, name) == getattr(other, name) for name in names)
    return same and [one.configs[n] for n in one.settings if n >= 0] == [
        other.configs[n] for n in other.settings if n >= 0
    ]


CHAT = ("say", "go_on", "say_long", "say_odd", "stop", "again", "edit", "select", "click_token", "look", "choose",
        "walk_branches", "rewind", "anew", "change_under_way", "elsewhere_under_way")  # fmt: skip
PAD = ("pad_type", "pad_go_on", "pad_stop", "pad_again", "pad_ghost", "pad_undo", "pad_redo", "pad_edit", "pad_pick")
SCORES = ("scores_type", "scores_jump", "scores_compare")
ANY = ("fall_over", "resize", "switch", "switch_early", "change", "change_wrong", "preset", "step_setting", "inside",
       "views", "save", "any_keys")  # fmt: skip
KINDS = (*CHAT, *PAD, *SCORES, *ANY)
HOME = {kind: name for name, kinds in (("chat", CHAT), ("pad", PAD), ("scores", SCORES)) for kind in kinds}
assert len(KINDS) == ACTIONS
MORE = ("palette", "click_anywhere")
"""In place of any_keys, sometimes."""


class WalkedApp(ChatApp):
    """Remembers what went wrong."""

    CSS_PATH = str(Path(app_module.__file__).parent / "app.tcss")

    def __init__(self, config: SampleConfig, start: Start) -> None:
        super().__init__(config, start)
        self.errors: list[BaseException] = []
        self.scripted = 0

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, ScriptedError):
            self.scripted += 1
        else:
            self.errors.append(error)
        super()._failed(error)


def dealt(number: int) -> list[Action]:
    """The actions of a walk: those of a block of walks are all kinds, equally often, dealt out."""
    deal = random.Random(number // BLOCK)
    deck = [*KINDS] * BLOCK
    deal.shuffle(deck)
    mine = deck[number % BLOCK * ACTIONS :][:ACTIONS]
    order = random.Random(number)
    found: list[Action] = []
    here = "chat"
    while mine:
        near = [kind for kind in mine if HOME.get(kind, here) == here]
        kind = order.choice(near if near and order.random() < 0.97 else mine)
        mine.remove(kind)
        here = HOME.get(kind, here)
        found.append(Action(kind, order.getrandbits(32)))
    return found


@contextmanager
def hurried(cast: Cast, state: Path) -> Iterator[None]:
    """Nothing waits for as long as a person; models are those of the cast."""
    with ExitStack() as stack:
        for module, name, value in (
            (pad_module, "PAUSE_S", 0.004),
            (scores_module, "PAUSE", 0.004),
            (app_module, "HERTZ", 100),
            (conversation, "PROBE", 120),
            (conversation, "load", cast.load),
            (scoring, "load", cast.load),
            (app_module, "models_there_are", cast.rows),
            (scores_module, "models_there_are", cast.rows),
            (story_screen, "with_seed", lambda config: replace(config, seed=config.seed or 5)),
            (screen_module, "UPDATE_PERIOD", 0.1),
            # Textual waits after each key until the processor rests, which the model may not let it.
            (textual_app, "wait_for_idle", lambda *_: asyncio.sleep(0.002)),
            (textual_pilot, "wait_for_idle", lambda *_: asyncio.sleep(0.002)),
            (Pilot, "_wait_for_screen", nothing_waits),
        ):
            stack.enter_context(patch.object(module, name, value))
        stack.enter_context(patch.dict(os.environ, {"XDG_STATE_HOME": str(state), "TEXTUAL_ANIMATIONS": "none"}))
        yield


def walk(number: int, actions: Sequence[Action], folder: Path, real: Mapping[str, Path] | None = None) -> Counter[str]:
    """Go through a walk; an AssertionError, or whatever the app raised, where something does not hold."""
    cast = Cast(real)
    chance = random.Random(number)
    first = chance.choice(list(real) if real else cast.names)
    size = chance.choice(SIZES)
    keep = chance.random() < 0.25
    app_start = Start(model=first, keep=keep)
    done: Counter[str] = Counter()

    async def run() -> None:
        app = WalkedApp(SampleConfig(seed=number, max_tokens=12), app_start)
        async with app.run_test(size=size) as pilot:
            walker = Walker(app, pilot, cast, folder)
            try:
                await walker.settle()
                for place, action in enumerate(actions):
                    walker.random.seed(action.seed)
                    try:
                        await act(walker, action)
                    except Exception as error:
                        error.add_note(f"in action {place}: {action}")
                        raise
                    done[action.kind] += 1
                await walker.press("ctrl+c")
                await walker.settle()
                walker.check_stories()
            finally:
                cast.pace.release()
        assert app.performer.wait(WAITS_S)

    folder.mkdir(parents=True, exist_ok=True)
    gc.collect()
    gc.disable()
    with hurried(cast, folder / "state"):
        try:
            asyncio.run(run())
        finally:
            gc.enable()
    assert not [thread for thread in threading.enumerate() if thread.name == "model"]
    return done


async def act(walker: Walker, action: Action) -> None:
    """Do something, and look whether all holds."""
    kind = action.kind
    if kind == "any_keys":
        kind = walker.random.choice([kind, *MORE])
    todo: Callable[[], Awaitable[None]] = getattr(walker, kind)
    await todo()
    walker.check_errors()
    walker.check_screen()
    await walker.settle()
    walker.check()


def walk_or_tell(
    number: int, folder: Path, real: Mapping[str, Path] | None = None, *, most: int = ACTIONS
) -> Counter[str]:
    """Go through the walk of a number; an AssertionError that tells how to come to the fault again, in few actions."""
    actions = dealt(number)[:most]
    try:
        return walk(number, actions, folder, real)
    except Exception as error:
        fault, told = _fault(error), "".join(traceback.format_exception(error))
    few = shrunk(actions, lambda some: _fails_so(number, some, folder, real, fault))
    raise AssertionError(f"{told}\nwalk({number}, {[tuple(action) for action in few]})")


def _fault(error: BaseException) -> str:
    """The place that an error came from, to tell it from others."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"


def _fails_so(number: int, actions: Sequence[Action], folder: Path, real: Mapping[str, Path] | None, how: str) -> bool:
    try:
        walk(number, actions, folder, real)
    except Exception as error:
        return _fault(error) == how
    return False


def shrunk(actions: Sequence[Action], fails: Callable[[Sequence[Action]], bool], tries: int = 60) -> list[Action]:
    """Fewer actions with which it still fails: parts are left out, halves first, then smaller ones."""
    left, size = list(actions), max(1, len(actions) // 2)
    attempts = iter(range(tries))
    while size:
        at = 0
        while at < len(left) and next(attempts, None) is not None:
            fewer = left[:at] + left[at + size :]
            if fails(fewer):
                left = fewer
            else:
                at += size
        size = 0 if size == 1 else size // 2
    return left
