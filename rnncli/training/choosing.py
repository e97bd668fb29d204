"""What was chosen for a training, by the user or by the recipe, with the reasons. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from rnncli.config import TRAINING_OPTIONS, options_of, training_flags, validate
from rnncli.errors import ConfigError
from rnncli.events import Setting

T = TypeVar("T")


class Chooser:
    """Takes what the user gave, or what the rule says, and keeps the reason."""

    def __init__(self, given: Mapping[str, Any], kept: Collection[str]) -> None:
        self.kept = kept
        self.given, self.settings, self.values = given, list[Setting](), dict[str, Any]()

    def said(self, field: str) -> str:
        """Why a given value is as it is."""
        return "as the model has it" if field in self.kept else "as you said"

    def note(self, name: str, value: Any, why: str) -> None:
        self.settings.append(Setting(name=name, value=value, why=why))

    def __call__(self, field: str, choice: T, why: str, *, name: str | None = None) -> T:
        value: T = self.given.get(field, choice)
        if field in self.given:
            why = self.said(field)
        self.values[field] = value
        self.note(name or field, value, why)
        return value


def config_of(kind: type[Any], values: Mapping[str, Any], **extra: Any) -> Any:
    """A configuration of the settings among ``values`` that it has, checked."""
    names = {f.name for f in options_of(kind)}
    return validate(kind(**{k: v for k, v in values.items() if k in names}, **extra))


def check_given(given: Mapping[str, Any]) -> None:
    """Refuse settings that there are not, or that exclude each other, with a ConfigError."""
    unknown = sorted(set(given) - set(training_flags()))
    if unknown:
        raise ConfigError(f"there is no setting {', '.join(unknown)}")
    for kind in TRAINING_OPTIONS:
        config_of(kind, given)
    budgets = [b for b in ("minutes", "steps", "epochs") if given.get(b) is not None]
    if len(budgets) > 1:
        raise ConfigError(f"--{budgets[0]} and --{budgets[1]} exclude each other", hint="Give one budget.")
    if given.get("activation", "tanh") != "tanh" and given.get("cell", "lstm") != "rnn":
        raise ConfigError("--activation is for --cell rnn only", hint="Add --cell rnn, or leave --activation out.")
    if given.get("ema") and given.get("optimizer") == "asgd":
        raise ConfigError("--ema and --optimizer asgd are two averages of the same weights", hint="Give one of them.")
