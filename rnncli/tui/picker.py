"""Choose a model, by keys or the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from rnncli import library
from rnncli.tui.options import Options


class ModelPicker(ModalScreen[str | None]):
    """The models there are; gives what -m takes for the one that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="picker.back")]

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.names = names

    def compose(self) -> ComposeResult:
        yield Options(*(Option(Content(label), id=name) for name, label in self.names))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)


class SaveAs(ModalScreen[str | None]):
    """Asks for the name of a file."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="save.back")]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.suggested = name

    def compose(self) -> ComposeResult:
        with Vertical():
            text_alone = self.suggested.endswith(".txt")
            yield Label("Save as" if text_alone else "Save as (.md and .txt: the text; .json: with all branches)")
            yield Input(self.suggested, id="file", select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


def models_there_are() -> list[tuple[str, str]]:
    """What -m takes for each model, and a line about it; the newest first, those still in training marked."""
    entries = sorted(library.list_models(), key=lambda entry: -entry.created)
    return [(library.reference(entry.folder), _line(entry)) for entry in entries]


def _line(entry: library.Entry) -> str:
    config = entry.config
    parts = config.get("parts")
    network = parts[0].get("model", {}) if isinstance(parts, list) and parts and isinstance(parts[0], dict) else {}
    kind = f"{network.get('cell', '?')} {network.get('layers', '?')}x{network.get('hidden_size', '?')}"
    state = ", in training" if config.get("status") == "training" else ""
    return f"{entry.name}  {kind}{state}"
