"""What config.json tells of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnncli import __version__
from rnncli.config import Direction, to_dict
from rnncli.precision import parameter_count
from rnncli.store import part_config
from rnncli.training.prepare import Prepared
from rnncli.training.runfile import RunConfig


def config_json(
    run: RunConfig, prepared: Prepared, directions: Sequence[Direction], metrics: Mapping[str, Any], status: str
) -> dict[str, Any]:
    """All of config.json but its format number, generation and fingerprints. ``directions``: of the parts there are."""
    model = replace(run.plan.model, vocab_size=prepared.tokenizer.vocab_size)
    return {
        "rnncli": __version__,
        "created": run.created,
        "status": status,
        "unit": run.plan.unit,
        "tokenizer": to_dict(run.plan.tokenizer),
        "parts": [part_config(to_dict(model), direction=direction) for direction in directions],
        "params": parameter_count(model) * len(directions),
        "corpus": describe(run, prepared),
        "training": to_dict(run.plan.train),
        "metrics": dict(metrics),
    }


def describe(run: RunConfig, prepared: Prepared) -> Mapping[str, Any]:
    """The corpus as config.json tells of it: no path but the files' names."""
    return {
        "files": [Path(c).name for c in run.corpora][:20],
        "characters": prepared.train.chars + prepared.train.lines,
        "words": prepared.train.words,
        "lines": prepared.train.lines,
        "tokens": prepared.train.count,
        "validation": prepared.how,
        "share": run.plan.share,
        "fingerprint": run.facts.fingerprint,
    }
