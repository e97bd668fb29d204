"""A finished model, as Python users and the fronts have it: it scores and samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rnncli import library
from rnncli.choices import Context, Device, Directions, EngineName, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnncli.inference.bothways import BothWays
    from rnncli.inference.opening import Opened
    from rnncli.inference.plan import Line
    from rnncli.inference.sampler import Sampler
    from rnncli.inference.scorer import Scorer
    from rnncli.records import Sample, TextScore
    from rnncli.text.tokenizers.base import Tokenizer


class Model:
    """A finished model: scores and samples text. ``backward``: another one of the same folder, to score with both."""

    def __init__(self, opened: Opened, backward: Opened | None = None) -> None:
        stored, engine, self.choice = opened
        self._backward = backward
        self.direction: Directions = stored.direction if backward is None else "both"
        self.folder, self.config, self.engine = stored.folder, stored.config, engine
        self.name = stored.folder.name
        self.unit: Unit = stored.unit
        self.tokenizer: Tokenizer = stored.tokenizer
        self.definition: dict[str, Any] = {
            "log_base": "e",
            "end_counted": True,
            "context": "line",
            "direction": self.direction,
            "tokenizer": stored.tokenizer.kind,
            "lossless": stored.tokenizer.lossless,
            "lowercase": stored.tokenizer.lowercase,
            **engine.definition,
            "model": stored.fingerprint,
        }
        if "cost" in stored.config:
            self.definition["cost_of_weights"] = stored.config["cost"]

    @cached_property
    def scorer(self) -> Scorer | BothWays:
        from rnncli.inference.scorer import Scorer

        if self._backward is None:
            return Scorer(self.engine, self.tokenizer, "backward" if self.direction == "backward" else "forward")
        from rnncli.inference.bothways import BothWays

        forward = Scorer(self.engine, self.tokenizer)
        return BothWays(forward, Scorer(self._backward.engine, self.tokenizer, "backward"))

    @cached_property
    def sampler(self) -> Sampler:
        from rnncli.inference.sampler import Sampler

        if self.direction == "backward":
            from rnncli.errors import ConfigError

            raise ConfigError(
                f"the model {self.name} reads lines from their ends: it scores, and does not write",
                hint="train --direction both makes one that does both.",
            )
        return Sampler(self.engine, self.tokenizer, self.unit)

    def score(
        self,
        texts: str | Iterable[str],
        *,
        prefix: str | Sequence[str] = "",
        end: bool = True,
        context: Context = "line",
        tokens: bool = False,
        words: bool = False,
    ) -> list[TextScore]:
        """A score for each text, in order; a text is a line, or with context 'file' the next line of one text.

        ``prefix``: what stands before each text, or a list of what stands before each: read and not counted. ``end``:
        whether the end of the line counts. ``tokens``, ``words``: score each of them, too.
        """
        lines = _lines(texts, prefix, context)
        return list(self.scorer.score(lines, context=context, tokens=tokens, words=words, end=end))

    def logprobs(self, text: str) -> NDArray[np.float64]:
        """Natural log-probability of each token of one line, its end the last: (tokens,)."""
        [logprobs] = self.token_logprobs(text)
        return logprobs

    def token_logprobs(
        self, texts: str | Iterable[str], *, prefix: str | Sequence[str] = "", end: bool = True
    ) -> list[NDArray[np.float64]]:
        """Natural log-probabilities of each text's tokens, its end the last where it counts: (tokens,) for each."""
        import numpy as np

        scores = self.score(texts, prefix=prefix, end=end, tokens=True)
        return [np.array([token.logprob for token in score.token_scores], dtype=np.float64) for score in scores]

    def surprisal(
        self,
        texts: str | Iterable[str],
        *,
        of: Literal["tokens", "words"] = "words",
        base: float = 2,
        prefix: str | Sequence[str] = "",
    ) -> list[NDArray[np.float64]]:
        """-log P of each word of each text: (words,) for each; or of each token, the line's end the last: (tokens,).

        In bits; with another ``base``, such as math.e or 10, in its units. A word is a piece between whitespace,
        punctuation attached; its surprisal is that of its tokens and of its end (rnncli score --explain).
        """
        import numpy as np

        from rnncli.errors import ConfigError

        if of not in ("tokens", "words"):
            raise ConfigError(f"surprisal is of tokens or words; got {of}")
        if not base > 1:
            raise ConfigError(f"the base of a logarithm must be more than 1; got {base}")
        scores = self.score(texts, prefix=prefix, tokens=of == "tokens", words=of == "words")
        parts = [score.token_scores if of == "tokens" else score.word_scores for score in scores]
        return [np.array([-one.logprob / math.log(base) for one in part], dtype=np.float64) for part in parts]

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


def _lines(texts: str | Iterable[str], prefix: str | Sequence[str], context: Context) -> Iterator[Line]:
    """Texts and what stands before them, numbered from 1."""
    from rnncli.errors import ConfigError
    from rnncli.inference.plan import Line

    if prefix and context == "file":
        raise ConfigError("texts that are the lines of one file have no prefix", hint="Leave out prefix or context.")
    given = [texts] if isinstance(texts, str) else texts
    if isinstance(prefix, str):
        return (Line(text, None, number, prefix=prefix) for number, text in enumerate(given, start=1))
    given, prefixes = list(given), list(prefix)
    if len(given) != len(prefixes):
        raise ConfigError(f"there must be a prefix for each text; got {len(prefixes)} for {len(given)}")
    pairs = enumerate(zip(given, prefixes, strict=True), start=1)
    return (Line(text, None, number, prefix=before) for number, (text, before) in pairs)


def load(
    model: str | Path | None = None,
    *,
    device: Device = "auto",
    engine: EngineName = "auto",
    threads: int | None = None,
    direction: Directions | None = None,
) -> Model:
    """A model by name or folder; without one $RNNCLI_MODEL, the newest, or the starter.

    ``direction``: which way it reads, if it was trained for more than one; of none forward, if it can.
    """
    from rnncli.inference.opening import open_engine

    folder = library.resolve(None if model is None else str(model))
    how: dict[str, Any] = {"device": device, "engine": engine, "threads": threads}
    if direction != "both":
        return Model(open_engine(folder, **how, direction=direction))
    return Model(*(open_engine(folder, **how, direction=way) for way in ("forward", "backward")))


CARD_SAMPLES = 3


def write_card(folder: Path, threads: int) -> None:
    """Give a finished model its README.md: what it was trained on, how well it does, three samples."""
    from rnncli.config import SampleConfig
    from rnncli.store import CARD
    from rnncli.text.files import write_bytes

    model = load(folder, device="cpu", threads=threads)
    config = SampleConfig(max_tokens=60, seed=1, count=CARD_SAMPLES)
    samples = []
    if model.direction != "backward":
        samples = [sample.text for sample in model.sampler.samples([""], config)]
    card = card_of(folder, model.config, samples)
    write_bytes(folder / CARD, card.encode("utf-8", "replace"))


def card_of(folder: Path, config: Mapping[str, Any], samples: Sequence[str] = ()) -> str:
    """The card of a folder; a ModelError where config.json, which anyone may have written, does not tell enough."""
    from rnncli.errors import ModelError
    from rnncli.formats.card import model_card
    from rnncli.store import CONFIG

    try:
        return model_card(folder.name, config, samples, reference=library.reference(folder))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        told = f"{type(error).__name__} {error}"[:200]
        message = f"{folder / CONFIG} does not tell what a card tells: {told}"
        raise ModelError(message, hint="Copy the folder again from where it came, or train the model again.") from error
