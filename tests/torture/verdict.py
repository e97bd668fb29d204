"""What may come of a command line, whatever it was, and what may reach a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from rnncli.cli.exits import CLOSED_PIPE, CORPUS, DONE, FAILED, INTERRUPTED, MODEL, USAGE
from rnncli.text.glyphs import STEERING

CODES = (DONE, FAILED, USAGE, MODEL, CORPUS, INTERRUPTED, CLOSED_PIPE)
ERROR = "rnncli: error: "
UNFORESEEN = "--debug shows where."
"""The hint under an error that has a Python exception's name: nobody thought of it."""
SHOWN = 300
_COLORS = "0|1|31|32|36|1;31|38;5;(?:28|64|136|166|160)"
_DRAWN = re.compile(rf"\x1b\[(?:{_COLORS})m|\x1b\[\?25[lh]|\r(?=\x1b\[(?:1A|2K))|\x1b\[(?:1A|2K)")
"""What the renderer itself writes to a terminal, and no text in the tests holds: its colours, the live line's moves."""


def fault(arguments: Sequence[str], code: int, out: str, err: str) -> str:
    """What is wrong with how a call ended, in a line; nothing where it is as documented."""
    if code not in CODES:
        return f"exit code {code}"
    if "Traceback" in err and "--debug" not in arguments:
        return f"a traceback: {err[-SHOWN:]!a}"
    if UNFORESEEN in err:
        return f"an error that nobody foresaw: {err[-SHOWN:]!a}"
    if any(re.match(r"[\w./<>-]*:?\d*:? ?\w*Warning: ", line) for line in err.split("\n")):
        return f"a warning of Python's: {err[-SHOWN:]!a}"
    if raw := raw_controls(err):
        return f"{raw!a} raw on stderr: {err[-SHOWN:]!a}"
    err = _DRAWN.sub("", err)
    return _shape(arguments, code, err) or (_json(arguments, out) if code == DONE else "")


def _shape(arguments: Sequence[str], code: int, err: str) -> str:
    """An error is one line and at most one of hint, the last ones; where all went well there is none."""
    lines = err.removesuffix("\n").split("\n")
    errors = [place for place, line in enumerate(lines) if line.startswith(ERROR)]
    failed = code == FAILED and ("--fail" in arguments or lines[-1].endswith("[y/N]: ")) and not errors
    silent = failed or code in (DONE, INTERRUPTED, CLOSED_PIPE)
    if silent:
        return f"exit code {code} and an error: {err[-SHOWN:]!a}" if errors else ""
    if len(errors) != 1 or not 1 <= len(lines) - errors[0] <= 2:
        return f"exit code {code} without one line of error at the end: {err[-SHOWN:]!a}"
    if re.match(r"(?:[a-z.]+\.)?[A-Z]\w*(?:Error|Exception|Warning)\b", lines[errors[0]].removeprefix(ERROR)):
        return f"the name of an exception for an error: {err[-SHOWN:]!a}"
    return ""


def _json(arguments: Sequence[str], out: str) -> str:
    """Where every line should be JSON, one that is not."""
    if "--json" not in arguments or "show" in arguments or "--explain" in arguments or {"-h", "--help"} & {*arguments}:
        return ""
    for line in out.split("\n")[:-1]:
        try:
            json.loads(line, parse_constant=_refuse)
        except ValueError as error:
            return f"{error} in JSON: {line[:SHOWN]!a}"
    return ""


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def raw_controls(shown: str) -> str:
    """What steers a terminal in a text that was shown, apart from what the renderer writes itself."""
    rest = _DRAWN.sub("", shown)
    return "".join(sorted({char for char in rest if ord(char) in STEERING}))
