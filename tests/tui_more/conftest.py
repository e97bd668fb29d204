"""What the tests beside these have."""

from __future__ import annotations

from tests.tui.conftest import still

__all__ = ["still"]
