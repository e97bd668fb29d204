"""``rnncli compare``: several models on the same lines."""

from __future__ import annotations

from typing import Annotated

import typer

from rnncli.cli.comparing import Comparing, run
from rnncli.cli.options import (
    ContextOption,
    DebugOption,
    DeviceOption,
    EncodingOption,
    EngineOption,
    QuietOption,
    SkipEmptyOption,
    StrictOption,
    ThreadsOption,
)
from rnncli.cli.score import COLUMN
from rnncli.cli.scoring import Reading, RecordFormat, Scoring, Writing, form_of


def compare(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Files, compressed ones too; - or none: stdin."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--model",
            metavar="[LABEL=]MODEL",
            help="A model's name or folder, and what to call it: its name by default. Two or more.",
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        RecordFormat, typer.Option("--format", help="auto: a table on a terminal, tsv in a pipe.")
    ] = "auto",
    json_: Annotated[bool, typer.Option("--json", help="Short for --format json: an object a line.")] = False,
    header: Annotated[bool, typer.Option("--header/--no-header", help="Begin TSV with the names of columns.")] = True,
    total: Annotated[
        bool, typer.Option("--total", help="Everything in sum: bits, wins, differences and how sure they are.")
    ] = False,
    text_column: Annotated[
        str | None,
        typer.Option("--text-column", metavar=COLUMN, help="Lines are TSV rows, and this column is the text."),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option("--label-column", metavar=COLUMN, help="The column that says which model should win."),
    ] = None,
    context: ContextOption = "line",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap that --total draws.")] = 0,
    skip_empty: SkipEmptyOption = False,
    strict: StrictOption = False,
    encoding: EncodingOption = "utf-8",
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Score each line of FILES or stdin with several models: which explains it best, by how many bits."""
    run(
        Comparing(tuple(models or ()), label_column, seed),
        Reading(tuple(files or ()), encoding, strict, skip_empty, text_column),
        Scoring(None, context, device=device, engine=engine, threads=threads),
        Writing(form_of(format, as_json=json_, filters=False), total=total, header=header, quiet=quiet),
    )
