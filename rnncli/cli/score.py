"""``rnncli score``: log-probability and perplexity of each line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnncli.choices import Context
from rnncli.cli.lines import Lines
from rnncli.cli.options import (
    DebugOption,
    DeviceOption,
    EngineOption,
    ModelOption,
    QuietOption,
    ThreadsOption,
)
from rnncli.cli.terminal import draw, flush, has_color, is_terminal, say, write
from rnncli.errors import ConfigError

if TYPE_CHECKING:
    from rnncli.formats.layout import Layout
    from rnncli.records import TextScore

Format = Literal["auto", "table", "tsv", "json"]
Form = Literal["table", "tsv", "json"]


def score(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Files, compressed ones too; - or none: stdin."),
    ] = None,
    model: ModelOption = None,
    format: Annotated[  # noqa: A002
        Format, typer.Option("--format", help="auto: a table on a terminal, tsv in a pipe.")
    ] = "auto",
    json_: Annotated[bool, typer.Option("--json", help="Short for --format json: an object a line.")] = False,
    header: Annotated[bool, typer.Option("--header/--no-header", help="Begin TSV with the names of columns.")] = True,
    tokens: Annotated[bool, typer.Option("--tokens", help="Score each token too.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Score each word too.")] = False,
    total: Annotated[bool, typer.Option("--total", help="One record for everything.")] = False,
    context: Annotated[
        Context,
        typer.Option("--context", help="line: each line alone; file: the state is carried through a file."),
    ] = "line",
    skip_empty: Annotated[bool, typer.Option("--skip-empty", help="Leave empty lines out.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at a line that is not in the encoding.")] = False,
    encoding: Annotated[str, typer.Option("--encoding", metavar="NAME", help="Encoding of the lines.")] = "utf-8",
    batch_size: Annotated[int | None, typer.Option("--batch-size", hidden=True)] = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Score each line of FILES or stdin. Figures: log-probability, perplexity, bits per byte and more."""
    form = _format(format, json_)
    if tokens and words and form == "tsv" and not total:
        raise ConfigError("--tokens and --words give two tables; TSV has room for one", hint="Use --json for both.")
    lines = Lines(files or (), encoding=encoding, strict=strict, quiet=quiet)

    from rnncli.api import load

    loaded = load(model, device=device, engine=engine, threads=threads)
    if loaded.choice.notable:
        say(f"{loaded.choice.why}: PyTorch runs the model", quiet=quiet)
    from rnncli.formats.layout import Layout

    scores = loaded.scorer.score(
        lines,
        context=context,
        tokens=(tokens or (form == "table" and has_color("stdout"))) and not total,
        words=words and not total,
        skip_empty=skip_empty,
        batch_size=batch_size,
    )
    if total:
        output = _total(scores, {**loaded.definition, "context": context}, form, Layout(header=header))
    else:
        output = _records(scores, form, Layout(tokens, words, header))
    show = draw if form == "table" else write
    for text in output:
        show(text)
        if is_terminal(sys.stdout):
            flush()
    lines.warn()


def _format(wanted: Format, as_json: bool) -> Form:
    if as_json:
        if wanted not in ("auto", "json"):
            raise ConfigError(f"--json and --format {wanted} cannot be given together")
        return "json"
    if wanted == "auto":
        return "table" if is_terminal(sys.stdout) else "tsv"
    return wanted


def _total(scores: Iterator[TextScore], definition: Mapping[str, Any], form: Form, layout: Layout) -> Iterator[str]:
    from rnncli.records import Tally

    tally = Tally()
    for score in scores:
        tally += score.tally
    if form == "table":
        from rnncli.cli.table import total_table

        yield total_table(tally, definition, color=has_color("stdout"))
    else:
        from rnncli.formats import FORMATS

        yield from (line + "\n" for line in FORMATS[form].total(tally, definition, layout))


def _records(scores: Iterator[TextScore], form: Form, layout: Layout) -> Iterator[str]:
    if form == "table":
        from rnncli.cli.table import table

        yield from table(scores, tokens=layout.tokens, words=layout.words, color=has_color("stdout"))
        return
    from rnncli.formats import FORMATS

    yield from (line + "\n" for line in FORMATS[form].scores(scores, layout))
