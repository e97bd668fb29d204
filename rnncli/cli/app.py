"""The program: its commands, and ``run``, which every call goes through."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from rnncli import __version__
from rnncli.cli import corpora, exits, models, sample, score, train
from rnncli.cli.options import DebugOption
from rnncli.cli.terminal import is_terminal
from rnncli.errors import RnncliError

PANELS = ("Arguments", "Options", "Budget", "Text", "Network", "Training")
"""Sections of a command's help, in order; others come behind."""

UsageError: Any = typer.BadParameter.__base__
"""What Typer raises for a command line that cannot be read; it exports only the subclass."""


@contextmanager
def _noticing_closed_pipes() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise exits.ClosedPipeError from error


class Command(TyperCommand):
    """A command whose plain help shows its options by panel."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in PANELS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                other = "Arguments" if param.param_type_name == "argument" else "Options"
                title = getattr(param, "rich_help_panel", None) or other
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Root(TyperGroup):
    """The group of all commands; a reader that has gone away ends it with its own exit code."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with _noticing_closed_pipes():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _noticing_closed_pipes():
            return super().invoke(ctx)


def _help_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rnncli {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    debug: DebugOption = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Turn a text file into a private language model: train it, sample it, score with it."""
    _help_alone(ctx)


def _group(about: str, **commands: Any) -> typer.Typer:
    group = typer.Typer(help=about, rich_markup_mode=None, callback=_help_alone, invoke_without_command=True)
    for name, command in commands.items():
        group.command(name, cls=Command)(command)
    return group


def build() -> typer.Typer:
    """The Typer application."""
    app = typer.Typer(
        cls=Root,
        callback=_root,
        invoke_without_command=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    commands: dict[str, Callable[..., Any]] = {
        "train": train.train,
        "sample": sample.sample,
        "score": score.score,
    }
    for name, command in commands.items():
        app.command(name, cls=Command)(command)
    app.add_typer(
        _group(
            "What models there are, and what they are.",
            list=models.list_models,
            show=models.show,
            path=models.path,
            remove=models.remove,
        ),
        name="models",
    )
    app.add_typer(
        _group(
            "Texts in the box, and text that this computer already has.",
            list=corpora.list_corpora,
            show=corpora.show,
            make=corpora.make,
        ),
        name="corpora",
    )
    return app


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code. Nothing is raised."""
    debug = "--debug" in arguments[: arguments.index("--") if "--" in arguments else None]
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except (exits.ClosedPipeError, BrokenPipeError):
        exits.silence(1)
        return exits.CLOSED_PIPE
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except SystemExit as end:  # shell completion ends so
        return end.code if isinstance(end.code, int) else exits.DONE
    except Exception as error:
        if debug:
            traceback.print_exc()
        try:
            return _report(error)
        except BrokenPipeError:
            exits.silence(1, 2)
            return exits.CLOSED_PIPE


def _run(arguments: Sequence[str]) -> int:
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    exits.fill_stderr()
    if is_terminal(sys.stdout) and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    command = typer.main.get_command(build())
    code = command.main(args=list(arguments), prog_name="rnncli", standalone_mode=False)
    return code if isinstance(code, int) else exits.DONE


def _report(error: Exception) -> int:
    if isinstance(error, RnncliError):
        exits.report(error.message, error.hint)
        return exits.code_of(error)
    if isinstance(error, UsageError):
        path = error.ctx.command_path if error.ctx else "rnncli"
        exits.report(error.format_message().rstrip("."), f"Try '{path} --help'.")
        return exits.USAGE
    if isinstance(error, typer.Abort):
        return exits.INTERRUPTED
    code = exits.report_unexpected(error)
    if isinstance(error, OSError):
        exits.silence(1)
    return code
