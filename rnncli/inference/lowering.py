"""A model folder with weights in fewer bits, and what that costs. See precision.py for the forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnncli.config import Context, Direction, Precision, SampleConfig, to_dict
from rnncli.graph.saving import Part, save_model
from rnncli.inference.decoding import distribution, draw, uniform
from rnncli.inference.direction import turn
from rnncli.inference.engine import Engine
from rnncli.inference.plan import Line
from rnncli.inference.sampler import Sampler
from rnncli.inference.scorer import Scorer
from rnncli.precision import FEATURES, is_bounded, layer_source, lower, sources
from rnncli.records import LN2, Tally
from rnncli.spec import CELLS
from rnncli.store import TOKENIZER, Stored, part_config

ROWS, STEPS = 64, 64
"""Texts of the model's own, and tokens of each, on which activations are measured."""


def measured_ranges(engine: Engine, stored: Stored) -> dict[str, float]:
    """The largest size of each of precision.sources: 1 where no state can be larger, else as found in samples.

    The samples are drawn at temperature 1 from a fixed seed, so the same model gives the same ranges.
    """
    model, arrays = stored.model, stored.arrays
    ranges = dict.fromkeys(sources(model), 1.0 if is_bounded(model) else 0.0)
    if is_bounded(model) and FEATURES not in ranges:
        return ranges
    ranges |= {FEATURES: 0.0} if FEATURES in ranges else {}
    config = SampleConfig(temperature=1.0)
    ids_B = np.full(ROWS, stored.tokenizer.newline_id)
    state, ones_B = engine.start(ROWS), np.ones(ROWS, np.int64)
    states = len(CELLS[model.cell].states)
    for step in range(STEPS):
        found, state = engine.advance(ids_B[:, None], ones_B, state, want="last")
        for layer in range(model.layers):
            source = layer_source(layer)
            ranges[source] = max(ranges[source], float(np.abs(state[layer * states]).max()))
        if FEATURES in ranges:
            features = state[(model.layers - 1) * states] @ arrays["projection"].T
            ranges[FEATURES] = max(ranges[FEATURES], float(np.abs(features).max()))
        chances_BV = distribution(found.logprob, config)
        ids_B = np.array(draw(chances_BV, [uniform(0, row, step) for row in range(ROWS)]))
    return {source: reach or 1.0 for source, reach in ranges.items()}


def write_lowered(folder: Path, parts: Sequence[tuple[Stored, Engine]], precision: Precision) -> None:
    """Fill a folder with a model in another precision: all its parts, and what runs each."""
    stored, _ = parts[0]
    folder.mkdir(parents=True, exist_ok=True)
    stored.tokenizer.save(folder / TOKENIZER)
    old = {part.get("direction", "forward"): part for part in stored.config["parts"]}
    config = {key: value for key, value in stored.config.items() if key not in ("format", "fingerprints", "generation")}
    lowered: dict[Direction, Part] = {}
    described = []
    for one, engine in parts:
        ranges = measured_ranges(engine, one) if precision == "int8" else {}
        lowered[one.direction] = Part(one.model, lower(one.arrays, precision, ranges), precision)
        described.append({**old[one.direction], **part_config(to_dict(one.model), precision, one.direction)})
    save_model(folder, lowered, {**config, "parts": described})


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What fewer bits cost: the same text under the model as it was and as it is now."""

    before: Tally
    after: Tally
    text: str
    """Which text, in words."""

    @property
    def bits_per_token(self) -> float:
        return (self.before.logprob - self.after.logprob) / LN2 / max(1, self.before.tokens)

    @property
    def bits_per_byte(self) -> float | None:
        """None where the tokenizer loses some of the text."""
        if self.before.bits_per_byte is None or self.after.bits_per_byte is None:
            return None
        return self.after.bits_per_byte - self.before.bits_per_byte

    def as_dict(self) -> dict[str, Any]:
        """As config.json and a score's definition have it."""
        return {"bits_per_byte": self.bits_per_byte, "bits_per_token": self.bits_per_token, "text": self.text}


def tally(engine: Engine, stored: Stored, lines: Sequence[str]) -> Tally:
    """The score of all lines together, in the context that the model was trained for."""
    context: Context = "line" if stored.unit == "lines" else "file"
    source = (Line(text, None, number) for number, text in enumerate(lines, start=1))
    scorer = Scorer(engine, stored.tokenizer, stored.direction)
    return sum((score.tally for score in scorer.score(source, context=context)), Tally())


def own_text(engine: Engine, stored: Stored) -> list[str]:
    """Lines that the model writes itself, always the same."""
    config = SampleConfig(max_tokens=100, temperature=1.0, seed=1, count=100)
    samples = Sampler(engine, stored.tokenizer, stored.unit).samples([""], config)
    if stored.direction == "forward":
        return [line for sample in samples for line in sample.text.split("\n")]
    ids = (turn(np.append(sample.ids, stored.tokenizer.newline_id)) for sample in samples)
    return [line for one in ids for line in stored.tokenizer.decode(one[:-1]).split("\n")]
