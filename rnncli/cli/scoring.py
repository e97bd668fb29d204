"""What ``rnncli score`` does with its options: lines shaped, scored, chosen, and written."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rnncli.choices import Context, Device, Directions, EngineName
from rnncli.cli.lines import STDIN, Lines
from rnncli.cli.terminal import draw, flush, has_color, is_terminal, say, with_ends, write
from rnncli.errors import ConfigError

if TYPE_CHECKING:
    from rnncli.analysis.shaping import Shaping
    from rnncli.api import Model
    from rnncli.cli.choosing import Choice
    from rnncli.formats.layout import Layout
    from rnncli.records import TextScore

RecordFormat = Literal["auto", "table", "tsv", "json"]
Format = Literal[RecordFormat, "kenlm", "srilm"]
Form = Literal["table", "tsv", "json", "lines", "kenlm", "srilm"]
LogBase = Literal["e", "2", "10"]
By = Literal["perplexity", "bits_per_byte", "logprob"]


class Reading(NamedTuple):
    """Where lines come from, and what of each is the text."""

    files: tuple[str, ...]
    encoding: str = "utf-8"
    strict: bool = False
    skip_empty: bool = False
    text_column: str | None = None
    prefix_column: str | None = None
    prefix: str = ""
    mask: bool = False
    regions: str = ""


class Scoring(NamedTuple):
    """How they are scored."""

    model: str | None
    context: Context = "line"
    end: bool = True
    batch_size: int | None = None
    device: Device = "auto"
    engine: EngineName = "auto"
    threads: int | None = None
    direction: Directions | None = None

    def load(self, *, quiet: bool) -> Model:
        """The model, with a word on stderr where it runs in an unusual way."""
        from rnncli.api import load

        loaded = load(
            self.model, device=self.device, engine=self.engine, threads=self.threads, direction=self.direction
        )
        if loaded.choice.notable:
            say(f"{loaded.choice.why}: PyTorch runs the model", quiet=quiet)
        return loaded


class Writing(NamedTuple):
    """What of the scores is written, and how."""

    form: Form
    tokens: bool = False
    words: bool = False
    total: bool = False
    header: bool = True
    log_base: LogBase = "e"
    quiet: bool = False


class Choosing(NamedTuple):
    """Which lines pass, as it was typed: ``above``, ``below`` and ``keep`` may be percentages."""

    by: By = "perplexity"
    above: str | None = None
    below: str | None = None
    keep: str | None = None
    calibrate: str | None = None
    fail: bool = False

    @property
    def filters(self) -> bool:
        return any(bound is not None for bound in (self.above, self.below, self.keep))


def form_of(wanted: Format, *, as_json: bool, filters: bool) -> Form:
    """How to write where ``auto`` is wanted: a filter passes lines on, a terminal gets a table, a pipe TSV."""
    if as_json:
        if wanted not in ("auto", "json"):
            raise ConfigError(f"--json and --format {wanted} cannot be given together")
        return "json"
    if wanted == "auto":
        return "lines" if filters else "table" if is_terminal(sys.stdout) else "tsv"
    return wanted


def run(reading: Reading, scoring: Scoring, writing: Writing, choosing: Choosing) -> bool:
    """Score, choose, write. Whether a filter let a line pass."""
    _check(reading, scoring, writing)
    _check_choosing(reading, choosing)
    if writing.form in ("kenlm", "srilm"):
        _check_spaced(reading, writing, choosing)
    from rnncli.analysis.columns import TextColumn
    from rnncli.analysis.shaping import Shaping

    columns = None if reading.text_column is None else TextColumn(reading.text_column, reading.prefix_column)
    shaping = Shaping(
        prefix=reading.prefix,
        columns=columns,
        regions=reading.regions,
        words=writing.words,
        masked=reading.mask,
        raw=choosing.filters,
    )
    lines = _lines(reading, reading.files, writing.quiet, shaping)

    loaded = scoring.load(quiet=writing.quiet)
    scores = shaping.after(_scores(loaded, lines, reading, scoring, writing))
    choice = _choice(loaded, reading, scoring, writing, choosing, shaping)
    if choice is not None:
        scores = choice.applied(scores)
    _write(scores, loaded, reading, scoring, writing, shaping, choice)
    lines.warn()
    for warning in shaping.warnings():
        say(warning, quiet=writing.quiet)
    if choice is not None and choice.filters and choice.seen:
        say(choice.summary(), quiet=writing.quiet)
    return choice is not None and choice.passed > 0


def _check(reading: Reading, scoring: Scoring, writing: Writing) -> None:
    if writing.tokens and writing.words and writing.form == "tsv" and not writing.total:
        raise ConfigError("--tokens and --words give two tables; TSV has room for one", hint="Use --json for both.")
    if (writing.tokens or writing.words or reading.regions) and writing.form == "lines" and not writing.total:
        wanted = "--tokens" if writing.tokens else "--words" if writing.words else "--regions"
        raise ConfigError(
            f"a filter passes lines on as they are: {wanted} has no place there",
            hint="--format tsv or json has records.",
        )
    if scoring.context == "file" and (reading.prefix or reading.prefix_column):
        raise ConfigError("with --context file the lines before are the prefix: give no other")
    if reading.prefix and reading.prefix_column:
        raise ConfigError("--prefix and --prefix-column cannot be given together")
    if reading.prefix_column and reading.text_column is None:
        raise ConfigError("--prefix-column needs --text-column", hint="Name the column of the text too.")


def _check_spaced(reading: Reading, writing: Writing, choosing: Choosing) -> None:
    """These formats belong to other programs, and have no place for what those do not know."""
    unknown = {
        "--tokens": writing.tokens,
        "--regions": bool(reading.regions),
        "--log-base": writing.log_base not in ("e", "10"),
        "--calibrate without a filter": choosing.calibrate is not None and not choosing.filters,
    }
    for option in (name for name, given in unknown.items() if given):
        hint = "It has words alone, in base 10: --format json has the rest."
        raise ConfigError(f"--format {writing.form} has no place for {option}", hint=hint)


def _lines(reading: Reading, files: tuple[str, ...], quiet: bool, shaping: Shaping) -> Lines:
    return Lines(files, encoding=reading.encoding, strict=reading.strict, quiet=quiet, before=shaping.before)


def _scores(loaded: Model, lines: Lines, reading: Reading, scoring: Scoring, writing: Writing) -> Iterator[TextScore]:
    from rnncli.formats import FORMATS

    tinted = writing.form == "table" and loaded.direction != "both" and _shows_tints()
    spaced = writing.form in FORMATS and FORMATS[writing.form].needs_words
    return loaded.scorer.score(
        lines,
        context=scoring.context,
        tokens=(writing.tokens or tinted) and not writing.total,
        words=spaced or ((writing.words or bool(reading.regions)) and not writing.total),
        skip_empty=reading.skip_empty,
        batch_size=scoring.batch_size,
        end=scoring.end,
    )


def _shows_tints() -> bool:
    from rnncli.cli.tints import tint_of_stdout

    return tint_of_stdout() != "plain"


def _check_choosing(reading: Reading, choosing: Choosing) -> None:
    if choosing.fail and not choosing.filters:
        raise ConfigError("--fail needs --above, --below or --keep", hint="For instance --above 99% --calibrate FILE.")
    if choosing.calibrate == STDIN and (not reading.files or STDIN in reading.files):
        raise ConfigError("standard input was given twice", hint="Give --calibrate a file.")


def _choice(
    loaded: Model,
    reading: Reading,
    scoring: Scoring,
    writing: Writing,
    choosing: Choosing,
    shaping: Shaping,
) -> Choice | None:
    """The filter that was asked for, its thresholds read off a reference text where there is one."""
    if not choosing.filters and choosing.calibrate is None:
        return None
    if choosing.by == "bits_per_byte" and not loaded.definition["lossless"]:
        raise ConfigError("this model's tokenizer loses some of the text: its lines have no bits_per_byte")
    from rnncli.analysis.calibrate import Reference
    from rnncli.cli.choosing import Choice

    reference = None
    if choosing.calibrate is not None:
        lines = _lines(reading, (choosing.calibrate,), writing.quiet, shaping.like())
        plain = writing._replace(form="tsv", tokens=False, words=False)
        scores = _scores(loaded, lines, reading._replace(regions=""), scoring, plain)
        reference = Reference((score.tally for score in scores), choosing.by, choosing.calibrate)
    return Choice.of(choosing, reference, shaping, "tsv" if writing.total else writing.form)


def _write(
    scores: Iterator[TextScore],
    loaded: Model,
    reading: Reading,
    scoring: Scoring,
    writing: Writing,
    shaping: Shaping,
    choice: Choice | None,
) -> None:
    from rnncli.formats.layout import Layout

    if writing.form == "lines" and not writing.total:
        assert choice is not None
        choice.write(scores)
        return
    if choice is not None:
        scores = choice.without_raw(scores)
    words = writing.words or bool(reading.regions)
    layout = Layout(writing.tokens, words, writing.header, writing.log_base)
    if writing.total:
        definition = {
            **loaded.definition,
            "log_base": writing.log_base,
            "end_counted": scoring.end,
            "context": scoring.context,
            **({"prefix": reading.prefix} if reading.prefix else {}),
            **({"digits": "read as 0"} if reading.mask else {}),
        }
        output = _total(scores, definition, writing.form, layout)
    else:
        first = next(scores, None)  # the names of columns are known once there is a row
        names = (*shaping.names, *(() if choice is None else choice.names))
        scores = itertools.chain([] if first is None else [first], scores)
        output = _records(scores, writing.form, layout._replace(columns=names))
    show(output, draw if writing.form == "table" else write)


def show(output: Iterable[str], how: Callable[[str], None]) -> None:
    """Put texts out as they come: ``write`` or ``draw`` is how."""
    for text in output:
        how(text)
        if is_terminal(sys.stdout):
            flush()


def _total(scores: Iterator[TextScore], definition: Mapping[str, Any], form: Form, layout: Layout) -> Iterator[str]:
    if form == "table":
        from rnncli.cli.table import total_table
        from rnncli.formats.fields import tally_of

        yield total_table(tally_of(scores), definition, layout, color=has_color("stdout"))
    else:
        from rnncli.formats import FORMATS

        yield from with_ends(FORMATS[form].total(scores, definition, layout))


def _records(scores: Iterator[TextScore], form: Form, layout: Layout) -> Iterator[str]:
    if form == "table":
        from rnncli.cli.table import table
        from rnncli.cli.tints import tint_of_stdout

        yield from table(scores, layout, tint_of_stdout())
        return
    from rnncli.formats import FORMATS

    yield from with_ends(FORMATS[form].scores(scores, layout))
