"""``rnncli score --pairs``, ``--nbest`` and ``--tune``: texts judged against each other."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rnncli.cli.lines import STDIN, Lines
from rnncli.cli.terminal import draw, flush, has_color, is_terminal, one_line, paint, say, write
from rnncli.errors import ConfigError

if TYPE_CHECKING:
    from rnncli.analysis.nbest import Best
    from rnncli.analysis.pairs import Accuracy, Verdict
    from rnncli.analysis.scoring import Score
    from rnncli.analysis.tuning import Fit
    from rnncli.cli.scoring import Choosing, Reading, Scoring, Writing
    from rnncli.inference.plan import Flush, Line
    from rnncli.records import TextScore

PANEL = "Pairs and lists"
MOST_WEIGHT = 1e9
"""With any more, nothing but the log-probability would count; and with the most, sums would not be finite."""
FORMS = ("table", "tsv", "json")
PairsOption = Annotated[
    str | None,
    typer.Option(
        "--pairs",
        metavar="FILE",
        rich_help_panel=PANEL,
        help="How often the good one of two texts is likelier. TSV: good, bad; before them a group, if there are any.",
    ),
]
EachOption = Annotated[
    bool, typer.Option("--each", rich_help_panel=PANEL, help="With --pairs: a row for each pair, in place of sums.")
]
NbestOption = Annotated[
    str | None,
    typer.Option(
        "--nbest",
        metavar="FILE",
        rich_help_panel=PANEL,
        help="The best of each group. TSV: group, other score, text; a group's lines stand together.",
    ),
]
WeightOption = Annotated[
    float | None,
    typer.Option(
        "--weight",
        rich_help_panel=PANEL,
        help="With --nbest: of logprob, which is added to the other score. 1 by default.",
    ),
]
TuneOption = Annotated[
    str | None,
    typer.Option(
        "--tune",
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Find the weight with the fewest errors. TSV: group, other score, text, errors.",
    ),
]


class Lists(NamedTuple):
    """The options about lists, as given."""

    pairs: str | None
    each: bool
    nbest: str | None
    weight: float | None
    tune: str | None

    @property
    def mode(self) -> str | None:
        """The option that says what is shown."""
        modes = {"--pairs": self.pairs, "--nbest": self.nbest, "--tune": self.tune}
        return next((name for name, file in modes.items() if file is not None), None)

    def check(self, form: str, others: Mapping[str, object]) -> None:
        """A ConfigError where the options do not go together, or others with them."""
        if self.pairs is not None and (self.nbest is not None or self.tune is not None):
            other = "--tune" if self.nbest is None else "--nbest"
            raise ConfigError(f"--pairs and {other} cannot be given together")
        if self.each and self.pairs is None:
            raise ConfigError("--each is for --pairs")
        if self.weight is not None and self.nbest is None:
            raise ConfigError("--weight is for --nbest")
        if self.weight is not None and self.tune is not None:
            raise ConfigError("--weight and --tune cannot be given together", hint="--tune finds the weight.")
        if self.weight is not None and not 0 <= self.weight <= MOST_WEIGHT:
            raise ConfigError(f"--weight must be 0 to {MOST_WEIGHT:g}; got {self.weight:g}")
        if self.nbest == self.tune == STDIN:
            raise ConfigError("standard input was given twice", hint="Give --nbest or --tune a file.")
        for name, given in others.items():
            if self.mode is not None and given:
                raise ConfigError(f"{name} has no meaning with {self.mode}", hint="Leave it out.")
        if self.mode is not None and form not in FORMS:
            raise ConfigError(f"--format {form} has no meaning with {self.mode}", hint="It takes table, tsv or json.")


def judge(lists: Lists, reading: Reading, scoring: Scoring, writing: Writing, choosing: Choosing) -> bool:
    """Show what the options about lists ask for. False: there are none."""
    lists.check(writing.form, _others(reading, scoring, writing, choosing))
    if lists.mode is None:
        return False
    loaded = scoring.load(quiet=writing.quiet)

    def score(lines: Iterable[Line | Flush]) -> Iterator[TextScore]:
        shaped = map(partial(_shaped, prefix=reading.prefix, masked=reading.mask), lines)
        return loaded.scorer.score(shaped, batch_size=scoring.batch_size, end=scoring.end)

    show = draw if writing.form == "table" else write
    for text in contrast(lists, score, _Opening(reading, writing.quiet), writing.form, writing.header):
        show(text)
        if is_terminal(sys.stdout):
            flush()
    return True


def _shaped(line: Line | Flush, *, prefix: str, masked: bool) -> Line | Flush:
    """A text as it is scored."""
    from rnncli.analysis.shaping import mask
    from rnncli.inference.plan import Line

    if not isinstance(line, Line) or not (prefix or masked):
        return line
    return line._replace(text=mask(line.text) if masked else line.text, prefix=mask(prefix) if masked else prefix)


def _others(reading: Reading, scoring: Scoring, writing: Writing, choosing: Choosing) -> dict[str, object]:
    """Options that lists give no meaning to, and whether they were given."""
    return {
        "another FILE": reading.files,
        "--tokens": writing.tokens,
        "--words": writing.words,
        "--total": writing.total,
        "--log-base": writing.log_base != "e",
        "--context file": scoring.context == "file",
        "--text-column": reading.text_column,
        "--prefix-column": reading.prefix_column,
        "--regions": reading.regions,
        "a filter (--above, --below, --keep)": choosing.filters,
        "--by": choosing.by != "perplexity",
        "--calibrate": choosing.calibrate,
        "--fail": choosing.fail,
    }


class _Opening(NamedTuple):
    """How lists are opened."""

    reading: Reading
    quiet: bool

    @property
    def skip_empty(self) -> bool:
        return self.reading.skip_empty

    def lines(self, file: str) -> Lines:
        return Lines([file], encoding=self.reading.encoding, strict=self.reading.strict, quiet=self.quiet)


def contrast(lists: Lists, score: Score, reading: _Opening, form: str, header: bool) -> Iterator[str]:
    """What the options ask for, as text to show."""
    if lists.pairs is not None:
        yield from _pairs(lists.pairs, lists.each, score, reading, form, header)
        return
    weight = 1.0 if lists.weight is None else lists.weight
    lines = None if lists.nbest is None else reading.lines(lists.nbest)  # a missing file is found out before the fit
    if lists.tune is not None:
        from rnncli.analysis.tuning import Fit

        fit = _fit(lists.tune, score, reading)
        weight = fit.weight
        if lines is None:
            yield from _shown(Fit, [fit], _fit_table, form, header)
            return
        say(f"{lists.tune}: {_in_words(fit)}", quiet=reading.quiet)
    if lines is not None:
        yield from _nbest(lines, weight, score, reading, form, header)


def _pairs(file: str, each: bool, score: Score, reading: _Opening, form: str, header: bool) -> Iterator[str]:
    from rnncli.analysis.lists import read_pairs
    from rnncli.analysis.pairs import Accuracy, Verdict, accuracies, judged

    lines = reading.lines(file)
    verdicts = judged(read_pairs(lines, file, skip_empty=reading.skip_empty), score)
    if each:
        yield from _shown(Verdict, verdicts, _verdict_table, form, header)
    else:
        yield from _shown(Accuracy, accuracies(verdicts), _accuracy_table, form, header)
    lines.warn()


def _nbest(lines: Lines, weight: float, score: Score, reading: _Opening, form: str, header: bool) -> Iterator[str]:
    from rnncli.analysis.lists import read_candidates
    from rnncli.analysis.nbest import Best, best, groups

    candidates = read_candidates(lines, lines.files[0], skip_empty=reading.skip_empty)
    found = (best(members, weight) for members in groups(candidates, score))
    yield from _shown(Best, found, _best_table, form, header)
    lines.warn()


def _fit(file: str, score: Score, reading: _Opening) -> Fit:
    from rnncli.analysis.lists import read_candidates
    from rnncli.analysis.nbest import groups
    from rnncli.analysis.tuning import fit

    lines = reading.lines(file)
    found = fit(groups(read_candidates(lines, file, with_errors=True, skip_empty=reading.skip_empty), score))
    lines.warn()
    return found


def _shown(kind: Any, records: Iterable[Any], table: Any, form: str, header: bool) -> Iterator[str]:
    """Records as they come, their fields in order."""
    from rnncli.formats import json, tsv

    if form == "table":
        yield from table(records)
    elif form == "json":
        yield from (json.dumps(record._asdict()) + "\n" for record in records)
    else:
        yield from (line + "\n" for line in tsv.rows(kind._fields, records, header=header))


def _accuracy_table(rows: Iterable[Accuracy]) -> Iterator[str]:
    from rnncli.cli.columns import aligned

    cells = []
    for row in rows:
        interval = f"{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f}"
        name = "over all" if row.group is None else row.group
        cells.append((name, str(row.pairs), str(row.right), f"{row.accuracy:.1%}", interval, str(row.ties)))
        if row.macro_accuracy is not None:
            cells.append((f"mean of {row.groups} groups", "", "", f"{row.macro_accuracy:.1%}", "", ""))
    names = ("group", "pairs", "right", "accuracy", "95 %", "ties")
    yield aligned(names, cells, right=(1, 2, 3, 4, 5), color=has_color("stdout"))


def _verdict_table(verdicts: Iterable[Verdict]) -> Iterator[str]:
    yield _head(f"{'difference':>10}  {'verdict':7}  group, good and bad")
    for one in verdicts:
        word = "right" if one.right else "tie" if one.tied else "wrong"
        yield f"{one.difference:>10.2f}  {word:7}  {one_line(one.group or '')}\n"
        yield "".join(f"{'':21}{one_line(text)}\n" for text in (one.good, one.bad))


def _best_table(rows: Iterable[Best]) -> Iterator[str]:
    yield _head("".join(f"{name:>10}  " for name in ("combined", "other", "logprob", "line", "ties")) + "group, text")
    for row in rows:
        figures = f"{row.combined:>10.2f}  {row.other:>10.2f}  {row.logprob:>10.2f}  {row.line:>10}  {row.ties:>10}"
        yield f"{figures}  {one_line(row.group)}  {one_line(row.text)}\n"


def _fit_table(fits: Iterable[Fit]) -> Iterator[str]:
    from rnncli.cli.columns import aligned

    for fit in fits:
        cells = [(name, "no end" if value is None else f"{value:.6g}") for name, value in fit._asdict().items()]
        yield aligned(("figure", "value"), cells, color=has_color("stdout"))


def _head(text: str) -> str:
    return paint(text, 1, on=has_color("stdout")) + "\n"


def _in_words(fit: Fit) -> str:
    high = "any more" if fit.high is None else f"{fit.high:.6g}"
    return (
        f"weight {fit.weight:.6g} ({fit.low:.6g} to {high}), errors {fit.errors:.6g}; with weight 0 "
        f"{fit.errors_without:.6g}, of the best choices {fit.errors_oracle:.6g}"
    )
