"""What a person asks of a training, and what becomes of it before anything is written. No torch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnncli import library
from rnncli.config import Device, ModelConfig, TokenizerConfig, from_dict, options_of, training_flags
from rnncli.device import Machine, find_machine
from rnncli.errors import ConfigError, ModelError
from rnncli.events import Setting
from rnncli.guarded import told
from rnncli.store import CONFIG, Stored, open_folder
from rnncli.text.read import check_encoding
from rnncli.text.split import Parts
from rnncli.text.survey import survey
from rnncli.training.prepare import find_corpus, part_corpus
from rnncli.training.recipe import make_plan
from rnncli.training.runfile import RunConfig


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What a person asks of a training. ``given``: only the settings they named; the recipe chooses the rest."""

    corpora: tuple[str, ...]
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    name: str | None = None
    out: str | None = None
    overwrite: bool = False
    device: Device = "auto"
    threads: int | None = None
    from_model: str | None = None
    started: float | None = None
    """When the time budget began, by time.monotonic(); without it, when the corpus is first looked at."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A request that was looked into: all that its run needs."""

    folder: Path
    config: RunConfig
    machine: Machine
    parts: Parts
    sources: tuple[Stored, ...]
    notices: tuple[str, ...]
    started: float


def open_request(request: TrainRequest) -> Opened:
    """Find the corpus, survey it, make the plan, and see that both parts of the text are there."""
    started = time.monotonic() if request.started is None else request.started
    folder = library.new_folder(request.corpora, name=request.name, out=request.out, overwrite=request.overwrite)
    machine = find_machine(request.device, request.threads)
    encoding = check_encoding(request.given.get("encoding", "utf-8"))
    given = _at_home(request.given)
    corpus, notices = find_corpus(request.corpora, given.get("valid"))
    facts = survey(corpus, encoding)
    found = () if request.from_model is None else _parts_of(library.resolve(request.from_model))
    kept = _kept_from(found, given) if found else {}
    plan = make_plan(facts, machine, {**kept, **given}, kept=kept.keys())
    parts = part_corpus(corpus, plan, facts)
    plan = replace(plan, settings=(_place(request, folder), *plan.settings, _validation(parts, given)))
    from_folder = str(found[0].folder.absolute()) if found else None
    corpora = tuple(_absolute(c) for c in request.corpora)
    config = RunConfig.of(plan, facts, machine, corpora=corpora, source=from_folder, texts=corpus)
    return Opened(
        folder=folder,
        config=config,
        machine=machine,
        parts=parts,
        sources=tuple(one for one in found if plan.train.direction in ("both", one.direction)),
        notices=notices,
        started=started,
    )


def _place(request: TrainRequest, folder: Path) -> Setting:
    """Where the model goes, and why there."""
    plain = library.new_name(request.corpora, overwrite=True)
    if request.name is not None or request.out is not None:
        why = "as you said"
    elif folder.name == plain:
        why = "named after the text"
    else:
        why = f"{library.MODELS / plain} exists; --overwrite replaces it"
    return Setting(name="model", value=str(folder), why=why)


def _validation(parts: Parts, given: Mapping[str, Any]) -> Setting:
    why = "as you said" if "valid" in given else "held out of the text, never trained on"
    return Setting(name="validation", value=parts.how, why=why)


def _absolute(path: str) -> str:
    """A path that a resume from another folder still finds; - stays what it is."""
    return path if path == "-" else str(Path(path).absolute())


def _at_home(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, a validation file among them by its absolute path."""
    valid = given.get("valid")
    if valid is None or _is_number(valid):
        return dict(given)
    return {**given, "valid": _absolute(valid)}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parts_of(folder: Path) -> tuple[Stored, ...]:
    """All parts of a model folder, in memory: another training may replace it."""
    first = open_folder(folder).load()
    return (first, *(open_folder(folder, direction=direction).load() for direction in first.directions[1:]))


def _tokenizer_settings(source: Stored) -> dict[str, Any]:
    try:
        tokenizer = from_dict(TokenizerConfig, source.config["tokenizer"])
    except ConfigError as error:
        message = f"{source.folder / CONFIG} describes no tokenizer: {told(error)}"
        raise ModelError(message, hint="Copy the folder again from where it came.") from error
    return {f.name: getattr(tokenizer, f.name) for f in options_of(TokenizerConfig)}


def _kept_from(sources: Sequence[Stored], given: Mapping[str, Any]) -> dict[str, Any]:
    """The networks and the tokenizer of a model that is to be trained further, as settings."""
    source = sources[0]
    kept = {f.name: getattr(source.model, f.name) for f in options_of(ModelConfig) if "dropout" not in f.name}
    kept |= _tokenizer_settings(source)
    kept["direction"] = "both" if len(sources) > 1 else source.direction
    for name, value in given.items():
        if name == "direction" and len(sources) > 1:
            continue  # one of the two may go on alone
        if name in kept and kept[name] != value:
            raise ConfigError(
                f"{training_flags()[name]} {value} does not fit the model, which has {kept[name]}",
                hint=f"Leave {training_flags()[name]} out: --from keeps the model's network and tokenizer.",
            )
    return kept
