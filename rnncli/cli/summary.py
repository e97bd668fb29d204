"""The end of a training: what the minutes bought, and what to type next."""

from __future__ import annotations

import shlex

from rnncli import library
from rnncli.cli.columns import human_count
from rnncli.cli.terminal import one_line, paint
from rnncli.events import Done

LARGE_GAP = 0.25
"""Share by which the training text may be better predicted before the summary calls it learnt by heart."""


def summary(done: Done, *, color: bool) -> str:
    """Text for a person, several lines."""
    name = _quoted(done.model)
    speed = f"{done.steps:,} steps in {done.seconds:.1f} s, {done.tokens_per_second:,.0f} tokens/s"
    lines = ["", f"{speed}; {human_count(done.params)} parameters", ""]
    lines += _figures(done, color)
    if done.reason == "interrupted":
        lines += ["", f"Stopped and saved in {one_line(done.model)}. Go on with:", f"  rnncli train --resume {name}"]
    else:
        if done.reason == "patience":
            lines += ["", "It stopped early: the validation figure had ceased to improve."]
        best = done.extra.get("best_step")
        if best is not None and best < done.steps:
            lines += ["", f"Kept are the weights of step {best:,}, the best on the validation text."]
        lines += ["", f"The model is in {one_line(done.model)}. Now try:"]
        lines += [f"  rnncli sample -m {name}"] if done.extra.get("writes", True) else []
        lines += [f"  echo 'How likely is this sentence?' | rnncli score -m {name}"]
    return "\n".join(lines) + "\n"


def resume_hint(folder: str) -> str:
    """How to go on with a training that was stopped, in one line."""
    return f"stopped and saved; go on with: rnncli train --resume {_quoted(folder)}"


def _quoted(folder: str) -> str:
    """What names a model in a command, ready for a shell and fit for a terminal."""
    return one_line(shlex.quote(library.reference(folder)))


def _figures(done: Done, color: bool) -> list[str]:
    valid = done.valid
    if valid.nats_per_char is None:
        return [f"validation perplexity {paint(_short(valid.perplexity), 1, on=color)} per word"]
    rows = [("this model, on the validation text", valid.nats_per_char, _beside(done))]
    if done.train is not None and done.train.nats_per_char is not None:
        rows.append(("  the same on training text", done.train.nats_per_char, _gap(done)))
    backward = done.extra.get("backward")
    if backward is not None and backward["nats_per_char"] is not None:
        rows.append(("the network that reads backward", backward["nats_per_char"], ""))
    if done.ngram_nats_per_char is not None:
        rows.append(
            (
                "an n-gram model",
                done.ngram_nats_per_char,
                _gain(valid.nats_per_char, done.ngram_nats_per_char),
            )
        )
    if done.uniform_nats_per_char is not None:
        rows.append(("every character alike", done.uniform_nats_per_char, ""))
    lines = [paint("nats per character", 1, on=color)]
    for number, (label, value, note) in enumerate(rows):
        figure = paint(f"{value:7.4f}", 1, on=color and number == 0)
        lines.append(f"  {label:35}{figure}  {note}".rstrip())
    return lines


def _beside(done: Done) -> str:
    bits, perplexity = _short(done.valid.bits_per_byte), _short(done.valid.perplexity)
    return f"= {bits} bits per byte, perplexity {perplexity} per word"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if value < 1e6 else f"{value:.2e}"


def _gap(done: Done) -> str:
    assert done.train is not None
    train, valid = done.train.nats_per_char, done.valid.nats_per_char
    if train is None or valid is None or not valid:
        return ""
    gap = valid - train
    if gap / valid > LARGE_GAP:
        return f"gap {gap:.3f}: it fits its own text much better than new text; more text helps, or more --dropout"
    return f"gap {gap:.3f}"


def _gain(mine: float, other: float) -> str:
    share = 100 * (1 - mine / other) if other else 0.0
    return f"this model is {abs(share):.0f} % {'better' if share >= 0 else 'worse'}"
