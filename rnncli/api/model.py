"""A finished model, as Python users and the fronts have it: it scores and samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncli import library
from rnncli.choices import Context, Device, EngineName, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnncli.inference.opening import Opened
    from rnncli.inference.sampler import Sampler
    from rnncli.inference.scorer import Scorer
    from rnncli.records import Sample, TextScore
    from rnncli.text.tokenizers.base import Tokenizer


class Model:
    """A finished model: scores and samples text."""

    def __init__(self, opened: Opened) -> None:
        stored, engine, self.choice = opened
        self.folder, self.config, self.engine = stored.folder, stored.config, engine
        self.name = stored.folder.name
        self.unit: Unit = stored.unit
        self.tokenizer: Tokenizer = stored.tokenizer
        self.definition: dict[str, Any] = {
            "log_base": "e",
            "end_counted": True,
            "context": "line",
            "tokenizer": stored.tokenizer.kind,
            "lossless": stored.tokenizer.lossless,
            "lowercase": stored.tokenizer.lowercase,
            **engine.definition,
            "model": stored.fingerprint,
        }
        if "cost" in stored.config:
            self.definition["cost_of_weights"] = stored.config["cost"]

    @cached_property
    def scorer(self) -> Scorer:
        from rnncli.inference.scorer import Scorer

        return Scorer(self.engine, self.tokenizer)

    @cached_property
    def sampler(self) -> Sampler:
        from rnncli.inference.sampler import Sampler

        return Sampler(self.engine, self.tokenizer, self.unit)

    def score(
        self, texts: Iterable[str], *, context: Context = "line", tokens: bool = False, words: bool = False
    ) -> list[TextScore]:
        """A score for each text, in order; a text is a line, or with context 'file' the next line of one text."""
        from rnncli.inference.plan import Line

        lines = (Line(text, None, number) for number, text in enumerate(texts, start=1))
        return list(self.scorer.score(lines, context=context, tokens=tokens, words=words))

    def logprobs(self, text: str) -> NDArray[np.float64]:
        """Natural log-probability of each token of one line, its end the last: (tokens,)."""
        import numpy as np

        [score] = self.score([text], tokens=True)
        return np.array([token.logprob for token in score.token_scores])

    def sample(self, prompt: str = "", **options: Any) -> Sample:
        """One continuation of ``prompt``; ``options`` are SampleConfig's fields."""
        from rnncli.config import SampleConfig, validate
        from rnncli.errors import ConfigError

        try:
            config = validate(SampleConfig(**options))
        except TypeError as error:
            raise ConfigError(f"sample has no such setting: {error}") from None
        [sample] = self.sampler.samples([prompt], replace(config, count=1))
        return sample


def load(
    model: str | Path | None = None,
    *,
    device: Device = "auto",
    engine: EngineName = "auto",
    threads: int | None = None,
) -> Model:
    """A model by name or folder; without one $RNNCLI_MODEL, the newest, or the starter."""
    from rnncli.inference.opening import open_engine

    folder = library.resolve(None if model is None else str(model))
    return Model(open_engine(folder, device=device, engine=engine, threads=threads))


CARD_SAMPLES = 3


def write_card(folder: Path, threads: int) -> None:
    """Give a finished model its README.md: what it was trained on, how well it does, three samples."""
    from rnncli.config import SampleConfig
    from rnncli.formats.card import model_card
    from rnncli.store import CARD
    from rnncli.text.files import write_bytes

    model = load(folder, device="cpu", threads=threads)
    config = SampleConfig(max_tokens=60, seed=1, count=CARD_SAMPLES)
    samples = [sample.text for sample in model.sampler.samples([""], config)]
    write_bytes(
        folder / CARD,
        model_card(model.name, model.config, samples, reference=library.reference(folder)).encode("utf-8", "replace"),
    )
