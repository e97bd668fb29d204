"""The program: its commands, and ``run``, which every call goes through."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from rnncli import __version__
from rnncli.cli import exits
from rnncli.cli.commands import ROOT, Group
from rnncli.cli.options import DebugOption
from rnncli.cli.terminal import is_terminal, tell, visible
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
    """A command whose plain help shows its options by panel, and which knows its arguments as they were given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["arguments"] = tuple(args)
        return super().parse_args(ctx, args)

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


class Commands(Mapping[str, Any]):
    """A group's commands by name. Looking one up imports it and makes its options: the others cost nothing."""

    def __init__(self, group: Group) -> None:
        self._entries = group.commands

    def __getitem__(self, name: str) -> Any:
        return _made(name, self._entries[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class LazyGroup(TyperGroup):
    """A group with ``Commands``: to list their names is not to look them up."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


class Root(LazyGroup):
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
    _help_alone(ctx)


def build() -> Any:
    """The program as Typer sees it."""
    app = typer.Typer(
        cls=Root,
        callback=_root,
        help=ROOT.about,
        invoke_without_command=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    return _filled(app, ROOT)


def _filled(app: typer.Typer, group: Group) -> Any:
    command: Any = typer.main.get_command(app)
    command.commands = Commands(group)
    return command


def _made(name: str, entry: str | Group) -> Any:
    """A command or a group as Typer sees it."""
    app = typer.Typer(name=name, rich_markup_mode=None, add_completion=False)
    if isinstance(entry, Group):
        app.callback(cls=LazyGroup, help=entry.about, invoke_without_command=True)(_help_alone)
        return _filled(app, entry)
    app.command(name, cls=Command)(_function(entry))
    return typer.main.get_command(app)


def _function(entry: str) -> Callable[..., None]:
    """A command's function. Its annotations are evaluated here, once: Typer would do so four times."""
    module, _, name = entry.partition(":")
    function: Callable[..., None] = getattr(import_module(module), name)
    function.__annotations__ = get_type_hints(function, include_extras=True)
    return function


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
            tell(visible(traceback.format_exc()))
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
    code = build().main(args=list(arguments), prog_name="rnncli", standalone_mode=False)
    return code if isinstance(code, int) else exits.DONE


def _report(error: Exception) -> int:
    if isinstance(error, RnncliError) and exits.is_foreseen(error):
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
