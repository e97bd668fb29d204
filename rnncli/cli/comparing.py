"""What ``rnncli compare`` does with its options: models opened, lines put to all of them, comparisons written."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnncli.cli.comparison import TIE, Names, objects, rows, table
from rnncli.cli.comparison_total import total_object, total_rows, total_table
from rnncli.cli.lines import Lines
from rnncli.cli.scoring import Reading, Scoring, Writing, show
from rnncli.cli.terminal import draw, has_color, say, write
from rnncli.errors import ConfigError

if TYPE_CHECKING:
    from rnncli.analysis.columns import TextColumn
    from rnncli.analysis.compare import Comparison, Summary, Totals
    from rnncli.analysis.confusion import Confusion
    from rnncli.api import Model


class Comparing(NamedTuple):
    """Which models, as they were typed; which column is the label; what the bootstrap begins from."""

    models: tuple[str, ...]
    label_column: str | None = None
    seed: int = 0


class Given(NamedTuple):
    """A model by its label and its folder or name."""

    label: str
    model: str


def run(comparing: Comparing, reading: Reading, scoring: Scoring, writing: Writing) -> None:
    """Score, compare, write."""
    given = _models(comparing.models)
    if comparing.label_column is not None and reading.text_column is None:
        raise ConfigError("--label-column needs --text-column", hint="Name the column of the text too.")
    from rnncli.analysis.columns import TextColumn
    from rnncli.analysis.compare import Totals, side_by_side

    columns = None
    if reading.text_column is not None:
        columns = TextColumn(reading.text_column, label=comparing.label_column)
    lines = Lines(
        reading.files,
        encoding=reading.encoding,
        strict=reading.strict,
        quiet=writing.quiet,
        before=None if columns is None else lambda line, _: columns.take(line),
    )
    models = [_load(one, scoring, writing) for one in given]
    labels = tuple(one.label for one in given)
    lossy = tuple(label for label, model in zip(labels, models, strict=True) if not model.definition["lossless"])
    for label in lossy:
        say(f"{label} loses some of each text: its bits are of another one, which is easier", quiet=writing.quiet)
    compared = side_by_side(
        [model.scorer for model in models], lines, context=scoring.context, skip_empty=reading.skip_empty
    )
    labelled = comparing.label_column is not None
    totals = Totals(labels, seed=comparing.seed if writing.total else None, labelled=labelled)
    counted = _counted(compared, totals, columns)
    if writing.total:
        for _ in counted:
            pass
        _write_total(totals.summary(), models, comparing.seed, scoring, writing)
    else:
        _write(counted, labels, lossy, columns, writing)
    _say_sum(totals.summary(), writing)
    lines.warn()
    _say_strangers(totals.summary().confusion, writing.quiet)


def _models(specs: Iterable[str]) -> list[Given]:
    """The models, each with a label of its own; one that does not exist is an error now."""
    given = [_given(spec) for spec in specs]
    if len(given) < 2:
        raise ConfigError("compare needs two models or more", hint="Name them: -m ONE -m ANOTHER, or -m LABEL=MODEL.")
    for place, one in enumerate(given):
        if one.label in [other.label for other in given[:place]]:
            raise ConfigError(f"two models are called {one.label}", hint="Give them labels: -m LABEL=MODEL.")
        if one.label == TIE:
            raise ConfigError(f"no model can be called {TIE}: so are lines that none wins", hint="-m LABEL=MODEL.")
    return given


def _given(spec: str) -> Given:
    """What one -m says. A model whose name or path holds an = goes before a label."""
    from rnncli import library
    from rnncli.errors import ModelError

    label, equals, model = spec.partition("=")
    if equals and label and not {"/", "\\"} & set(label):
        try:
            folder = library.resolve(spec)
        except ModelError:
            library.resolve(model)
            return Given(label, model)
    else:
        folder = library.resolve(spec)
    return Given(folder.name or folder.resolve().name, spec)


def _load(one: Given, scoring: Scoring, writing: Writing) -> Model:
    from rnncli.api import load

    model = load(one.model, device=scoring.device, engine=scoring.engine, threads=scoring.threads)
    if model.choice.notable:
        say(f"{one.label}: {model.choice.why}: PyTorch runs the model", quiet=writing.quiet)
    return model


def _label_of(comparison: Comparison, columns: TextColumn | None) -> str | None:
    if columns is None or columns.label_place is None:
        return None
    return str(comparison.line.beside[columns.label_place])


def _counted(compared: Iterable[Comparison], totals: Totals, columns: TextColumn | None) -> Iterator[Comparison]:
    """The comparisons, each added to the totals."""
    for comparison in compared:
        totals.add(comparison, _label_of(comparison, columns))
        yield comparison


def _write(
    compared: Iterator[Comparison],
    labels: tuple[str, ...],
    lossy: tuple[str, ...],
    columns: TextColumn | None,
    writing: Writing,
) -> None:
    first = next(compared, None)  # the names of columns are known once there is a row
    names = Names(labels, lossy)
    if columns is not None:
        names = names._replace(beside=columns.names, label_place=columns.label_place)
    compared = itertools.chain([] if first is None else [first], compared)
    if writing.form == "table":
        show(table(compared, names, color=has_color("stdout")), draw)
    elif writing.form == "json":
        show(objects(compared, names), write)
    else:
        show(rows(compared, names, header=writing.header), write)


def _write_total(summary: Summary, models: Sequence[Model], seed: int, scoring: Scoring, writing: Writing) -> None:
    definitions = [{**model.definition, "log_base": "2", "context": scoring.context} for model in models]
    if writing.form == "table":
        show(total_table(summary, color=has_color("stdout")), draw)
    elif writing.form == "json":
        show([total_object(summary, definitions, seed)], write)
    else:
        show(total_rows(summary, definitions, header=writing.header), write)


def _say_strangers(confusion: Confusion | None, quiet: bool) -> None:
    """Labels that are no model's, which are more often a slip than meant."""
    if confusion is None or not confusion.strangers:
        return
    some = ", ".join(confusion.strangers[:5]) + (" and others" if confusion.strangers[5:] else "")
    count = confusion.lines - sum(sum(confusion.counts[model]) for model in confusion.models)
    lines = "1 line has a label" if count == 1 else f"{count:,} lines have labels"
    say(f"{lines} that no model is called ({some}): wrong whoever wins. -m LABEL=MODEL calls it so", quiet=quiet)


def _say_sum(summary: Summary, writing: Writing) -> None:
    """Below a table, in a line, what all its rows come to."""
    if writing.form != "table" or writing.total or not summary.lines:
        return
    wins = ", ".join(f"{model.label} {model.wins:,} ({model.share:.1%})" for model in summary.models)
    text = f"of {summary.lines:,} lines: {wins}" + (f", {summary.ties:,} tied" if summary.ties else "")
    confusion = summary.confusion
    if confusion is not None and confusion.most_frequent is not None:
        label, chance = confusion.most_frequent
        text += f"; {confusion.accuracy:.1%} right, where saying {label} always gives {chance:.1%}"
    say(text, quiet=writing.quiet)
