"""The settings of sampling as fields that take effect with the next token."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Label, Select, Static

from rnncli.config import SampleConfig, validate
from rnncli.errors import ConfigError


class Field(NamedTuple):
    """A setting as a field: its label, what a key up adds, or the numbers that it goes through."""

    name: str
    label: str
    step: float
    least: float
    most: float
    ladder: tuple[float, ...] = ()


FIELDS = (
    Field("temperature", "temperature", 0.05, 0, 100),
    Field("top_k", "top-k", 1, 0, 10**6, (0, 1, 2, 5, 10, 20, 40, 80, 160, 320)),
    Field("top_p", "top-p", 0.05, 0.05, 1),
    Field("min_p", "min-p", 0.01, 0, 1),
    Field("repeat_penalty", "repeat penalty", 0.05, 0.05, 100),
    Field("max_tokens", "length, tokens", 20, 0, 10**6),
    Field("seed", "seed", 1, 0, 2**63 - 1),
)
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "usual": {"temperature": 0.8, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0},
    "the model itself": {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0},
    "careful": {"temperature": 0.6, "top_k": 0, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.0},
    "lively": {"temperature": 1.1, "top_k": 0, "top_p": 1.0, "min_p": 0.05, "repeat_penalty": 1.1},
    "likeliest": {"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0},
}


def shown(value: Any) -> str:
    """A setting's value as a field shows it."""
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


def parsed(name: str, text: str) -> Any:
    """A field's text as its setting's value; a ConfigError where it is none."""
    text = text.strip()
    try:
        if name == "seed" and not text:
            return None
        return int(text) if name in ("top_k", "max_tokens", "seed") else float(text)
    except ValueError:
        raise ConfigError(f"{name.replace('_', '-')} must be a number; got {text or 'nothing'}") from None


def stepped(field: Field, value: float | None, by: int) -> float:
    """The value a key up (1) or down (-1) leads to."""
    now = 0 if value is None else value
    if field.ladder:
        beyond = [one for one in field.ladder if (one > now if by > 0 else one < now)]
        return (min(beyond) if by > 0 else max(beyond)) if beyond else now
    found = min(field.most, max(field.least, now + by * field.step))
    return round(found, 6) if isinstance(field.step, float) else int(found)


class SettingInput(Input):
    """A field; up and down step its value."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(1)", "more", show=False, id="setting.more"),
        Binding("down", "step(-1)", "less", show=False, id="setting.less"),
    ]

    def __init__(self, field: Field, value: Any) -> None:
        super().__init__(shown(value), id=f"setting-{field.name}", compact=True, select_on_focus=True)
        self.field = field

    def action_step(self, by: int) -> None:
        try:
            now = parsed(self.field.name, self.value)
        except ConfigError:
            now = None
        self.value = shown(stepped(self.field, now, by))


class SettingsPanel(VerticalScroll):
    """All settings. Posts ``Changed`` with a whole, valid configuration whenever a field holds another valid value."""

    DEFAULT_CSS = """
    SettingsPanel { padding: 0 1; }
    SettingsPanel Horizontal { height: 1; }
    SettingsPanel Label { width: 16; }
    SettingsPanel SettingInput { width: 1fr; }
    SettingsPanel .speaker { display: none; }
    SettingsPanel.-play .speaker { display: block; }
    SettingsPanel .setting--wrong { color: $error; height: auto; }
    SettingsPanel Select { margin-bottom: 1; }
    """

    class Changed(Message):
        """Settings to draw the next token with."""

        def __init__(self, config: SampleConfig) -> None:
            super().__init__()
            self.config = config

    class Named(Message):
        """Other speakers."""

        def __init__(self, me: str, it: str) -> None:
            super().__init__()
            self.me, self.it = me, it

    def __init__(self, config: SampleConfig, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.config = config

    def show_speakers(self, speakers: tuple[str, str] | None) -> None:
        """Let the person say who speaks, where the model writes plays."""
        for name, value in zip(("me", "it"), speakers or ("", ""), strict=True):
            self.query_one(f"#{name}", Input).value = value
        self.set_class(speakers is not None, "-play")

    def compose(self) -> ComposeResult:
        for name, label in (("me", "you are"), ("it", "it is")):
            with Horizontal(classes="speaker"):
                yield Label(label)
                yield Input("", id=name, compact=True)
        choices = [(name, name) for name in PRESETS]
        yield Select(choices, prompt="a preset", id="preset", compact=True)
        for field in FIELDS:
            with Horizontal():
                yield Label(field.label)
                yield SettingInput(field, getattr(self.config, field.name))
        with Horizontal():
            yield Label("stop before")
            yield Input(
                "|".join(self.config.stop), id="setting-stop", compact=True, placeholder="text, or texts between |"
            )
        yield Static("", classes="setting--wrong", id="wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id in ("me", "it"):
            me, it = (self.query_one(f"#{name}", Input).value.strip() for name in ("me", "it"))
            if me and it:
                self.post_message(self.Named(me, it))
        else:
            self._take()

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, str):
            self.show(dataclasses.replace(self.config, **PRESETS[event.value]))

    def show(self, config: SampleConfig) -> None:
        """Have the fields say this."""
        for field in FIELDS:
            widget = self.query_one(f"#setting-{field.name}", SettingInput)
            value = shown(getattr(config, field.name))
            if widget.value != value:
                widget.value = value
        stop = self.query_one("#setting-stop", Input)
        if stop.value != "|".join(config.stop):
            stop.value = "|".join(config.stop)

    def _take(self) -> None:
        """Take what the fields say, if all of it can be."""
        try:
            values = {
                field.name: parsed(field.name, self.query_one(f"#setting-{field.name}", Input).value)
                for field in FIELDS
            }
            stop = tuple(text for text in self.query_one("#setting-stop", Input).value.split("|") if text)
            config = validate(dataclasses.replace(self.config, **values, stop=stop))
        except ConfigError as error:
            self.query_one("#wrong", Static).update(error.message, layout=True)
            return
        self.query_one("#wrong", Static).update("")
        if config != self.config:
            self.config = config
            self.post_message(self.Changed(config))
