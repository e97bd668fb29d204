"""``rnncli train``: from text to a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnncli import STARTED
from rnncli.cli.fields import config_options
from rnncli.cli.options import DebugOption, DeviceOption, QuietOption, ThreadsOption
from rnncli.cli.terminal import say_waiting
from rnncli.config import TRAINING_OPTIONS, Device, options_of, validate
from rnncli.device import launched
from rnncli.errors import ConfigError

if TYPE_CHECKING:
    from rnncli.api import Run


@config_options(*TRAINING_OPTIONS, defaults=False)
def train(
    ctx: typer.Context,
    corpora: Annotated[
        list[str] | None,
        typer.Argument(metavar="CORPUS...", help="Files, folders, compressed files; - is stdin."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The model's name; made from the corpus by default."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FOLDER", help="Where the model goes instead of models/NAME."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of that name.")] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="NAME", help="Go on with a training that stopped.")
    ] = None,
    from_model: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Start from a model's weights and tokenizer."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One event a line on stdout.")] = False,
    tui: Annotated[bool, typer.Option("--tui", help="A whole screen: curves, figures, samples as it learns.")] = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    *,
    given: Mapping[str, Any],
) -> None:
    """Train a language model on CORPUS. Every option left out is chosen for you, with a reason."""
    _check(given)
    if tui:
        from rnncli.cli.watching import watch

        others = {"--json": json_, "--dry-run": dry_run, "-q": quiet}
        watch(ctx, corpora=_given(corpora, resume), clashing=[name for name, on in others.items() if on])
        return
    if launched().rank:
        if not dry_run:
            _follow(device, threads)
        return
    from rnncli.cli.display import open_display
    from rnncli.cli.interrupts import Interrupts

    with Interrupts() as interrupts:
        if resume is None:
            run = _open(corpora, name, out, overwrite, from_model, device, threads, given=given, quiet=quiet)
        else:
            fixed = {
                "CORPUS": corpora,
                "--name": name,
                "--out": out,
                "--overwrite": overwrite,
                "--from": from_model,
            }
            run = _resume(resume, given, device, threads, fixed=fixed)
        with open_display(as_json=json_, quiet=quiet) as display:
            if not dry_run:
                interrupts.watch(run.stop, lambda: display.stopping(saving=run.saving))
            display.plan(run.plan)
            if dry_run:
                return
            for event in run.events():
                with interrupts.showing():
                    display.event(event)
    if interrupts.count:
        raise typer.Exit(130)


def _follow(device: Device, threads: int | None) -> None:
    """Be one of several processes of a training, and not the first, which tells when to stop once it has begun."""
    from rnncli.api import follow_run
    from rnncli.cli.interrupts import ignoring

    follow_run(ignoring(), device=device, threads=threads)


def _check(given: Mapping[str, Any]) -> None:
    """A ConfigError for a value out of bounds, before any corpus is read."""
    for config in TRAINING_OPTIONS:
        mine = {f.name for f in options_of(config)}
        validate(config(**{k: v for k, v in given.items() if k in mine}))
    budgets = [f"--{key}" for key in ("minutes", "steps", "epochs") if key in given]
    if len(budgets) > 1:
        raise ConfigError(f"{' and '.join(budgets)} cannot be given together", hint="One of them ends the training.")


def _given(corpora: list[str] | None, resume: str | None) -> list[str]:
    """What to train on; an error where there is nothing, and no run to go on with."""
    if not corpora and resume is None:
        raise ConfigError("there is nothing to train on", hint="Name a CORPUS: a file, a folder, or - for stdin.")
    return corpora or []


def _open(
    corpora: list[str] | None,
    name: str | None,
    out: str | None,
    overwrite: bool,
    from_model: str | None,
    device: Device,
    threads: int | None,
    *,
    given: Mapping[str, Any],
    quiet: bool,
) -> Run:
    corpora = _given(corpora, None)
    if "-" in corpora:
        say_waiting("the corpus", quiet=quiet)
    from rnncli.api import TrainRequest, open_run

    request = TrainRequest(
        corpora=tuple(corpora),
        given=given,
        name=name,
        out=out,
        overwrite=overwrite,
        device=device,
        threads=threads,
        from_model=from_model,
        started=STARTED,
    )
    return open_run(request)


def _resume(
    name: str, given: Mapping[str, Any], device: Device, threads: int | None, *, fixed: Mapping[str, Any]
) -> Run:
    wrong = [option for option, value in fixed.items() if value]
    if wrong:
        raise ConfigError(f"{', '.join(wrong)} cannot be given with --resume", hint="The run knows its own.")
    from rnncli.api import resume_run

    return resume_run(name, given, device=device, threads=threads, started=STARTED)
