"""What the tests beside these have, and how often each action was done in all walks."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.tui.conftest import still

__all__ = ["still"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        counts.update(dict(report.user_properties).get("walked", {}))
    if counts:
        terminalreporter.write_line(f"{counts.total():,} actions: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
