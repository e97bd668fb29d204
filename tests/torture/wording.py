"""Command lines at random. What a command takes is read off the command itself, so a new option is tried unasked."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from rnncli.cli.app import build
from rnncli.cli.commands import Group, all_words, find
from tests.torture.hostile_text import word
from tests.torture.shelf import FILES, FOLDERS, LISTS, MODELS, NO_MODELS, PACKED, TEXTS

Words = tuple[str, ...]
SMALL = ("--hidden-size", "8", "--embedding-size", "8", "--layers", "1", "--threads", "1", "--vocab-size", "30")
HUGE = ("9" * 30, "-" + "9" * 30, "9" * 5000, str(2**31), str(2**63), str(-(2**63)))
INTEGERS = (
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "-0",
    "1.5",
    "1e3",
    "nan",
    "inf",
    "",
    " ",
    "0x10",
    "1_0",
    "１２",
    "+2",
    "٣",
    "²",
)
FLOATS = (
    "0",
    "1",
    "0.5",
    "0.999",
    "-0.0",
    "nan",
    "-nan",
    "inf",
    "-inf",
    "1e308",
    "1e999",
    "5e-324",
    "-1",
    "",
    "½",
    "1,5",
)
NUMBERS = (*FLOATS, "99%", "50%", "0%", "100%", "100.1%", "nan%", "inf%", "%", "-5", "-5%", "1e308%", "1e-320%", "300")
COLUMNS = ("1", "2", "3", "0", "-1", "9" * 30, "9" * 5000, "text", "label", "prefix", "²", "", "text\x1b[1m", "none")
ENCODINGS = (
    "utf-8",
    "latin-1",
    "utf-16",
    "utf-16-le",
    "utf-7",
    "idna",
    "punycode",
    "rot13",
    "hex",
    "mbcs",
    "cp037",
    "",
)
OFTEN: tuple[Words, ...] = (("score",), ("score",), ("score",), ("score",), ("sample",), ("compare",))
COSTLY = ("-n", "--max-tokens", "--count", "--steps", "--epochs", "--minutes", "--beam")
"""What says how much is to be done: as much is done, so these are never asked for the most."""
SIZES = ("--hidden-size", "--embedding-size", "--layers", "--batch-size", "--bptt")
"""And how much is to be held: small, or more than is allowed."""
ODD = (
    "--",
    "-",
    "---",
    "--=x",
    "-=",
    "--no-such",
    "-Z",
    "--json=1",
    "--help",
    "-h",
    "--version",
    "--debug=",
    "@good.txt",
)


@cache
def _commands() -> dict[Words, Any]:
    """The commands as Typer has them, by their words."""
    found = {}
    for words in all_words():
        if isinstance(find(words), Group):
            continue
        command = build()
        for name in words:
            command = command.commands[name]
        found[words] = command
    return found


def command_line(r: random.Random) -> list[str]:
    """A command, arguments that suit it, some options, and at times something that has no place there."""
    words = r.choice((*OFTEN, *_commands()))
    arguments = _sound(words, r)
    options = [p for p in _commands()[words].params if p.param_type_name == "option"]
    dry = "--dry-run" in arguments
    for _ in range(r.choice((0, 1, 1, 2, 3, 5))):
        arguments += _option(r.choice(options), r, dry=dry)
    for _ in range(r.choice((0, 0, 0, 0, 1, 2))):
        arguments.insert(r.randint(0, len(arguments)), r.choice((*ODD, word(r), word(r), "")))
    if r.random() < 0.1:
        words = (*words[: r.randrange(len(words) + 1)], *r.choices((word(r), "scor", "", "--debug", "model"), k=1))
    return [*words, *arguments]


def _sound(words: Words, r: random.Random) -> list[str]:
    """Arguments that mostly make sense."""
    match words:
        case ("train",):
            budget = r.choice((["--steps", "2"], ["--epochs", "0.5"], ["--minutes", "0.005"], ["--dry-run"]))
            what = ["--resume", r.choice(MODELS)] if r.random() < 0.15 else [*_files(r), *SMALL]
            return [*what, *budget]
        case ("sample",):
            return [*r.choice(([], [word(r)], ["-"], ["the "])), "-m", _model(r), "-n", r.choice(("0", "5"))]
        case ("score",):
            return [*_scoring(r), "-m", _model(r)]
        case ("compare",):
            return [*_files(r), *(part for _ in range(r.choice((1, 2, 2, 2, 3))) for part in ("-m", _model(r)))]
        case ("chat",) | ("export",) | ("models", "show" | "path" | "remove"):
            return [_model(r)]
        case ("corpora", "show"):
            return [r.choice(("verse-en", "verse", "", "../README", *MODELS))]
        case ("corpora", "make"):
            return [r.choice(("python", "", word(r)))]
    return []


def _scoring(r: random.Random) -> list[str]:
    option = r.choice(("", "", "--pairs", "--nbest", "--tune", "--text-column", "--below", "--keep", "--calibrate"))
    match option:
        case "":
            return _files(r)
        case "--pairs" | "--nbest" | "--tune":
            return [option, r.choice((option[2:] + ".tsv", *LISTS, _file(r)))]
        case "--text-column":
            return [option, r.choice(COLUMNS), r.choice(LISTS)]
        case "--calibrate":
            return [option, r.choice(TEXTS), *_files(r)]
    return [option, r.choice(NUMBERS), *_files(r)]


def _files(r: random.Random) -> list[str]:
    return [_file(r) for _ in range(r.choice((0, 1, 1, 1, 2)))]


def _file(r: random.Random) -> str:
    return r.choice((r.choice(TEXTS), r.choice(TEXTS), r.choice((*PACKED, *LISTS, *FOLDERS)), r.choice(FILES), "-"))


def _model(r: random.Random) -> str:
    return r.choice(MODELS) if r.random() < 0.8 else r.choice((*NO_MODELS, word(r)))


def _option(option: Any, r: random.Random, *, dry: bool) -> list[str]:
    name: str = r.choice([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return [name if r.random() < 0.97 else f"{name}=1"]
    value = _value(option, name, r, dry=dry)
    if value and r.random() < 0.2 and name.startswith("--"):
        return [f"{name}={value}"]
    return [name, value]


def _value(option: Any, name: str, r: random.Random, *, dry: bool) -> str:
    if r.random() < 0.06:
        return word(r)
    choices = [str(choice) for choice in getattr(option.type, "choices", ())]
    if choices:
        return r.choice((*choices, *choices, "", choices[0].upper()))
    if option.type.name.startswith("integer"):
        huge: tuple[str, ...] = (
            HUGE if dry or name not in (*COSTLY, *SIZES) else HUGE[:3] if name in SIZES else HUGE[1:2]
        )
        return r.choice((*INTEGERS, *huge))
    if option.type.name.startswith("float"):
        return r.choice(FLOATS if dry or name not in COSTLY else ("0", "0.001", "nan", "-inf", "-1", "5e-324", ""))
    match option.metavar:
        case "FILE" | "CORPUS":
            return _file(r)
        case "MODEL" | "[LABEL=]MODEL":
            return r.choice(("", "", "a=", "tie=", "=", word(r) + "=")) + _model(r)
        case "N|NAME":
            return r.choice(COLUMNS)
        case "X|P%" | "P%":
            return r.choice(NUMBERS)
        case "FILE|FRACTION":
            return r.choice((*FLOATS, _file(r)))
        case "FOLDER":
            return r.choice(
                ("new", "deep/er/new", "nothing", "models/broken", "good.txt", "/dev/null", "", ".", word(r))
            )
    return r.choice(ENCODINGS) if name == "--encoding" else r.choice((word(r), "the ", "", "|", "name", "stream"))
