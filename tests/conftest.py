"""What all tests share: no skipped or expected failure passes, and a tiny model trained once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HIDDEN: list[str] = []
"""Tests that did not run or were expected to fail."""

TINY_TEXT = "".join(
    f"{who} {did} the {what} and the {other} {did} {who}.\n"
    for who in ("Anna", "Bob", "the cat")
    for did in ("saw", "heard", "followed", "knew")
    for what in ("moon", "river", "old house", "small dog")
    for other in ("wind", "teacher", "sea")
)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note each test that was skipped, or that has an xfail mark, whatever became of it, in whatever process it ran."""
    if report.skipped or hasattr(report, "wasxfail"):
        HIDDEN.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a module that was skipped as a whole."""
    if report.skipped:
        HIDDEN.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that left something out has failed."""
    if HIDDEN and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many, 0 included."""
    for name in HIDDEN:
        terminalreporter.write_line(f"SKIPPED or XFAILED {name}")
    terminalreporter.write_line(f"{len(HIDDEN)} skipped or xfailed")


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text file of 144 lines."""
    path = tmp_path_factory.mktemp("corpus") / "tiny.txt"
    path.write_text(TINY_TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model trained on it for a few steps: a stream, hybrid."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return train_small(tiny_corpus, folder, steps=30, hidden_size=24, embedding_size=24, vocab_size=60, unit="stream")


def train_small(corpus: Path, folder: Path, *, threads: int = 1, **given: Any) -> Path:
    """The folder of a model of one small layer, unless told otherwise."""
    from rnncli.api import TrainRequest, open_run

    request = TrainRequest(
        corpora=(str(corpus),),
        given={"hidden_size": 16, "embedding_size": 16, "layers": 1, **given},
        out=str(folder),
        device="cpu",
        threads=threads,
    )
    for _ in open_run(request).events():
        pass
    return folder


def like_any_other(option: str, corpus: Path, folder: Path) -> Path:
    """A model that learned with a switch has the arrays of one without, and others in them. Returns the latter."""
    from safetensors.numpy import load_file

    from rnncli.api import load
    from rnncli.store import WEIGHTS

    arrays = []
    for on in (True, False):
        made = train_small(corpus, folder / str(on), steps=3, vocab_size=60, precision="fp32", **{option: on})
        arrays.append(load_file(made / WEIGHTS))
        [score] = load(made).score(["a line"])
        assert score.tally.logprob < 0
    assert {k: a.shape for k, a in arrays[0].items()} == {k: a.shape for k, a in arrays[1].items()}
    assert not any((a == arrays[1][k]).all() for k, a in arrays[0].items() if k.endswith("embedding"))
    return made
