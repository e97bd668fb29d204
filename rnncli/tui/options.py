"""A list to choose from."""

from __future__ import annotations

from textual.widgets import OptionList


class Options(OptionList):
    """Textual's, which ends the app at a page key where there was no room to lay out the option that is highlighted."""

    def action_page_up(self) -> None:
        if self._is_laid_out():
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        if self._is_laid_out():
            super().action_page_down()  # type: ignore[no-untyped-call]

    def _is_laid_out(self) -> bool:
        return self.highlighted is None or self.highlighted in self._index_to_line
