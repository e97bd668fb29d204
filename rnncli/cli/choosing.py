"""Lines that pass a filter, written as they came; and where each stands among those of a reference."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rnncli.analysis.calibrate import Reference, figure, number_of, percent_of
from rnncli.analysis.filter import Bounds, best
from rnncli.cli.terminal import write_bytes
from rnncli.errors import ConfigError
from rnncli.records import Tally, TextScore
from rnncli.text.units import lines_in_words

if TYPE_CHECKING:
    from rnncli.analysis.shaping import Shaping
    from rnncli.cli.scoring import Choosing, Form


class Choice:
    """A filter at work. ``passed`` counts the lines that it let pass."""

    def __init__(
        self,
        choosing: Choosing,
        bounds: Bounds | None,
        keep: float | None,
        reference: Reference | None,
        shaping: Shaping,
    ) -> None:
        self.passed = self.seen = 0
        self._by = choosing.by
        self._filters = choosing.filters
        self._bounds, self._keep, self._reference, self._shaping = bounds, keep, reference, shaping
        self.names = () if reference is None else ("percentile",)

    @classmethod
    def of(cls, choosing: Choosing, reference: Reference | None, shaping: Shaping, form: Form) -> Choice:
        """The filter that was typed. Percentages of --above and --below are percentiles of the reference."""
        above, below = (_threshold(bound, reference) for bound in (choosing.above, choosing.below))
        if choosing.keep is None:
            return cls(choosing, Bounds(choosing.by, above, below), None, reference, shaping)
        if choosing.above is not None or choosing.below is not None:
            raise ConfigError(
                "--keep and a bound cannot be given together", hint="Filter twice: pipe one into another."
            )
        percent = number_of(choosing.keep.removesuffix("%"))
        if 0 < percent < 1 and not choosing.keep.endswith("%"):
            raise ConfigError(
                f"--keep {choosing.keep} is a share in per cent", hint=f"Say {100 * percent:g}% or {percent:g}%."
            )
        if not 0 < percent <= 100:
            raise ConfigError(f"--keep must be more than 0 and at most 100 %; got {choosing.keep}")
        if reference is None:
            if form != "lines":
                raise ConfigError(
                    "--keep passes lines on as they are, once all are known",
                    hint="Pipe them into another rnncli score, or give a reference: --calibrate FILE.",
                )
            return cls(choosing, None, percent, None, shaping)
        # The best of the reference: what is as good as they are passes at once.
        if choosing.by == "logprob":
            bounds = Bounds("logprob", above=math.nextafter(reference.value(100 - percent), -math.inf))
        else:
            bounds = Bounds(choosing.by, below=math.nextafter(reference.value(percent), math.inf))
        return cls(choosing, bounds, None, reference, shaping)

    def applied(self, scores: Iterable[TextScore]) -> Iterator[TextScore]:
        """The scores that pass, with their percentile beside them."""
        scores = self._counted(scores)
        if not self._filters:
            chosen = iter(scores)
        elif self._bounds is not None:
            chosen = self._bounds.chosen(scores)
        else:
            chosen = self._kept(scores)
        for score in chosen:
            self.passed += 1
            yield self._with_percentile(score)

    def _counted(self, scores: Iterable[TextScore]) -> Iterator[TextScore]:
        for score in scores:
            self.seen += 1
            yield score

    def summary(self) -> str:
        """How many lines passed, and what it took."""
        shares = f"passed {self.passed:,} of {lines_in_words(self.seen)}"
        if self._bounds is None:
            return shares
        bounds = {"above": self._bounds.above, "below": self._bounds.below}
        limits = (f"{name} {value!r}" for name, value in bounds.items() if value is not None)
        return f"{shares}: {self._by} {' and '.join(limits)}"

    @property
    def filters(self) -> bool:
        return self._filters

    def _with_percentile(self, score: TextScore) -> TextScore:
        if self._reference is None:
            return score
        value = figure(score.tally, self._by)
        percentile = None if value is None else self._reference.percentile(value)
        *cells, last = score.beside or ("",)
        beside = (*cells, percentile, last) if self._filters else (*score.beside, percentile)
        return dataclasses.replace(score, beside=beside)

    def without_raw(self, scores: Iterator[TextScore]) -> Iterator[TextScore]:
        """The scores without the bytes that a filter writes."""
        if not self._filters:
            return scores
        return (dataclasses.replace(score, beside=score.beside[:-1]) for score in scores)

    def write(self, scores: Iterable[TextScore]) -> None:
        """The chosen lines byte for byte, under the line that names the columns if there was one."""
        passing = (str(score.beside[-1]).encode("latin-1") for score in scores)
        ended = True
        for number, data in enumerate(passing):
            if number == 0 and self._shaping.header:
                write_bytes(self._shaping.header)
            write_bytes(data if ended else b"\n" + data)  # the last line of a file may lack its end
            ended = data.endswith(b"\n")

    def _kept(self, scores: Iterable[TextScore]) -> Iterator[TextScore]:
        """The best share of all. They must all be known first: meanwhile their bytes lie in a temporary file."""
        assert self._keep is not None
        sizes = array("Q")
        with tempfile.TemporaryFile() as file:

            def spooled() -> Iterator[Tally]:
                for score in scores:
                    data = str(score.beside[-1]).encode("latin-1")
                    sizes.append(file.write(data))
                    yield score.tally

            flags = best(spooled(), self._by, self._keep)
            file.seek(0)
            for passes, size in zip(flags.tolist(), sizes, strict=True):
                data = file.read(size)
                if passes:
                    yield TextScore(text="", tally=Tally(), beside=(data.decode("latin-1"),))


def _threshold(bound: str | None, reference: Reference | None) -> float | None:
    if bound is None:
        return None
    percent = percent_of(bound)
    if percent is None:
        return number_of(bound)
    if reference is None:
        raise ConfigError(f"{bound} is a share of some text", hint="Name the text: --calibrate FILE.")
    return reference.value(percent)
