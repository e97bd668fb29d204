"""Comparisons as TSV, JSON and a table: a record a line of input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from rnncli.cli.columns import width
from rnncli.cli.terminal import one_line, paint

if TYPE_CHECKING:
    from rnncli.analysis.compare import Comparison

TIE = "tie"
"""Where a winner is named: nobody."""
WON, WRONG = 32, 31
"""Colours of a winner: green, or red where the label says another."""


class Names(NamedTuple):
    """What the models are called, which of them lose some of the text, and the cells that stand beside a line."""

    models: tuple[str, ...]
    lossy: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    label_place: int | None = None

    def winner(self, comparison: Comparison) -> str:
        return TIE if comparison.winner is None else self.models[comparison.winner]

    def label(self, comparison: Comparison) -> str | None:
        """What the winner should be."""
        return None if self.label_place is None else str(comparison.line.beside[self.label_place])

    def right(self, comparison: Comparison) -> bool | None:
        return None if self.label_place is None else self.label(comparison) == self.winner(comparison) != TIE

    def others(self, cells: Iterable[str | float | None]) -> tuple[str | float | None, ...]:
        """Cells beside a line, its label left out."""
        return tuple(cell for place, cell in enumerate(cells) if place != self.label_place)


def rows(compared: Iterable[Comparison], names: Names, *, header: bool) -> Iterator[str]:
    """Rows of a table separated by tabs."""
    from rnncli.formats.tsv import row

    labelled = names.label_place is not None
    if header:
        bits = [f"bits_{model}" for model in names.models]
        own = ["winner", "difference", *bits, "bytes", "bits_per_byte", *(["label", "right"] if labelled else [])]
        yield row([*own, "line", "file", "text", *names.others(names.beside)]) + "\n"
    for one in compared:
        line = one.line
        verdict = [names.label(one), names.right(one)] if labelled else []
        own_cells = [names.winner(one), one.difference, *one.bits, line.tally.bytes, one.bits_per_byte, *verdict]
        yield row([*own_cells, line.line, line.file, line.text, *names.others(line.beside)]) + "\n"


def objects(compared: Iterable[Comparison], names: Names) -> Iterator[str]:
    """JSON objects."""
    from rnncli.formats.json import dumps

    for one in compared:
        line = one.line
        value = {
            "winner": names.winner(one),
            "difference": one.difference,
            "bits": dict(zip(names.models, one.bits, strict=True)),
            "bytes": line.tally.bytes,
            "bits_per_byte": one.bits_per_byte,
            "lossy": names.lossy,
        }
        if names.label_place is not None:
            value |= {"label": names.label(one), "right": names.right(one)}
        value |= {"line": line.line, "file": line.file, "text": line.text}
        if names.others(names.beside):
            value["columns"] = dict(zip(names.others(names.beside), names.others(line.beside), strict=True))
        yield dumps(value) + "\n"


def table(compared: Iterable[Comparison], names: Names, *, color: bool) -> Iterator[str]:
    """Lines for a person: the winner, by how much, the bits of each, the text."""
    labels = [] if names.label_place is None else ["label"]
    head = ["winner", "by bits", "bits/byte", *map(one_line, names.models), *labels, "text"]
    widest = max(8, *(width(one_line(model)) for model in names.models))
    sizes = [widest, *(max(9, width(name)) for name in head[1:-1])]
    if labels:
        sizes[-1] = widest
    for number, one in enumerate(compared):
        if number == 0:
            yield paint(_line(head, sizes), 1, on=color) + "\n"
        per_byte = "-" if one.bits_per_byte is None else f"{one.bits_per_byte:.3f}"
        label = [] if names.label_place is None else [one_line(names.label(one) or "")]
        winner = one_line(names.winner(one))
        cells = [f"{one.difference:.2f}", per_byte, *(f"{bits:.2f}" for bits in one.bits), *label]
        whole = _line([winner, *cells, one_line(one.line.text)], sizes)
        colour = WRONG if names.right(one) is False else WON
        yield paint(whole[: len(winner)], colour, on=color and names.winner(one) != TIE) + whole[len(winner) :] + "\n"


def _line(cells: list[str], sizes: list[int]) -> str:
    """The first cell to the left, the last as it is, those between to the right."""
    first, *between, last = cells
    padded = [" " * (size - width(cell)) + cell for cell, size in zip(between, sizes[1:], strict=True)]
    return "  ".join([first + " " * (sizes[0] - width(first)), *padded, last])
