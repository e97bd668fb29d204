"""Speakers are found where there are some, and only there."""

from __future__ import annotations

import pytest

from rnncli.tui.speakers import Play, find_play

SHAKESPEARE = """ROMEO:
She speaks.

JULIET:
O Romeo, Romeo!
Deny thy father.

ROMEO:
Shall I hear more?

First Citizen:
Speak.
"""
DRAMA = "Anna: Well?\nBert: No.\nAnna: Then go.\nBert: I will.\n"


def test_a_play_with_blank_lines() -> None:
    play = find_play(SHAKESPEARE)
    assert play == Play(("ROMEO", "JULIET", "First Citizen"), "\n", "\n\n")
    assert play.line("ROMEO", " Hark! \n", "JULIET") == "ROMEO:\nHark!\n\nJULIET:\n"


def test_a_dialogue_in_single_lines() -> None:
    play = find_play(DRAMA)
    assert play == Play(("Anna", "Bert"), " ", "\n")
    assert play.line("Bert", "Why?", "Anna") == "Bert: Why?\nAnna: "


@pytest.mark.parametrize(
    "text",
    [
        "",
        "He said: no. She said: yes.\nIt went on.\n" * 5,
        "2026-01-01 10:00: started\n2026-01-01 10:01: ended\n" * 4,
        "def f(x):\n    return x\nclass A:\n    pass\n" * 5,
        "Note: this is one.\n" + "And prose goes on and on.\n" * 60,
        "One: a\nOne: b\nOne: c\n",
    ],
)
def test_what_is_no_play(text: str) -> None:
    assert find_play(text) is None
