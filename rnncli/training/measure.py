"""What a finished model comes to on its whole validation text, and what an n-gram model would have."""

from __future__ import annotations

from rnncli.config import Unit
from rnncli.nn.model import LanguageModel
from rnncli.records import LN2, Tally
from rnncli.training.evaluate import WARMUP, lines_logprob, stream_logprob, whole_rows
from rnncli.training.prepare import Prepared


def whole_tally(model: LanguageModel, prepared: Prepared, unit: Unit) -> Tally:
    """The figures of the whole validation text: what ``score --total`` gives, with the context of the unit."""
    info, ids = prepared.valid, prepared.valid_ids
    newline = prepared.tokenizer.newline_id
    if unit == "lines":
        logprob = lines_logprob(model, ids, prepared.starts(ids), newline)
    else:
        rows = whole_rows(len(ids), model.config.cell)
        logprob = stream_logprob(model, ids, newline, rows=rows, warmup=WARMUP)
    return Tally(
        logprob=logprob,
        tokens=info.count,
        lines=info.lines,
        words=info.words,
        chars=info.chars,
        bytes=info.bytes,
        lossless=prepared.tokenizer.lossless,
    )


def ngram_per_char(prepared: Prepared) -> float | None:
    """The n-gram model's nats per character of the validation text."""
    bits, info = prepared.ngram_bits_per_byte, prepared.valid
    return None if bits is None else bits * LN2 * (info.bytes + info.lines) / (info.chars + info.lines)
