"""Command-line options made from the fields of the config dataclasses: the one table (config.py)."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import typer

from rnncli.config import flag_of, options_of

F = TypeVar("F", bound=Callable[..., Any])
METAVARS = {"valid": "FILE|FRACTION", "encoding": "NAME", "stop": "TEXT"}


def config_options(*configs: type[Any], defaults: bool) -> Callable[[F], F]:
    """A decorator: the command gets the options of ``configs`` and their values, by field, as ``given``.

    With ``defaults`` each value is there and its default is shown; without, only what the user gave.
    """

    def decorate(command: F) -> F:
        hints = get_type_hints(command, include_extras=True)
        own = inspect.signature(command).parameters.values()
        fixed = [p.replace(annotation=hints[p.name]) for p in own if p.name != "given"]
        made = [_parameter(config, f, defaults) for config in configs for f in options_of(config)]
        names = {p.name for p in made}

        @functools.wraps(command)
        def call(**values: Any) -> Any:
            given = {k: v for k, v in values.items() if k in names and v is not None and v != []}
            given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
            return command(**{k: v for k, v in values.items() if k not in names}, given=given)

        call.__signature__ = inspect.Signature([*fixed, *made])  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in (*fixed, *made)}
        return call  # type: ignore[return-value]

    return decorate


def _parameter(config: type[Any], field: dataclasses.Field[Any], defaults: bool) -> inspect.Parameter:
    hint = get_type_hints(config)[field.name]
    kind = _bare(hint)
    default: Any = field.default if defaults else None
    if get_origin(kind) is tuple:
        kind, default = list[str], None
    option = typer.Option(
        *_declarations(field, kind),
        help=_help(field),
        metavar=METAVARS.get(field.name),
        rich_help_panel=field.metadata["panel"] or None,
        show_default=defaults,
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind | None, option]
    )


def _bare(hint: Any) -> Any:
    """``float`` of ``float | None``."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(kind for kind in get_args(hint) if kind is not type(None))
    return hint


def _declarations(field: dataclasses.Field[Any], kind: Any) -> list[str]:
    flag = flag_of(field)
    if kind is bool:
        return [f"{flag}/--no-{flag[2:]}" if field.default or field.metadata["either"] else flag]
    if not flag.startswith("--"):
        return [flag, "--" + field.name.replace("_", "-")]
    return [flag]


def _help(field: dataclasses.Field[Any]) -> str:
    bounds = describe_bounds(field.metadata)
    return f"{field.metadata['help']} ({bounds})" if bounds else str(field.metadata["help"])


def describe_bounds(bounds: Mapping[str, Any]) -> str:
    """``1 to 32``, ``0 to 1, 1 left out``, ``more than 0``; a bound beyond a million is not worth words."""
    low, high, above, below = (bounds.get(key) for key in ("low", "high", "above", "below"))
    top = high if high is not None and high < 1e6 else None
    if low is not None and top is not None:
        return f"{low} to {top}"
    if low is not None and below is not None:
        return f"{low} to {below}, {below} left out"
    if above is not None:
        return f"more than {above}" + (f", at most {top}" if top is not None else "")
    return f"{low} or more" if low is not None else ""
