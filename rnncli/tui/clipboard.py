"""The system's clipboard, where there is one. Over SSH that is another machine's: the terminal is asked instead."""

from __future__ import annotations

import os


def copy_here(text: str) -> bool:
    """Put a text on this machine's clipboard; False where the person sits elsewhere, or there is none."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    import pyperclip

    try:
        pyperclip.copy(text)
    except (pyperclip.PyperclipException, OSError):
        return False
    return True
