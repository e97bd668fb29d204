"""Scores of lines that came lately: logs repeat themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rnncli.records import TextScore

Asked = tuple[str, str]


class Recent:
    """Scores by prefix and line, in bounded memory. Threads may share it."""

    LINES, CHARS = 4096, 500
    """How many lines are kept at least, and how long they may be."""

    def __init__(self) -> None:
        self._young: dict[Asked, TextScore] = {}
        self._old: dict[Asked, TextScore] = {}

    def find(self, asked: Iterable[Asked]) -> dict[Asked, TextScore]:
        young, old = self._young, self._old
        found = {one: young.get(one) or old.get(one) for one in asked}
        return {one: score for one, score in found.items() if score is not None}

    def keep(self, scores: Mapping[Asked, TextScore]) -> None:
        if len(self._young) >= self.LINES:
            self._young, self._old = {}, self._young
        self._young.update((one, score) for one, score in scores.items() if sum(map(len, one)) <= self.CHARS)
