"""How far a training is, in words."""

from __future__ import annotations

from rnncli.events import Evaluated


def evaluation_text(event: Evaluated) -> str:
    """An evaluation in one line."""
    mark = "  best so far" if event.best else ""
    part = " (of a part)" if event.partial else ""
    return f"step {event.step}  validation {valid_text(event)}{part}{mark}"


def valid_text(event: Evaluated) -> str:
    """The figure that says most: nats per character, or perplexity where characters mean nothing."""
    if event.valid.nats_per_char is not None:
        return f"{event.valid.nats_per_char:.4f} nats/char"
    return f"perplexity {event.valid.perplexity or 0:.1f}"


def clock(seconds: float) -> str:
    """``1:05``, ``2:03:00``."""
    whole = max(0, round(seconds)) if seconds < 1e7 else 0
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def value_text(value: str | int | float | bool) -> str:
    """A setting's value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
