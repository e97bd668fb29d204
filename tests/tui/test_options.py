"""A list without room."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App, ComposeResult
from textual.widgets import OptionList

from rnncli.tui.options import Options


class Listed(App[None]):
    CSS = "Options { width: 20; height: 4; border: none; padding: 0; }"

    def compose(self) -> ComposeResult:
        yield Options(*map(str, range(50)))


def test_page_keys_with_and_without_room() -> None:
    async def run() -> None:
        async with Listed().run_test() as pilot:
            options = pilot.app.query_one(Options)
            options.highlighted = 0
            await pilot.press("pagedown")
            assert options.highlighted == 4
            await pilot.press("pageup")
            assert options.highlighted == 0
            options.styles.width = options.styles.height = 0
            await pilot.pause()
            options.clear_options()
            options.add_options(map(str, range(50)))
            options.highlighted = 17
            with pytest.raises(KeyError):  # what is mended here; without this it may go
                OptionList.action_page_down(options)  # type: ignore[no-untyped-call]
            options.action_page_down()
            options.action_page_up()
            assert options.highlighted == 17

    asyncio.run(run())
