"""A model in another form: a folder to give away, weights in fewer bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnncli import library
from rnncli.api.model import card_of, write_card
from rnncli.config import Precision
from rnncli.device import find_machine
from rnncli.errors import ConfigError
from rnncli.guarded import open_file
from rnncli.inference.lowering import Cost, own_text, tally, write_lowered
from rnncli.inference.opening import open_engine
from rnncli.records import Tally
from rnncli.store import TRAINING, open_folder, write_config
from rnncli.text.read import decode_line, find_sources, iter_lines
from rnncli.training.prepare import VALID_TEXT


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A model written in another form. ``cost``: of fewer bits, None where the weights are as they were."""

    folder: Path
    weights: Precision
    bytes_before: int
    bytes_after: int
    cost: Cost | None


MEASURED_CHARS = 200_000
"""Of a validation text, for what fewer bits cost."""


def export(
    model: str | Path | None = None,
    *,
    weights: Precision = "float32",
    out: str | Path | None = None,
    text: str | Path | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write a finished model, without its training, to a new folder, if need be with its weights in fewer bits.

    What that costs is measured on ``text``, else on the validation text kept with its training, else on lines of its
    own; config.json and the definition of every score keep it. Default folder: ./models/NAME-int8 and the like.
    """
    source = library.resolve(None if model is None else str(model))
    stored, engine, _ = open_engine(source, device="cpu")
    card_of(source, stored.config)  # what cannot be told is found before anything is written
    others = (open_engine(source, device="cpu", direction=direction) for direction in stored.directions[1:])
    parts = [(stored, engine), *(opened[:2] for opened in others)]
    if stored.precision not in ("float32", weights):
        raise ConfigError(
            f"{stored.folder} has {stored.precision} weights", hint="Export the model that it is made of."
        )
    folder = library.export_folder(source, weights, None if out is None else str(out), overwrite=overwrite)
    lowering = weights != stored.precision
    measured = (_measuring_text(source, text) or ("lines of its own", own_text(engine, stored))) if lowering else None
    write_lowered(folder, [(part.load(), engine) for part, engine in parts], weights)
    cost = None
    if measured is not None:
        name, lines = measured
        before, after = Tally(), Tally()
        for part, engine in parts:
            lowered = open_engine(folder, device="cpu", direction=part.direction)
            before += tally(engine, part, lines)
            after += tally(lowered.engine, lowered.stored, lines)
        cost = Cost(before=before, after=after, text=name)
        write_config(folder, {**open_folder(folder).config, "cost": cost.as_dict()})
    write_card(folder, find_machine("cpu").threads)
    old, new = (library.entry(path).size for path in (source, folder))
    return Exported(folder=folder, weights=weights, bytes_before=old, bytes_after=new, cost=cost)


def _measuring_text(source: Path, text: str | Path | None) -> tuple[str, list[str]] | None:
    kept = source / TRAINING / VALID_TEXT
    if text is None and not kept.is_file():
        return None
    name = "its validation text" if text is None else Path(text).name
    lines: list[str] = []
    chars = 0
    for line in _kept_lines(kept) if text is None else _lines_of(text):
        lines.append(line[:MEASURED_CHARS])
        chars += len(lines[-1]) + 1
        if chars > MEASURED_CHARS:
            break
    return f"{name}, {chars:,} characters", lines


def _lines_of(text: str | Path) -> Iterator[str]:
    for found in find_sources([str(text)]):
        for data in iter_lines(found):
            yield decode_line(data)[0]


def _kept_lines(path: Path) -> Iterator[str]:
    """The beginning of a validation text: no more is read of it, whatever it may be."""
    library.check_link(path)
    with open_file(path) as file:
        data = file.read(4 * MEASURED_CHARS)
    for line in data.removesuffix(b"\n").split(b"\n"):
        yield decode_line(line)[0]
