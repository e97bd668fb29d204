"""Thresholds that mean something: where a figure stands among those of a reference text."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import ceil
from typing import Literal

import numpy as np

from rnncli.errors import ConfigError, CorpusError
from rnncli.records import Tally
from rnncli.text.units import lines_in_words

LEAST_SHARE = 1e-12
"""Per cent of a reference's lines: of less there is no saying, however many they are."""
Figure = Literal["perplexity", "bits_per_byte", "logprob"]


def figure(tally: Tally, by: Figure) -> float | None:
    """What lines are told apart by; None where a line has no such figure."""
    value: float | None = getattr(tally, by)
    return value


class Reference:
    """The figures of the lines of a reference text, eight bytes each."""

    def __init__(self, tallies: Iterable[Tally], by: Figure, name: str) -> None:
        values = (figure(tally, by) for tally in tallies)
        self._values = np.sort(np.array(array("d", (value for value in values if value is not None))))
        self._name = name
        if not len(self._values):
            raise CorpusError(f"{name} has no line to compare with", hint="Give --calibrate a file of ordinary lines.")

    def __len__(self) -> int:
        return len(self._values)

    def percentile(self, value: float) -> float:
        """The percentage of the reference's lines whose figure is lower."""
        return 100 * int(np.searchsorted(self._values, value)) / len(self._values)

    def value(self, percent: float) -> float:
        """The lowest figure that so many per cent of the reference's lines do not exceed (nearest rank).

        A CorpusError where the reference is too small to say: fewer than one of its lines would lie beyond.
        """
        count = len(self._values)
        share = min(percent, 100 - percent)
        need = ceil(100 / share - 1e-9) if share > LEAST_SHARE else 0
        if not need or count < need:
            raise CorpusError(
                f"{self._name} has {lines_in_words(count)}: too few for {percent:g} %",
                hint=f"It takes {need:,} at least." if need else "Ask for more than 0 and less than 100 %.",
            )
        return float(self._values[ceil(percent / 100 * count) - 1])


def percent_of(text: str) -> float | None:
    """The number in ``99%``; None where there is no sign."""
    if not text.endswith("%"):
        return None
    return number_of(text[:-1])


def number_of(text: str) -> float:
    """A finite number, or a ConfigError."""
    try:
        value = float("nan" if "_" in text else text)  # Python would read 1_000
    except ValueError:
        value = float("nan")
    if value - value != 0:
        raise ConfigError(f"{text!r} is no number", hint="For instance 250, or 99% with --calibrate FILE.")
    return value
