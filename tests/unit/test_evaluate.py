"""Validation against sums of one token's log-probability at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from rnncli.config import ActivationName, CellName
from rnncli.nn.model import LanguageModel
from rnncli.records import Tally
from rnncli.text.ids import line_starts
from rnncli.training import evaluate
from rnncli.training.evaluate import Validation, lines_logprob, stream_logprob, whole_rows
from tests.nets import NEWLINE, config_of, count_tokens, network, text_of

CELLS: list[tuple[CellName, ActivationName]] = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "crelu")]


def by_token(model: LanguageModel, read: Sequence[int], targets: Sequence[int | None]) -> float:
    """Sum of log p of each target (None: not counted), in steps of one token from the zero state."""
    state, total = model.start(1), 0.0
    with torch.no_grad():
        for token, target in zip(read, targets, strict=True):
            features, state = model(torch.tensor([[int(token)]]), state)
            logprobs = torch.log_softmax(features[0, 0] @ model.head.t() + model.bias, -1)
            total += 0.0 if target is None else float(logprobs[int(target)])
    return total


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_a_stream_read_in_one_row(
    monkeypatch: pytest.MonkeyPatch, cell: CellName, activation: ActivationName, chunk: int
) -> None:
    monkeypatch.setattr(evaluate, "CHUNK", chunk)
    model, ids = network(config_of(cell, activation)), text_of(60)
    expected = by_token(model, [NEWLINE, *ids[:-1]], ids.tolist())
    assert stream_logprob(model, ids, NEWLINE) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize(("rows", "warmup"), [(2, 0), (3, 5), (7, 4), (7, 100)])
def test_a_stream_read_in_pieces(
    monkeypatch: pytest.MonkeyPatch, cell: CellName, activation: ActivationName, rows: int, warmup: int
) -> None:
    """Each piece from zeros, after ``warmup`` tokens of what stands before it: never more than the piece before."""
    monkeypatch.setattr(evaluate, "CHUNK", 4)
    model, ids = network(config_of(cell, activation)), text_of(61)
    each = -(-len(ids) // rows)
    back = min(warmup, each - 1)
    expected = by_token(model, [NEWLINE, *ids[: each - 1]], ids[:each].tolist())
    for start in range(each, len(ids), each):
        mine = ids[start : start + each]
        targets: list[int | None] = [*[None] * back, *map(int, mine)]
        expected += by_token(model, ids[start - 1 - back : start + len(mine) - 1].tolist(), targets)
    found = stream_logprob(model, ids, NEWLINE, rows=rows, warmup=warmup)
    assert found == pytest.approx(expected, rel=1e-6)


def test_pieces_with_a_warm_up_come_close_to_one_row() -> None:
    model, ids = network(config_of("lstm")), text_of(3000)
    whole = stream_logprob(model, ids, NEWLINE)
    assert stream_logprob(model, ids, NEWLINE, rows=5, warmup=100) == pytest.approx(whole, rel=1e-5)
    assert stream_logprob(model, ids, NEWLINE, rows=5) != pytest.approx(whole, rel=1e-5)


def test_a_simple_network_is_read_in_one_row() -> None:
    assert [whole_rows(n, "lstm") for n in (1, 4095, 8192, 10**7)] == [1, 1, 2, 32]
    assert whole_rows(10**7, "gru") == 32
    assert whole_rows(10**7, "rnn") == 1


@pytest.mark.parametrize(("cell", "activation"), CELLS)
@pytest.mark.parametrize("chunk", [3, 512])
def test_lines_equal_each_alone(
    monkeypatch: pytest.MonkeyPatch, cell: CellName, activation: ActivationName, chunk: int
) -> None:
    """With chunks of 3 most lines are longer than one: their state is carried."""
    monkeypatch.setattr(evaluate, "CHUNK", chunk)
    model, ids = network(config_of(cell, activation)), text_of(80)
    starts = line_starts(ids, NEWLINE)
    ends = [*starts[1:], len(ids)]
    lines = [ids[a:b].tolist() for a, b in zip(starts, ends, strict=True)]
    assert max(map(len, lines)) > 6
    expected = sum(by_token(model, [NEWLINE, *line[:-1]], line) for line in lines)
    assert lines_logprob(model, ids, starts, NEWLINE) == pytest.approx(expected, rel=1e-6)


def test_many_lines_in_several_batches() -> None:
    model, ids = network(config_of("gru")), text_of(1500, line=2)
    starts = line_starts(ids, NEWLINE)
    assert len(starts) > 512
    ends = [*starts[1:], len(ids)]
    alone = sum(stream_logprob(model, ids[a:b], NEWLINE) for a, b in zip(starts, ends, strict=True))
    assert lines_logprob(model, ids, starts, NEWLINE) == pytest.approx(alone, rel=1e-6)


# -- the part that is looked at


def validation(tokens: int, *, lines: bool = False, most_tokens: int = 65536) -> Validation:
    ids = text_of(tokens)
    starts = line_starts(ids, NEWLINE) if lines else None
    return Validation(
        ids=ids, starts=starts, newline_id=NEWLINE, count_text=count_tokens, most_tokens=most_tokens, most_rows=4
    )


def test_a_short_text_is_read_whole_and_exactly() -> None:
    model, ids = network(config_of("lstm")), text_of(400)
    look = validation(400)
    assert not look.partial
    lines = int((ids == NEWLINE).sum())
    expected = Tally(
        logprob=stream_logprob(model, ids, NEWLINE),
        tokens=400,
        lines=lines,
        words=lines,
        chars=400 - lines,
        bytes=400 - lines,
    )
    assert look.tally(model) == expected


def test_a_longer_stream_is_read_side_by_side_and_says_so() -> None:
    model, look = network(config_of("lstm")), validation(1000)
    assert look.partial
    found = look.tally(model)
    assert found.logprob == stream_logprob(model, text_of(1000), NEWLINE, rows=3)
    assert found.tokens == 1000


def test_of_a_long_stream_pieces_from_all_over_are_read() -> None:
    ids, look = text_of(5000), validation(5000, most_tokens=1000)
    assert look.partial
    assert look.rows == 4
    expected = [ids[start : start + 250] for start in (0, 1250, 2500, 3750)]
    assert np.array_equal(look.ids, np.concatenate(expected))
    model = network(config_of("gru"))
    rows = [stream_logprob(model, expected[0], NEWLINE)]
    rows += [
        by_token(model, [int(before[-1]), *map(int, piece[:-1])], piece.tolist())
        for before, piece in itertools.pairwise(expected)
    ]
    assert look.tally(model).logprob == pytest.approx(sum(rows), rel=1e-6)
    assert look.tally(model).tokens == 1000


def test_of_many_lines_whole_ones_are_read() -> None:
    whole = validation(1000, lines=True)
    assert not whole.partial
    assert len(whole.ids) == 1000
    part = validation(1000, lines=True, most_tokens=100)
    assert part.partial
    assert part.starts is not None
    assert 80 < len(part.ids) <= 100
    assert part.ids[-1] == NEWLINE
    assert np.array_equal(part.starts, line_starts(part.ids, NEWLINE))
    model = network(config_of("lstm"))
    assert part.tally(model).logprob == pytest.approx(lines_logprob(model, part.ids, part.starts, NEWLINE))
    # One line at least, however long.
    assert len(validation(1000, lines=True, most_tokens=1).ids) >= 1


def test_a_very_long_line_is_read_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = network(config_of("lstm")), text_of(300)
    starts = line_starts(ids, NEWLINE)
    together = lines_logprob(model, ids, starts, NEWLINE)
    monkeypatch.setattr(evaluate, "LONG_LINE", 3)
    assert lines_logprob(model, ids, starts, NEWLINE) == pytest.approx(together, rel=1e-6)
