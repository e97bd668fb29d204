"""The plan of a training as a person reads it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from rnncli.cli.columns import width
from rnncli.cli.terminal import one_line, paint
from rnncli.events import Setting
from rnncli.formats.progress import value_text

SHORT, REASON = 12, 24
"""Columns that a value has at least, and that a reason must have to be set in lines of its own."""


def plan_table(settings: Sequence[Setting], *, color: bool, columns: int | None = None) -> str:
    """Name, value and reason of each setting, aligned; long reasons go on below themselves."""
    total = columns or shutil.get_terminal_size((100, 24)).columns
    rows = [(one_line(s.name.replace("_", " ")), one_line(value_text(s.value)), one_line(s.why)) for s in settings]
    names = max((width(row[0]) for row in rows), default=0)
    # A longer value has its reason below itself; on a narrow terminal the reasons' column comes first.
    longest = min(max(20, total // 3), max(SHORT, total - names - 5 - REASON))
    values = min(max((width(row[1]) for row in rows), default=0), longest)
    left = names + values + 4
    room = total - left - 1
    lines = []
    for name, value, why in rows:
        reasons = textwrap.wrap(why, room) if room >= REASON else [why]
        if width(value) > values and reasons:
            reasons = ["", *reasons]
        shown = paint(value, 1, on=color) + " " * max(0, values - width(value))
        line = f"{name}{' ' * (names - width(name))}  {shown}  {reasons[0] if reasons else ''}"
        lines.append(line.rstrip())
        lines += [" " * left + more for more in reasons[1:]]
    return "\n".join(lines) + "\n"
