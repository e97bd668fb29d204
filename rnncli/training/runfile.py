"""training/run.json: what was asked of a run, and decided. Written first. No torch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnncli.config import CorpusConfig, Device, ModelConfig, TokenizerConfig, TrainConfig, from_dict, typed
from rnncli.device import Machine
from rnncli.errors import ConfigError, ModelError
from rnncli.events import Setting
from rnncli.guarded import told
from rnncli.store import TRAINING, read_json, write_json
from rnncli.text.sources import Source
from rnncli.text.survey import CorpusFacts
from rnncli.training.plan import Plan

RUN = "run.json"
RUN_FORMAT = 1
LONGEST_RUN = 16 << 20
"""Bytes of run.json, which has the length of each document."""
FileStamp = tuple[str, int, int]
"""A file's path, its bytes, when it was changed in nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What run.json holds: enough to start the run again from nothing, or to go on with it."""

    corpora: tuple[str, ...]
    created: str
    plan: Plan
    facts: CorpusFacts
    source: str | None = None
    """The model that the weights and the tokenizer come from."""
    device: Device = "auto"
    threads: int | None = None
    """What it runs on: another number of threads adds up in another order, and gives other bits."""
    stamps: tuple[FileStamp, ...] = ()
    """Of the corpus's files, to see that it has not changed; none of standard input and pipes."""

    @classmethod
    def of(
        cls,
        plan: Plan,
        facts: CorpusFacts,
        machine: Machine,
        *,
        corpora: tuple[str, ...],
        source: str | None,
        texts: Sequence[Source] = (),
    ) -> RunConfig:
        """The run that a plan describes, created now."""
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        device: Device = "cpu" if machine.kind == "cpu" else "auto"
        return cls(
            corpora=corpora,
            created=created,
            plan=plan,
            facts=facts,
            source=source,
            device=device,
            threads=machine.threads,
            stamps=tuple(found for text in texts if text.path is not None and (found := _stamp(text.path))),
        )

    def changed_files(self) -> list[str]:
        """Files of the corpus that are other ones by now, or not there."""
        return [stamp[0] for stamp in self.stamps if _stamp(Path(stamp[0])) != stamp]

    def save(self, folder: Path) -> None:
        """Write run.json into a model folder's training/."""
        write_json(folder / TRAINING / RUN, {"format": RUN_FORMAT, **dataclasses.asdict(self)})

    @classmethod
    def load(cls, folder: Path) -> RunConfig:
        """What ``save`` wrote; a ModelError where there is no run, or none that can be read."""
        path = folder / TRAINING / RUN
        if not path.exists():
            raise ModelError(f"{folder} has no run to go on with: there is no {path}", hint="Train with --overwrite.")
        values = read_json(path, LONGEST_RUN)
        try:
            if values.pop("format") != RUN_FORMAT:
                raise ModelError(f"{path} is from another version of rnncli", hint="Train again with --overwrite.")
            plan, facts = values["plan"], values["facts"]
            for name, kind in _CONFIGS.items():
                plan[name] = from_dict(kind, plan[name])
            plan["settings"] = tuple(typed(Setting, s) for s in plan["settings"])
            facts["document_chars"] = _each(int, facts["document_chars"])
            # Older runs tell of none of these.
            facts.setdefault("common_chars", facts["distinct_chars"])
            facts.pop("often", None)  # a run of before has it instead
            facts["repeats"] = _each(int, facts.get("repeats", []))
            facts["coverage"] = _each(float, facts.get("coverage", []))
            values |= {"plan": typed(Plan, plan), "facts": typed(CorpusFacts, facts)}
            values["stamps"] = tuple(map(_file_stamp, values.get("stamps", ())))
            return typed(cls, {**values, "corpora": _each(str, values["corpora"])})
        except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{path} is altered: {told(error)}", hint="Train again with --overwrite.") from error


def _each(kind: type, values: Any) -> tuple[Any, ...]:
    """Values that are all of one type; a TypeError where one is not."""
    if not isinstance(values, list) or any(type(value) is not kind for value in values):
        raise TypeError(f"a list of {kind.__name__} holds other things")
    return tuple(values)


def _file_stamp(values: Any) -> FileStamp:
    """One from JSON; a TypeError or a ValueError where it is none."""
    path, size, when = values
    if [type(one) for one in values] != [str, int, int]:
        raise TypeError("a file's stamp holds other things")
    return path, size, when


_CONFIGS: dict[str, Any] = {
    "corpus": CorpusConfig,
    "tokenizer": TokenizerConfig,
    "model": ModelConfig,
    "train": TrainConfig,
}


def _stamp(path: Path) -> FileStamp | None:
    try:
        found = path.stat()
        return str(path.absolute()), found.st_size, found.st_mtime_ns
    except OSError:
        return None
