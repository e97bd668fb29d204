"""Validation: the log-probability of held-out ids, by the same definition as the loss and the score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from rnncli.config import CellName
from rnncli.nn.likelihood import token_logprobs
from rnncli.nn.model import LanguageModel, State
from rnncli.records import Tally
from rnncli.training.batches import Lines

Ids = NDArray[np.unsignedinteger]

CHUNK = 512
"""Tokens a row reads at once. The figure does not depend on it: the state is carried."""


LONG_LINE = 1 << 16
"""Tokens beyond which a line is read by itself, a chunk at a time, and never lies in memory as a batch."""

WARMUP = 512
"""Tokens that a piece of a long text reads before its own, to come into the state that the text so far would give."""


def whole_rows(tokens: int, cell: CellName) -> int:
    """Rows in which a whole text may be read and still give the figure of one row, to 1e-4.

    What a gated cell still knows of the text more than WARMUP tokens back moves a few of its next predictions a
    little: nothing on the scale of the 4,096 tokens or more that follow. A simple network may never forget.
    """
    return 1 if cell == "rnn" else max(1, min(32, tokens // 4096))


def stream_logprob(model: LanguageModel, ids: Ids, newline_id: int, *, rows: int = 1, warmup: int = 0) -> float:
    """log P of a text from the zero state and a newline, that newline not counted.

    With ``rows`` above 1 the text is read in that many pieces side by side, many times as fast, each from the zero
    state and ``warmup`` tokens before its own first. With too little of that, their starts come out too unlikely.
    """
    total = 0.0
    device = model.bias.device
    each = -(-len(ids) // rows)
    starts = np.arange(0, len(ids), each)
    state = _warm(model, ids, starts, min(warmup, each - 1))
    with torch.inference_mode():
        for begin in range(0, each, CHUNK):
            # Rows end together but for the last one, which repeats its last token; those are not counted.
            index = starts[:, None] + np.arange(begin, min(begin + CHUNK, each))
            counted = torch.from_numpy(index < len(ids)).to(device)
            index = np.minimum(index, len(ids) - 1)
            targets = torch.from_numpy(ids[index].astype(np.int64)).to(device)
            before = np.where(index > 0, ids[index - 1], newline_id).astype(np.int64)
            features, state = model(torch.from_numpy(before).to(device), state)
            logprobs = token_logprobs(features.flatten(0, 1), model.head, model.bias, targets.flatten())
            total += float((logprobs.double() * counted.flatten()).sum())
    return total


def _warm(model: LanguageModel, ids: Ids, starts: NDArray[np.int64], warmup: int) -> State:
    """States at the rows' starts: zeros for the first, and for the others what some tokens before them leave."""
    if len(starts) == 1 or warmup < 1:
        return model.start(len(starts))
    index = starts[1:, None] - 1 - warmup + np.arange(warmup)
    tokens = torch.from_numpy(ids[index.clip(0)].astype(np.int64)).to(model.bias.device)
    with torch.inference_mode():
        _, after = model(tokens, model.start(len(starts) - 1))
        first = model.start(1)
    return tuple(
        tuple(torch.cat((zero, warm)) for zero, warm in zip(*layers, strict=True))
        for layers in zip(first, after, strict=True)
    )


def lines_logprob(model: LanguageModel, ids: Ids, starts: NDArray[np.int64], newline_id: int) -> float:
    """log P of lines, each from the zero state and a newline that is not counted."""
    total = 0.0
    lines = Lines(ids, starts, batch_size=1, bptt=len(ids))
    device = model.bias.device
    short = np.flatnonzero(lines.lengths <= LONG_LINE)
    for line in np.flatnonzero(lines.lengths > LONG_LINE):
        begin = lines.starts[line]
        total += stream_logprob(model, ids[begin : begin + lines.lengths[line]], newline_id)
    for chosen in _by_length(lines.lengths[short], 8192):
        rows = short[chosen]
        batch = lines.rows(rows)
        state = model.start(len(rows))
        for begin in range(0, batch.inputs_BT.shape[1], CHUNK):
            part = (a[:, begin : begin + CHUNK] for a in (batch.inputs_BT, batch.targets_BT, batch.counted_BT))
            inputs, targets, counted = (torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in part)
            with torch.inference_mode():
                # A row that has ended reads padding from here on: nothing of it is counted.
                features, state = model(inputs, state)
                logprobs = token_logprobs(features.flatten(0, 1), model.head, model.bias, targets.flatten())
                total += float((logprobs.double() * counted.flatten()).sum())
    return total


def _by_length(lengths: NDArray[np.int64], tokens: int) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of about ``tokens`` with little padding."""
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        longest = int(lengths[order[min(begin + 255, len(order) - 1)]])
        count = max(1, min(256, tokens // max(1, longest)))
        yield order[begin : begin + count]
        begin += count


class Validation:
    """The part of the validation text that is looked at while training runs.

    ``starts``: line starts where the lines stand alone, None for a stream. ``partial``: its figure is not the whole
    text's, for speed: only a part is read, or a stream is read in pieces side by side.
    """

    def __init__(
        self,
        *,
        ids: Ids,
        starts: NDArray[np.int64] | None,
        newline_id: int,
        count_text: Callable[[Ids], Tally],
        most_tokens: int = 65536,
        most_rows: int = 32,
    ) -> None:
        self.newline_id, self.starts, self.rows = newline_id, starts, 1
        if starts is None:
            self.rows = max(1, min(most_rows, len(ids) // 256))
            self.ids = _spread(ids, self.rows, most_tokens // self.rows) if len(ids) > most_tokens else ids
        else:
            self.ids, self.starts = _spread_lines(ids, starts, most_tokens)
        self.partial = len(self.ids) < len(ids) or self.rows > 1
        self.counts = count_text(self.ids)

    def tally(self, model: LanguageModel) -> Tally:
        """The figures of this part under ``model``."""
        if self.starts is None:
            logprob = stream_logprob(model, self.ids, self.newline_id, rows=self.rows)
        else:
            logprob = lines_logprob(model, self.ids, self.starts, self.newline_id)
        return replace(self.counts, logprob=logprob, tokens=len(self.ids))


def _spread(ids: Ids, pieces: int, size: int) -> Ids:
    """That many pieces of ``size`` tokens, evenly spread: the start of a text alone need not be like the rest."""
    starts = np.arange(pieces) * (len(ids) // pieces)
    return np.concatenate([ids[start : start + size] for start in starts])


def _spread_lines(ids: Ids, starts: NDArray[np.int64], most: int) -> tuple[Ids, NDArray[np.int64]]:
    """About ``most`` tokens of whole lines, evenly spread, and where each line begins among them."""
    if len(ids) <= most:
        return ids, starts
    ends = np.append(starts[1:], len(ids))
    chosen = np.arange(0, len(starts), -(-len(ids) // most))
    lengths = (ends - starts)[chosen]
    begins = np.cumsum(lengths) - lengths
    chosen, begins = chosen[begins < most], begins[begins < most]
    taken = np.concatenate([ids[starts[line] : min(ends[line], starts[line] + most)] for line in chosen])
    return taken[:most], begins
