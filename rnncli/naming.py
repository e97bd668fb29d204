"""What a model may be called: a name is a folder in ./models, on every system, and never leads elsewhere."""

from __future__ import annotations

import re

from rnncli.errors import ConfigError

STARTER = "starter"
LONGEST_NAME = 80
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9\xb9\xb2\xb3]|lpt[0-9\xb9\xb2\xb3])(\s*\..*)?")
"""Names that are devices on Windows, in any folder and whatever their suffix."""
BARRED = frozenset('<>:"|?*')
"""Characters that no name has there: a colon would lead to another drive."""


def is_name(name: str) -> bool:
    """Whether it can be looked up in ./models."""
    return bool(name) and not name.startswith(".") and "/" not in name and "\\" not in name


def is_reserved(name: str) -> bool:
    """Whether it is a device somewhere."""
    return RESERVED.fullmatch(name) is not None


def check_name(name: str) -> str:
    """The name itself, if a model can have it."""
    reason = None
    if not name.strip():
        reason = "a model's name cannot be empty"
    elif "/" in name or "\\" in name:
        reason = f"a model's name has no slashes: {name}"
    elif name.startswith((".", "-")):
        reason = f"a model's name does not begin with {name[0]}: {name}"
    elif name == STARTER:
        reason = f"the name {STARTER} is the program's own"
    elif len(name) > LONGEST_NAME or len(name.encode(errors="replace")) > 200:
        reason = f"a model's name has at most {LONGEST_NAME} characters; got {len(name)}"
    elif not name.isprintable():
        reason = "a model's name has printable characters only"
    elif BARRED & set(name):
        reason = f"a model's name has none of {' '.join(sorted(BARRED))}: {name}"
    elif name != name.rstrip(" ."):
        reason = f"a model's name does not end in a dot or a blank: {name!r}"
    elif is_reserved(name):
        reason = f"the name {name} is a device on some systems"
    if reason:
        raise ConfigError(reason, hint="Give another --name, or --out FOLDER to write somewhere else.")
    return name
