"""What all comparisons come to, as TSV (a row a model), as one JSON object, and as tables for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnncli.cli.columns import aligned
from rnncli.cli.comparison import TIE
from rnncli.cli.terminal import one_line

if TYPE_CHECKING:
    from rnncli.analysis.compare import ModelTotal, Pair, Summary
    from rnncli.analysis.confusion import Confusion
    from rnncli.analysis.interval import Interval

UNITS = {"byte": "bits_per_byte", "line": "bits_per_line"}
OTHERS = "(others)"
"""Labels of no model beyond those that are told apart."""


def total_object(summary: Summary, definitions: Sequence[Mapping[str, Any]], seed: int) -> str:
    """Everything in one object."""
    from rnncli.analysis.bootstrap import CONFIDENCE, RESAMPLES
    from rnncli.formats.json import dumps

    value: dict[str, Any] = {
        "lines": summary.lines,
        "ties": summary.ties,
        "models": [
            {**_model(model), "definition": definition}
            for model, definition in zip(summary.models, definitions, strict=True)
        ],
        "pairs": [{"best": pair.best, "other": pair.other, **_pair(pair)} for pair in summary.pairs],
        "bootstrap": {"over": "lines", "resamples": RESAMPLES, "seed": seed, "confidence": CONFIDENCE},
    }
    if summary.confusion is not None:
        value["identification"] = _identification(summary.confusion)
    return dumps(value) + "\n"


def _model(model: ModelTotal) -> dict[str, Any]:
    return {
        "model": model.label,
        "lines": model.tally.lines,
        "bits": model.bits,
        "bits_per_byte": model.tally.bits_per_byte,
        "bits_per_line": model.bits_per_line,
        "wins": model.wins,
        "share": model.share,
        "lossless": model.tally.lossless,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    low, high = _ends(pair.interval)
    return {
        "difference": pair.difference,
        "unit": UNITS[pair.per],
        "low": low,
        "high": high,
        "excludes_zero": None if pair.interval is None else pair.interval.excludes_zero,
    }


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else interval


def _identification(confusion: Confusion) -> dict[str, Any]:
    low, high = _ends(confusion.interval)
    label, chance = confusion.most_frequent or (None, None)
    return {
        "lines": confusion.lines,
        "right": confusion.right,
        "accuracy": confusion.accuracy,
        "low": low,
        "high": high,
        "chance": chance,
        "chance_label": label,
        "chance_guessing": confusion.guessing,
        "confusion": {
            label: dict(zip((*confusion.models, TIE), counts, strict=True)) for label, counts in _counts(confusion)
        },
        "recall": {label: confusion.recall(label) for label in confusion.counts},
        "precision": {model: confusion.precision(model) for model in confusion.models},
    }


def _counts(confusion: Confusion) -> list[tuple[str, list[int]]]:
    """Rows of the confusion table."""
    return [*confusion.counts.items(), *([(OTHERS, confusion.others)] if any(confusion.others) else [])]


def total_rows(summary: Summary, definitions: Sequence[Mapping[str, Any]], *, header: bool) -> Iterator[str]:
    """A row a model: its totals, how much more than the best it needs, and the lines of each label that it won."""
    from rnncli.formats.json import dumps
    from rnncli.formats.tsv import row

    pairs = {pair.other: _pair(pair) for pair in summary.pairs}
    for number, (model, definition) in enumerate(zip(summary.models, definitions, strict=True)):
        beside = pairs.get(model.label, dict.fromkeys(("difference", "unit", "low", "high", "excludes_zero")))
        cells = _model(model) | {"ties": summary.ties} | beside
        if summary.confusion is not None:
            cells |= _identified(summary.confusion, number)
        cells["definition"] = dumps(definition)
        if header and number == 0:
            yield row(list(cells)) + "\n"
        yield row(list(cells.values())) + "\n"


def _identified(confusion: Confusion, place: int) -> dict[str, Any]:
    model = confusion.models[place]
    low, high = _ends(confusion.interval)
    return {
        "accuracy": confusion.accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "chance": None if confusion.most_frequent is None else confusion.most_frequent[1],
        "chance_guessing": confusion.guessing,
        "recall": confusion.recall(model),
        "precision": confusion.precision(model),
        **{f"won_{label}": counts[place] for label, counts in _counts(confusion)},
    }


def total_table(summary: Summary, *, color: bool) -> Iterator[str]:
    """Tables: models, pairs, confusion."""
    head = ("model", "lines", "bits", "bits/byte", "bits/line", "wins", "share")
    lines = [
        (m.label, f"{m.tally.lines:,}", f"{m.bits:,.1f}", _figure(m.tally.bits_per_byte), _figure(m.bits_per_line),
         f"{m.wins:,}", _percent(m.share))
        for m in summary.models
    ]  # fmt: skip
    yield aligned(head, lines, right=range(1, 7), color=color)
    if summary.ties:
        yield f"ties: {summary.ties:,}\n"
    if summary.pairs:
        yield "\n" + aligned(("best", "other needs", "95 % interval", ""), _pairs(summary), color=color)
    if summary.confusion is not None:
        yield "\n" + _confusion_table(summary.confusion, color=color)


def _pairs(summary: Summary) -> list[tuple[str, str, str, str]]:
    found = []
    for pair in summary.pairs:
        more = f"{pair.other}: {pair.difference:.4f} bits/{pair.per} more"
        if pair.interval is None:
            found.append((pair.best, more, "-", "too few lines to say"))
            continue
        sure = "excludes 0" if pair.interval.excludes_zero else "holds 0: it may be chance"
        found.append((pair.best, more, f"{pair.interval.low:.4f} to {pair.interval.high:.4f}", sure))
    return found


def _confusion_table(confusion: Confusion, *, color: bool) -> str:
    head = ("label", *map(one_line, confusion.models), TIE, "recall")
    lines = [
        (label, *(f"{n:,}" for n in counts), _percent(confusion.recall(label))) for label, counts in _counts(confusion)
    ]
    lines.append(("precision", *(_percent(confusion.precision(model)) for model in confusion.models), "", ""))
    text = aligned(head, lines, right=range(1, len(head)), color=color)
    if confusion.interval is None or confusion.most_frequent is None:
        return text
    low, high = confusion.interval
    label, chance = confusion.most_frequent
    return (
        f"{text}right: {confusion.right:,} of {confusion.lines:,}, {_percent(confusion.accuracy)} "
        f"(95 %: {_percent(low)} to {_percent(high)}); "
        f"chance: {_percent(chance)} by always saying {one_line(label)}, {_percent(confusion.guessing)} by guessing\n"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
