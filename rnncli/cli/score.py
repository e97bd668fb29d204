"""``rnncli score``: log-probability and perplexity of each line."""

from __future__ import annotations

from typing import Annotated

import typer

from rnncli.choices import Directions
from rnncli.cli.contrast import EachOption, Lists, NbestOption, PairsOption, TuneOption, WeightOption, judge
from rnncli.cli.options import (
    ContextOption,
    DebugOption,
    DeviceOption,
    EncodingOption,
    EngineOption,
    ModelOption,
    QuietOption,
    SkipEmptyOption,
    StrictOption,
    ThreadsOption,
)
from rnncli.cli.scoring import By, Choosing, Format, LogBase, Reading, Scoring, Writing, form_of, run

COLUMN = "N|NAME"
FORMAT_HELP = (
    "auto: a table on a terminal, tsv in a pipe, lines from a filter. kenlm: as its query -v; srilm: as its ngram -ppl "
    "-debug. In these two words are what stands between blanks, a spelled one is an OOV, logarithms have base 10, and "
    "the numbers of tokens stand for the lengths of n-grams."
)


def score(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Files, compressed ones too; - or none: stdin."),
    ] = None,
    model: ModelOption = None,
    format: Annotated[  # noqa: A002
        Format, typer.Option("--format", help=FORMAT_HELP)
    ] = "auto",
    json_: Annotated[bool, typer.Option("--json", help="Short for --format json: an object a line.")] = False,
    header: Annotated[bool, typer.Option("--header/--no-header", help="Begin TSV with the names of columns.")] = True,
    tokens: Annotated[bool, typer.Option("--tokens", help="Score each token too.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Score each word too.")] = False,
    total: Annotated[bool, typer.Option("--total", help="One record for everything.")] = False,
    log_base: Annotated[
        LogBase, typer.Option("--log-base", help="Of log-probabilities. Surprisal is in bits always.")
    ] = "e",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each figure is, in words and formulas, and do no more.")
    ] = False,
    context: ContextOption = "line",
    direction: Annotated[
        Directions | None,
        typer.Option(
            "--direction",
            help="Which way each line is read, by a model trained so. both: the mean of the two probabilities.",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="TEXT", help="Score each line as it follows this text.")
    ] = "",
    no_eos: Annotated[bool, typer.Option("--no-eos", help="Leave the line's end out of it.")] = False,
    text_column: Annotated[
        str | None,
        typer.Option("--text-column", metavar=COLUMN, help="Lines are TSV rows, and this column is the text."),
    ] = None,
    prefix_column: Annotated[
        str | None, typer.Option("--prefix-column", metavar=COLUMN, help="The column of each text's own prefix.")
    ] = None,
    regions: Annotated[
        str,
        typer.Option(
            "--regions",
            metavar="MARK",
            help="Take this mark out of texts and score what is between, or with --words each word.",
        ),
    ] = "",
    mask: Annotated[bool, typer.Option("--mask", help="Read every digit as 0: numbers, dates and times.")] = False,
    below: Annotated[
        str | None, typer.Option("--below", metavar="X|P%", help="Pass on the lines whose figure is below.")
    ] = None,
    above: Annotated[
        str | None, typer.Option("--above", metavar="X|P%", help="Pass on the lines whose figure is above.")
    ] = None,
    keep: Annotated[str | None, typer.Option("--keep", metavar="P%", help="Pass on the best share of lines.")] = None,
    by: Annotated[By, typer.Option("--by", help="The figure that lines are chosen by.")] = "perplexity",
    calibrate: Annotated[
        str | None,
        typer.Option("--calibrate", metavar="FILE", help="Ordinary lines: gives each line its percentile among them."),
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 1 if a line passes the filter.")] = False,
    skip_empty: SkipEmptyOption = False,
    strict: StrictOption = False,
    encoding: EncodingOption = "utf-8",
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, hidden=True)] = None,
    pairs: PairsOption = None,
    each: EachOption = False,
    nbest: NbestOption = None,
    weight: WeightOption = None,
    tune: TuneOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Score each line of FILES or stdin. Figures: log-probability, perplexity, bits per byte and more."""
    if explain:
        from rnncli.cli.explain import explain_figures

        explain_figures()
        return
    choosing = Choosing(by, above, below, keep, calibrate, fail)
    form = form_of(format, as_json=json_, filters=choosing.filters and not total)
    reading = Reading(
        tuple(files or ()), encoding, strict, skip_empty, text_column, prefix_column, prefix, mask, regions
    )
    scoring = Scoring(model, context, not no_eos, batch_size, device, engine, threads, direction)
    writing = Writing(form, tokens, words, total, header, log_base, quiet)
    if judge(Lists(pairs, each, nbest, weight, tune), reading, scoring, writing, choosing):
        return
    passed = run(reading, scoring, writing, choosing)
    if fail and passed:
        raise typer.Exit(1)
