"""What a view of tokens shows after any changes is what it would show at first sight."""

from __future__ import annotations

import asyncio
import random

from textual.app import App, ComposeResult

from rnncli.tui.token_view import Shown, TokenView


class Viewed(App[None]):
    CSS = "TokenView { width: 14; height: 6; }"

    def compose(self) -> ComposeResult:
        yield TokenView()


def drawn(view: TokenView) -> list[str]:
    return [str([*view.render_line(y)]) for y in range(view.size.height)]


def test_a_kept_line_is_the_line_that_would_be_drawn() -> None:
    chance = random.Random(5)
    pieces = ["a", "bb", " ", " ccc", "dddd", "\n", "\u6625", " e", "\x1b"]

    def some(count: int) -> list[Shown]:
        return [Shown(chance.choice(pieces), chance.randrange(10), chance.random() < 0.2) for _ in range(count)]

    async def run() -> None:
        async with Viewed().run_test(size=(30, 8)) as pilot:
            view = pilot.app.query_one(TokenView)
            for turn in range(300):
                kept = view.tokens[: chance.randrange(len(view.tokens) + 1)]
                match chance.randrange(5):
                    case 0:
                        view.show(kept)
                    case 1:
                        view.show([*kept, *some(chance.randrange(1, 9))])
                    case 2:
                        view.show([one._replace(level=chance.randrange(10)) for one in view.tokens])
                    case 3:
                        view.point(chance.randrange(len(view.tokens)) if view.tokens else None)
                    case _:
                        view.extend(some(chance.randrange(9)))
                if turn % 20 == 0:
                    view.styles.width = chance.randrange(6, 20)
                    pilot.app.theme = chance.choice(["textual-dark", "textual-light", "nord"])
                    await pilot.pause()
                found = drawn(view)
                view._strips.clear()
                assert drawn(view) == found, turn

    asyncio.run(run())
