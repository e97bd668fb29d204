"""Every setting, once: its type, default, bounds and the words that explain it.

The fields of these dataclasses are the one table of options. The command line builds its options from them,
a run keeps them in run.json, a model in config.json. Standard library only. The choices lie in choices.py, and
can be had from here.

A value that the user leaves out is chosen by the recipe (training/recipe.py), so the defaults here are what
the plain Python object has, not what ``rnncli train`` does.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from rnncli.choices import ActivationName as ActivationName
from rnncli.choices import Arithmetic as Arithmetic
from rnncli.choices import CellName as CellName
from rnncli.choices import Context as Context
from rnncli.choices import Device as Device
from rnncli.choices import Direction as Direction
from rnncli.choices import Directions as Directions
from rnncli.choices import EngineName as EngineName
from rnncli.choices import OptimizerName as OptimizerName
from rnncli.choices import Precision as Precision
from rnncli.choices import ScheduleName as ScheduleName
from rnncli.choices import TokenizerKind as TokenizerKind
from rnncli.choices import Unit as Unit
from rnncli.choices import UnitChoice as UnitChoice
from rnncli.choices import Until as Until
from rnncli.errors import ConfigError


def option(
    default: Any,
    help: str,
    *,
    flag: str | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    panel: str = "",
    either: bool = False,
) -> Any:
    """A dataclass field that is also an option. ``low``/``high`` include the bound, ``above``/``below`` do not.
    ``either``: it can be denied as well, since the recipe may choose it."""
    bounds = {"low": low, "high": high, "above": above, "below": below}
    return field(default=default, metadata={"help": help, "flag": flag, "panel": panel, "either": either, **bounds})


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """How text becomes tokens."""

    kind: TokenizerKind = option(
        "hybrid",
        "What a token is: words, spelled out where unknown (hybrid); words with <unk>; characters; sub-words; bytes.",
        flag="--tokenizer",
        panel="Text",
    )
    vocab_size: int = option(
        4000,
        "Most words (hybrid, word) or pieces (bpe) to keep; the characters and bytes that spell the rest come on top.",
        low=0,
        high=5_000_000,
        panel="Text",
    )
    lowercase: bool = option(
        False, "Fold capitals: smaller, but what it writes has none, and its figures are per word only.", panel="Text"
    )


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """How files become a training and a validation part."""

    encoding: str = option(
        "utf-8", "Encoding of the corpus, as Python names it (latin-1, utf-16, gb18030...).", panel="Text"
    )
    unit: UnitChoice = option(
        "auto",
        "stream: running text, the state carried on; lines: each line stands alone. auto looks at the text.",
        panel="Text",
    )
    valid: str | None = option(None, "Validation text: a file, or a fraction such as 0.1 to hold out.", panel="Text")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network: embedding -> recurrent layers -> softmax. Sizes are in units."""

    vocab_size: int = 0
    """Rows of the embedding and of the head; set from the tokenizer."""
    cell: CellName = option("lstm", "Recurrent cell.", panel="Network")
    activation: ActivationName = option("tanh", "Activation of --cell rnn.", panel="Network")
    layers: int = option(1, "Recurrent layers.", low=1, high=32, panel="Network")
    hidden_size: int = option(256, "Units in each layer.", low=1, high=32768, panel="Network")
    embedding_size: int = option(256, "Width of the token embedding.", low=1, high=32768, panel="Network")
    tie: bool = option(True, "Share the embedding with the output layer.", panel="Network")
    dropout: float = option(0.0, "Locked dropout between layers and on the output.", low=0, below=1, panel="Network")
    input_dropout: float = option(0.0, "Locked dropout on the embedded input.", low=0, below=1, panel="Network")
    recurrent_dropout: float = option(0.0, "Dropout of recurrent weights.", low=0, below=1, panel="Network")
    embedding_dropout: float = option(0.0, "Dropout of whole tokens' embeddings.", low=0, below=1, panel="Network")
    forget_bias: float = 1.0
    """What an LSTM's forget gate starts from (Jozefowicz et al. 2015)."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, in what pieces and by what rule a network is trained."""

    minutes: float | None = option(
        None,
        "Wall-clock budget, set-up and last save included (5 where no budget is given).",
        above=0,
        panel="Budget",
    )
    steps: int | None = option(None, "Train this many steps instead: reproducible to the bit.", low=1, panel="Budget")
    epochs: float | None = option(None, "Train this many passes over the text instead.", above=0, panel="Budget")
    direction: Directions = option(
        "forward",
        "Which way it reads each line: from its beginning, from its end, or two networks, one of each.",
        panel="Training",
    )
    batch_size: int = option(16, "Rows trained side by side.", low=1, high=65536, panel="Training")
    bptt: int = option(64, "Tokens in a window: how far back gradients reach.", low=1, high=65536, panel="Training")
    learning_rate: float = option(3e-3, "Peak learning rate.", above=0, high=1000, panel="Training")
    warmup: float = option(
        0.02, "Share of the budget in which the rate rises to its peak.", low=0, below=1, panel="Training"
    )
    optimizer: OptimizerName = option("adamw", "adamw, sgd, or sgd with averaging (asgd).", panel="Training")
    ema: float = option(
        0.0,
        "Decay of the moving average of weights that is evaluated and kept; 0: none.",
        low=0,
        below=1,
        panel="Training",
    )
    schedule: ScheduleName = option("cosine", "How the learning rate falls.", panel="Training")
    final_rate: float = option(0.0, "cosine, linear: share of the peak at the end.", low=0, high=1, panel="Training")
    decay_rate: float = option(0.5, "exponential, plateau: factor at each decay.", above=0, high=1, panel="Training")
    decay_steps: int = option(
        0, "exponential: steps between decays (0: a tenth of the budget).", low=0, panel="Training"
    )
    staircase: bool = option(False, "exponential: decay in jumps.", panel="Training")
    clip_norm: float = option(1.0, "Longest gradient, as a global norm; 0: no clipping.", low=0, panel="Training")
    weight_decay: float = option(0.0, "Decoupled weight decay.", low=0, panel="Training")
    softmax_samples: int = option(
        0, "A step's softmax has a token by chance, N times its frequency; 0: all.", low=0, high=10**9, panel="Training"
    )
    share_spelling: bool = option(False, "Words of like spelling share what they learn.", either=True, panel="Training")
    share_company: bool = option(False, "Words beside like words share what they learn.", either=True, panel="Training")
    patience: int = option(
        0, "Stop after this many evaluations without a better one; 0: never.", low=0, panel="Training"
    )
    precision: Arithmetic = option("auto", "Arithmetic of the network.", panel="Training")
    seed: int = option(1, "Seed of everything random.", low=0, high=2**63 - 1, panel="Training")
    eval_every: int = 0
    """Steps between evaluations under --steps and --epochs; 0: chosen at the start from the budget."""


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How to turn distributions into text. Belongs to a request, never to a model."""

    max_tokens: int = option(200, "Most tokens to sample.", flag="-n", low=0, panel="Sampling")
    temperature: float = option(0.8, "0 takes the likeliest token each time.", low=0, high=100, panel="Sampling")
    top_k: int = option(0, "Sample from the k likeliest tokens; 0: all.", low=0, panel="Sampling")
    top_p: float = option(
        1.0, "Sample from the fewest tokens that reach this probability.", above=0, high=1, panel="Sampling"
    )
    min_p: float = option(
        0.0,
        "Leave out tokens below this share of the likeliest one's probability.",
        low=0,
        high=1,
        panel="Sampling",
    )
    repeat_penalty: float = option(
        1.0,
        "Divide the odds of tokens of the last 64 by this; 1: no penalty.",
        above=0,
        high=100,
        panel="Sampling",
    )
    seed: int | None = option(None, "Seed; without it a new text each time.", low=0, high=2**63 - 1, panel="Sampling")
    count: int = option(1, "Samples for each prompt.", low=1, panel="Sampling")
    beam: int = option(
        0,
        "Write the likeliest text that a beam of this width finds, without temperature and filters; 0: sample.",
        low=0,
        high=1024,
        panel="Sampling",
    )
    stop: tuple[str, ...] = option((), "Stop before this text appears; may be given again.", panel="Sampling")
    until: Until = option("auto", "line: stop at the end of the line; text: go on.", panel="Sampling")


Config = TokenizerConfig | CorpusConfig | ModelConfig | TrainConfig | SampleConfig
TRAINING_OPTIONS: tuple[type[Any], ...] = (TrainConfig, TokenizerConfig, CorpusConfig, ModelConfig)
C = TypeVar("C", bound=Config)
T = TypeVar("T")


def options_of(config: type[Any]) -> Iterator[dataclasses.Field[Any]]:
    """The fields that are options, in order."""
    return (f for f in dataclasses.fields(config) if "help" in f.metadata)


def flag_of(field: dataclasses.Field[Any]) -> str:
    """``--hidden-size`` for ``hidden_size``, unless the field names its own."""
    return field.metadata.get("flag") or "--" + field.name.replace("_", "-")


def training_flags() -> dict[str, str]:
    """Field name -> option, of everything that a training can be told."""
    return {f.name: flag_of(f) for kind in TRAINING_OPTIONS for f in options_of(kind)}


def validate(config: C) -> C:
    """The same config, or a ConfigError that names the option, its value and what it may be."""
    hints = get_type_hints(type(config))
    for f in options_of(type(config)):
        value = getattr(config, f.name)
        choices = get_args(hints[f.name])
        if choices and all(isinstance(c, str) for c in choices) and value not in choices:
            raise ConfigError(f"{flag_of(f)} must be one of {', '.join(choices)}; got {value}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            _check_bounds(flag_of(f), value, f.metadata)
    return config


def _check_bounds(flag: str, value: float, bounds: Mapping[str, Any]) -> None:
    low, high, above, below = (bounds[k] for k in ("low", "high", "above", "below"))
    wrong = (
        (isinstance(value, float) and not math.isfinite(value))
        or (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    )
    if wrong:
        words = {"low": "at least {}", "high": "at most {}", "above": "more than {}", "below": "less than {}"}
        allowed = [w.format(bounds[k]) for k, w in words.items() if bounds[k] is not None]
        raise ConfigError(f"{flag} must be {' and '.join(allowed) or 'finite'}; got {value}")


def to_dict(config: Any) -> dict[str, Any]:
    """As JSON keeps it."""
    return dataclasses.asdict(config)


def from_dict(config: type[C], values: Mapping[str, Any]) -> C:
    """The config that ``to_dict`` wrote; a key it does not know is an error, a missing one takes its default."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{config.__name__} is no table of settings: {values!r}")
    hints = get_type_hints(config)
    unknown = sorted(set(values) - {f.name for f in dataclasses.fields(config)})
    if unknown:
        raise ConfigError(f"{config.__name__} has no setting {', '.join(unknown)}")
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    wrong = [name for name, value in plain.items() if not _fits(value, hints[name])]
    if wrong:
        raise ConfigError(f"{config.__name__} cannot have {wrong[0]} {plain[wrong[0]]!r}")
    return validate(config(**plain))


def typed(kind: type[T], values: Mapping[str, Any]) -> T:
    """A record of values from JSON; a TypeError where one is not of its field's type, or is no number."""
    hints = get_type_hints(kind)
    for name, value in values.items():
        hint = hints.get(name, object)
        chosen = get_origin(hint) is not Literal or value in get_args(hint)
        if not _fits(value, hint) or not chosen or (isinstance(value, float) and not math.isfinite(value)):
            raise TypeError(f"{kind.__name__} cannot have {name} {value!r:.60}")
    return kind(**values)


def _fits(value: object, hint: Any) -> bool:
    """Whether a value that came from JSON is of a field's type."""
    if get_origin(hint) is UnionType:
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is Literal:
        return isinstance(value, str)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else get_origin(hint) or hint)


def with_seed(config: SampleConfig) -> SampleConfig:
    """The same with a seed: a new one, where none was asked for."""
    if config.seed is not None:
        return config
    return dataclasses.replace(config, seed=int.from_bytes(os.urandom(4), "little"))
