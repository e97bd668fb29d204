"""The table of commands: their words, and the function that each is. It names modules and imports none."""

from __future__ import annotations


class Group:
    """Commands behind one word, and what they are about. A command is given as ``module:function``."""

    def __init__(self, about: str, commands: dict[str, str | Group]) -> None:
        self.about = about
        self.commands = commands


ROOT = Group(
    "Turn a text file into a private language model: train it, sample it, score with it.",
    {
        "train": "rnncli.cli.train:train",
        "chat": "rnncli.cli.chat:chat",
        "sample": "rnncli.cli.sample:sample",
        "score": "rnncli.cli.score:score",
        "compare": "rnncli.cli.compare:compare",
        "export": "rnncli.cli.export:export",
        "models": Group(
            "What models there are, and what they are.",
            {
                "list": "rnncli.cli.models:list_models",
                "show": "rnncli.cli.models:show",
                "path": "rnncli.cli.models:path",
                "remove": "rnncli.cli.models:remove",
            },
        ),
        "corpora": Group(
            "Texts in the box, and text that this computer already has.",
            {
                "list": "rnncli.cli.corpora:list_corpora",
                "show": "rnncli.cli.corpora:show",
                "make": "rnncli.cli.corpora:make",
            },
        ),
    },
)


def find(words: tuple[str, ...]) -> str | Group | None:
    """What the words name: a command, a group (the root, where there are none) or nothing."""
    found: str | Group = ROOT
    for word in words:
        if not isinstance(found, Group) or word not in found.commands:
            return None
        found = found.commands[word]
    return found


def all_words(*before: str) -> list[tuple[str, ...]]:
    """The words of each group and command, in order, the root's first: there are none."""
    found = find(before)
    below = found.commands if isinstance(found, Group) else ()
    return [before, *(words for name in below for words in all_words(*before, name))]
