"""Which label was taken for which: models as identifiers of languages, authors, spam."""

from __future__ import annotations

from collections.abc import Sequence

from rnncli.analysis.interval import Interval, wilson

MOST_STRANGERS = 100
"""Labels that no model has are told apart up to so many: a column of numbers must not fill the memory."""


class Confusion:
    """Lines by their label and by the model that won. A line is right where the two are called the same; a tie is
    wrong.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.models = tuple(models)
        self.counts: dict[str, list[int]] = {model: [0] * (len(models) + 1) for model in models}
        """For each label, lines by the winner's place; ties come last. Labels of models come first."""
        self.others = [0] * (len(models) + 1)
        """The same for all labels beyond MOST_STRANGERS together."""

    def add(self, label: str, winner: int | None) -> None:
        if label not in self.counts and len(self.counts) < len(self.models) + MOST_STRANGERS:
            self.counts[label] = [0] * len(self.others)
        self.counts.get(label, self.others)[len(self.models) if winner is None else winner] += 1

    @property
    def lines(self) -> int:
        return sum(map(sum, self.counts.values())) + sum(self.others)

    @property
    def right(self) -> int:
        return sum(self.counts[model][place] for place, model in enumerate(self.models))

    @property
    def accuracy(self) -> float | None:
        return share(self.right, self.lines)

    @property
    def interval(self) -> Interval | None:
        """Of the accuracy, 95 %."""
        return wilson(self.right, self.lines)

    @property
    def most_frequent(self) -> tuple[str, float] | None:
        """The most frequent label and its share: how often one is right who says it always."""
        label = max(self.counts, key=lambda label: sum(self.counts[label]))
        chance = share(sum(self.counts[label]), self.lines)
        return None if chance is None else (label, chance)

    @property
    def guessing(self) -> float:
        """How often one is right who names a model at random, where each label is a model's."""
        return 1 / len(self.models)

    @property
    def strangers(self) -> list[str]:
        """Labels that no model has."""
        return list(self.counts)[len(self.models) :]

    def recall(self, label: str) -> float | None:
        """Of the lines with this label, the share that its model won."""
        if label not in self.models:
            return 0.0
        counts = self.counts[label]
        return share(counts[self.models.index(label)], sum(counts))

    def precision(self, model: str) -> float | None:
        """Of the lines that this model won, the share that has its label."""
        place = self.models.index(model)
        won = sum(counts[place] for counts in self.counts.values()) + self.others[place]
        return share(self.counts[model][place], won)


def share(part: int, whole: int) -> float | None:
    """None of nothing."""
    return part / whole if whole else None
