"""What was chosen for a training, by the user or by the recipe, with the reasons. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

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
