"""A plug-in for Simon Willison's ``llm``: each model of the library is there as ``rnncli/NAME``.

A prompt is how a text begins, and what comes is how it goes on. In a conversation all that was said before stands
before it, one after the other as it was, a system prompt on a line of its own at the beginning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import llm
from llm.parts import TextPart
from pydantic import Field, create_model

from rnncli import library
from rnncli.config import SampleConfig, options_of, validate
from rnncli.errors import RnncliError

if TYPE_CHECKING:
    from rnncli.api import Model

SETTINGS = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "max_tokens", "seed", "stop")
"""The fields of SampleConfig that are options here."""
BOUNDS = {"low": "ge", "high": "le", "above": "gt", "below": "lt"}


def _options() -> Any:
    """A class of llm's: types, bounds and words are those of SampleConfig."""
    hints: dict[str, Any] = {**get_type_hints(SampleConfig), "stop": str | list[str]}
    fields: dict[str, Any] = {}
    for field in options_of(SampleConfig):
        if field.name in SETTINGS:
            bounds = {name: field.metadata[key] for key, name in BOUNDS.items() if field.metadata[key] is not None}
            text = field.metadata["help"]
            if field.default not in (None, ()):
                text += f" Default: {field.default}."
            fields[field.name] = (hints[field.name] | None, Field(default=None, description=text, **bounds))
    return create_model("Options", __base__=llm.Options, **fields)


class RnncliModel(llm.Model):
    """One model folder; opened when it is first asked."""

    can_stream = True
    Options = _options()

    def __init__(self, name: str, folder: Path) -> None:
        self.model_id = f"rnncli/{name}"
        self._folder = folder

    def __str__(self) -> str:
        return f"rnncli: {self.model_id}"

    @cached_property
    def _model(self) -> Model:
        from rnncli.api import load

        return load(self._folder)

    def execute(
        self, prompt: llm.Prompt, stream: bool, response: llm.Response, conversation: llm.Conversation | None
    ) -> Iterator[str]:
        """The continuation, a piece at a time. The seed goes into llm's log, so that a text can be had again."""
        text, tokens = text_of(prompt), 0
        try:
            config = sampling(prompt.options)
            response.response_json = {"seed": config.seed}
            for chunk in self._model.sampler.stream(text, config):
                tokens += 1
                if chunk.text:
                    yield chunk.text
            response.set_usage(input=len(self._model.tokenizer.encode(text)), output=tokens)
        except RnncliError as error:
            raise llm.ModelError(f"{error.message}. {error.hint}" if error.hint else error.message) from error


def text_of(prompt: llm.Prompt) -> str:
    """All that was said so far, the new prompt last."""
    said = []
    for message in prompt.messages:
        text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
        said.append(text + "\n" if message.role == "system" else text)
    return "".join(said)


def sampling(options: Any) -> SampleConfig:
    """llm's options as the settings of a sample, with a seed in any case."""
    given = {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}
    if "stop" in given:
        given["stop"] = (given["stop"],) if isinstance(given["stop"], str) else tuple(given["stop"])
    given.setdefault("seed", int.from_bytes(os.urandom(4), "little"))
    return validate(SampleConfig(**given))


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Every model that ``rnncli models list`` shows."""
    for entry in library.list_models():
        register(RnncliModel(entry.name, entry.folder.absolute()))
