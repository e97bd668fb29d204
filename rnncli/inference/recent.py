"""Scores of lines that came lately: logs repeat themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rnncli.records import TextScore


class Recent:
    """Scores by line, in bounded memory. Threads may share it."""

    LINES, CHARS = 4096, 500
    """How many lines are kept at least, and how long they may be."""

    def __init__(self) -> None:
        self._young: dict[str, TextScore] = {}
        self._old: dict[str, TextScore] = {}

    def find(self, texts: Iterable[str]) -> dict[str, TextScore]:
        young, old = self._young, self._old
        found = {text: young.get(text) or old.get(text) for text in texts}
        return {text: score for text, score in found.items() if score is not None}

    def keep(self, scores: Mapping[str, TextScore]) -> None:
        if len(self._young) >= self.LINES:
            self._young, self._old = {}, self._young
        self._young.update((text, score) for text, score in scores.items() if len(text) <= self.CHARS)
