"""The model card: what it says, and that its commands can be typed."""

from __future__ import annotations

from typing import Any

from rnncli.formats.card import model_card

CONFIG: dict[str, Any] = {
    "rnncli": "0.1.0",
    "unit": "stream",
    "params": 1234567,
    "created": "2026-01-02",
    "corpus": {
        "files": ["a\nb.txt"], "characters": 1000, "words": 200, "lines": 10, "validation": "the last 10.0%",
    },
    "metrics": {"valid": {"nats_per_char": 1.5, "bits_per_byte": None, "perplexity": 99.0}},
    "parts": [{"model": {"layers": 2, "cell": "lstm", "hidden_size": 256, "vocab_size": 4000}}],
    "tokenizer": {"kind": "hybrid"},
}  # fmt: skip


def test_its_commands_can_be_typed() -> None:
    assert "\nrnncli sample -m poems\n" in model_card("poems", CONFIG, [])
    card = model_card("my; model", CONFIG, [], reference="./my; model")
    assert "# my; model\n" in card
    assert "\nrnncli sample -m './my; model'\n" in card
    assert "| rnncli score -m './my; model'\n" in card


def test_odd_names_stay_on_their_line() -> None:
    card = model_card("a\n# b\x1b", CONFIG, [])
    assert card.startswith("# a\ufffd# b\ufffd\n")
    assert "on a\ufffdb.txt: 1,000 characters" in card
    assert "\x1b" not in card


def test_figures_that_are_missing_are_left_out() -> None:
    card = model_card("poems", CONFIG, ["one ~~~ two"])
    assert "| nats per character | 1.5 |\n| perplexity per word | 99 |" in card
    assert "bits per byte" not in card
    assert "~~~\none ~ ~ ~ two\n~~~" in card


def test_a_folder_that_says_nothing_of_its_training_has_a_card_too() -> None:
    known = {key: CONFIG[key] for key in ("unit", "parts", "tokenizer")}
    card = model_card("x", known, [])
    assert "trained by rnncli ? on text.\n" in card
    assert "Nobody has measured it.\n" in card
    assert "| nats" not in card
    odd = {"corpus": ["a"], "metrics": {"valid": {"nats_per_char": "low", "perplexity": 10**400}}, "params": None}
    card = model_card("x", {**known, **odd, "created": "a\x1b[1m\nb"}, [])
    assert "| nats per character | ? |\n| perplexity per word | ? |" in card
    assert "- created a\ufffd[1m\ufffdb\n" in card
