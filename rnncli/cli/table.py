"""Scores for a person: each line tinted by surprise, its figures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rnncli.cli.columns import aligned, width
from rnncli.cli.terminal import one_line, paint
from rnncli.cli.tints import Tint, legend, tinted
from rnncli.formats.fields import in_base
from rnncli.formats.layout import Layout
from rnncli.records import LN2, Tally, TextScore, TokenScore

COLUMNS = ("bits/byte", "perplexity", "logprob")
FIGURES = ("perplexity", "token_perplexity", "perplexity1", "nats_per_char", "bits_per_char", "bits_per_byte")


def table(scores: Iterator[TextScore], layout: Layout, tint: Tint) -> Iterator[str]:
    """Text of a table as the scores come: a header, a line for each line, its tokens or words below it.

    Where the scores have tokens, the text shows by ``tint`` how surprising each is, and a legend comes first.
    """
    names = (*COLUMNS, *map(one_line, layout.columns))
    widths = [max(10, width(name)) for name in names]
    head = "  ".join(_right(name, size) for name, size in zip(names, widths, strict=True)) + "  text"
    for number, score in enumerate(scores):
        if number == 0:
            yield legend(tint) if score.token_scores else ""
            yield paint(head, 1, on=tint == "color") + "\n"
        cells = zip(_cells(score, layout), widths, strict=True)
        yield "  ".join(_right(cell, size) for cell, size in cells) + f"  {_text(score, tint)}\n"
        if layout.tokens:
            yield _tokens(score, tint)
        if layout.words:
            yield _words(score, tint)


def _right(text: str, size: int) -> str:
    return " " * (size - width(text)) + text


def _cells(score: TextScore, layout: Layout) -> Iterator[str]:
    tally = score.tally
    yield _figure(tally.bits_per_byte, ".3f")
    yield _figure(tally.perplexity, ".4g")
    yield f"{in_base(tally.logprob, layout.log_base):.2f}"
    for cell in score.beside:
        yield one_line(cell) if isinstance(cell, str) else _figure(cell, ".4g")


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _text(score: TextScore, tint: Tint) -> str:
    if tint == "plain" or not score.token_scores:
        return one_line(score.text)
    pieces, done = [], 0
    for start, end, bits in _spans(score.token_scores):
        if end > start:
            pieces.append(one_line(score.text[done:start]) + tinted(one_line(score.text[start:end]), bits, tint))
            done = end
        else:
            pieces.append(one_line(score.text[done:start]) + tinted("\u21b5", bits, tint))
            done = start
    return "".join(pieces)


def _spans(tokens: tuple[TokenScore, ...]) -> Iterator[tuple[int, int, float]]:
    """Spans of text and their bits of surprise; the byte tokens of one character count together."""
    spans: list[tuple[int, int, float]] = []
    for token in tokens:
        if spans and (token.start, token.end) == spans[-1][:2] and token.end > token.start:
            spans[-1] = (token.start, token.end, spans[-1][2] + token.surprisal_bits)
        else:
            spans.append((token.start, token.end, token.surprisal_bits))
    return iter(spans)


def _tokens(score: TextScore, tint: Tint) -> str:
    wide = max((width(one_line(t.token)) for t in score.token_scores), default=0)
    lines = [f"{'':12}{'token':{wide}}  {'bits':>7}  {'rank':>6}  {'entropy':>7}"]
    for token in score.token_scores:
        name = "\u21b5" if token.token == "\n" else one_line(token.token)
        bits = token.surprisal_bits
        space = " " * (wide - width(name))
        figures = f"{bits:7.2f}  {token.rank:6d}  {token.entropy / LN2:7.2f}"
        lines.append(f"{'':12}{_colored(name, bits, tint)}{space}  {figures}")
    return "\n".join(lines) + "\n"


def _colored(name: str, bits: float, tint: Tint) -> str:
    """In a column, beside the figure itself: no marks."""
    return tinted(name, bits, tint) if tint == "color" else name


def _words(score: TextScore, tint: Tint) -> str:
    wide = max((width(one_line(w.word)) for w in score.word_scores), default=0)
    lines = [f"{'':12}{'word':{wide}}  {'bits':>7}  {'tokens':>6}"]
    for word in score.word_scores:
        name, bits = one_line(word.word), word.surprisal_bits
        space = " " * (wide - width(name))
        mark = "  spelled" if word.spelled else ""
        lines.append(f"{'':12}{_colored(name, bits, tint)}{space}  {bits:7.2f}  {word.tokens:6d}{mark}")
    return "\n".join(lines) + "\n"


def total_table(tally: Tally, definition: Mapping[str, Any], layout: Layout, *, color: bool) -> str:
    """One figure a line, and what it means."""
    figures = {
        "logprob": f"{in_base(tally.logprob, layout.log_base):.3f}",
        **{key: str(getattr(tally, key)) for key in ("lines", "tokens", "words", "chars", "bytes", "spelled")},
        **{key: _figure(getattr(tally, key), ".5g") for key in FIGURES},
        **{f"definition: {key}": str(value) for key, value in definition.items()},
    }
    return aligned(("figure", "value"), list(figures.items()), color=color)
