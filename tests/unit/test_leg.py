"""How the training of one network fits itself to the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import rnncli.training.leg as module
from rnncli.api import TrainRequest, open_run, resume_run
from rnncli.events import Done, Evaluated
from rnncli.store import TRAINING
from rnncli.training.evaluate import WARMUP, whole_rows
from rnncli.training.leg import END_SECONDS, MOST_SAMPLED, Leg
from rnncli.training.runfile import RUN
from rnncli.training.state import load_state
from rnncli.training.trainer import FEWEST_LOOKED_AT


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("kind", "most", "seconds", "steps", "expected"),
    [
        ("cpu", 4, {4: 1.0, 1: 2.0}, None, 4),
        ("cpu", 4, {4: 2.0, 1: 1.0}, None, 1),
        ("cpu", 4, {4: 2.0, 1: 1.0}, 100, 2),
        ("cpu", 1, {1: 1.0}, None, 2),
        ("cuda", 4, {4: 2.0, 1: 1.0}, None, 2),
    ],
)
def test_one_thread_where_it_is_faster_and_time_is_the_budget(
    kind: str, most: int, seconds: dict[int, float], steps: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def read(*arguments: Any, **options: Any) -> float:
        clock[0] += seconds[torch.get_num_threads()]
        return 0.0

    monkeypatch.setattr(module, "stream_logprob", read)
    torch.set_num_threads(2)
    leg: Any = Leg.__new__(Leg)
    leg.setup = SimpleNamespace(machine=SimpleNamespace(kind=kind, threads=most), now=lambda: clock[0])
    leg.trainer = SimpleNamespace(total_steps=steps, shadow=None)
    leg.prepared = SimpleNamespace(ids=np.zeros(999, np.int64), tokenizer=SimpleNamespace(newline_id=0))
    leg._choose_threads()
    assert torch.get_num_threads() == expected


def test_one_bad_moment_does_not_end_a_training_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of the validation text takes a hundredth of a second, and now and then three."""
    clock, pace = [0.0], [0.01]

    def read(model: Any, ids: Any, newline: int, *, rows: int) -> float:
        clock[0] += len(ids) * (pace.pop(0) if len(pace) > 1 else pace[0])
        return 0.0

    monkeypatch.setattr(module, "stream_logprob", read)
    leg: Any = Leg.__new__(Leg)
    leg.setup = SimpleNamespace(now=lambda: clock[0])
    leg.trainer = SimpleNamespace(shadow=None, job=SimpleNamespace(unit="stream", model=SimpleNamespace(cell="lstm")))
    leg.prepared = SimpleNamespace(valid_ids=np.zeros(800, np.int64), tokenizer=SimpleNamespace(newline_id=0))
    leg._eval_speed = np.inf
    calm = leg._reserve(2000.0)
    rows = whole_rows(800, "lstm")
    assert leg._sampled == MOST_SAMPLED
    assert calm == pytest.approx(END_SECONDS + 1.2 * 0.01 * (800 + rows * WARMUP + MOST_SAMPLED))
    for moments in ([0.03, 0.01, 0.01], [0.01, 0.03, 0.01], [0.01, 0.01, 0.03]):
        pace[:] = moments
        assert leg._reserve(2000.0) == pytest.approx(calm)
    # A machine that has slowed down is another matter.
    pace[:] = [0.02]
    assert leg._reserve(2000.0) == pytest.approx(
        END_SECONDS + 2 * (calm - END_SECONDS) - 0.024 * (MOST_SAMPLED - 12_500)
    )
    assert leg._sampled == 12_500  # which take 250 seconds, 0.01 of 25,000


def test_looks_at_the_validation_text_fit_the_time_and_stay_the_same(tiny_corpus: Path, tmp_path: Path) -> None:
    given = {"minutes": 0.02, "hidden_size": 8, "embedding_size": 8, "vocab_size": 20, "batch_size": 4, "bptt": 8}
    request = TrainRequest(corpora=(str(tiny_corpus),), given=given, out=str(tmp_path / "a"), device="cpu", threads=1)
    list(open_run(request).events())
    loaded = load_state(tmp_path / "a" / TRAINING)
    assert loaded is not None
    chosen = loaded[0].looked_at
    assert chosen is not None
    assert chosen >= FEWEST_LOOKED_AT
    list(resume_run(str(tmp_path / "a"), {"minutes": 0.04}).events())
    again = load_state(tmp_path / "a" / TRAINING)
    assert again is not None
    assert again[0].looked_at == chosen


def test_looks_of_a_run_of_so_many_steps_read_a_part_of_what_it_trains_on(tmp_path: Path) -> None:
    text, valid = tmp_path / "text.txt", tmp_path / "valid.txt"
    text.write_text("one two three four five six seven\n" * 300)
    valid.write_text("one two three four five six seven\n" * 2000)
    given = {"steps": 40, "hidden_size": 8, "kind": "char", "batch_size": 16, "bptt": 64, "valid": str(valid)}
    events = list(open_run(TrainRequest(corpora=(str(text),), given=given, out=str(tmp_path / "a"))).events())
    assert all(event.partial for event in events if isinstance(event, Evaluated))
    loaded = load_state(tmp_path / "a" / TRAINING)
    assert loaded is not None
    assert loaded[0].looked_at == FEWEST_LOOKED_AT  # 0.06 of four steps of 1,024 tokens are fewer


@pytest.mark.usefixtures("threads")
def test_a_run_from_before_some_facts_were_known_goes_on(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one two three four five six seven\n" * 300)
    given = {"steps": 2, "hidden_size": 8}
    list(open_run(TrainRequest(corpora=(str(text),), given=given, out=str(tmp_path / "a"), device="cpu")).events())
    path = tmp_path / "a" / TRAINING / RUN
    run = json.loads(path.read_text())
    for name in ("common_chars", "coverage", "repeats"):
        del run["facts"][name]
    path.write_text(json.dumps(run))
    *_, done = resume_run(str(tmp_path / "a"), {"steps": 3}).events()
    assert isinstance(done, Done)
    assert done.steps == 3
