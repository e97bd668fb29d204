"""The screen of a training: over scripted trainers without a terminal, and the real command in a real one."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from rnncli import api, library
from rnncli.cli.summary import summary
from rnncli.cli.watching import without_flag
from rnncli.formats.events import read
from rnncli.tui.checkpoints import Checkpoints
from rnncli.tui.history import LOG_LINES, History
from rnncli.tui.plot import Plot, draw, ticks_of, time_ticks
from rnncli.tui.series import Series
from rnncli.tui.trainer_process import TrainerProcess
from rnncli.tui.training import TrainingApp
from rnncli.tui.training_panels import LossPlot
from tests.tui import scripted
from tests.tui.conftest import screen_text
from tests.tui.test_terminal import ESCAPES, environment, until

SCRIPT = str(Path(scripted.__file__))
SAMPLE = "First line \x1b[2J\x9b\nsecond line [b]no markup[/b]"
Walk = Callable[[TrainingApp, Pilot[None]], Coroutine[Any, Any, None]]


def start(folder: Path, end: str) -> TrainerProcess:
    return TrainerProcess([sys.executable, "-S", SCRIPT, str(folder), end], History())


def watch(folder: Path, end: str, walk: Walk, size: tuple[int, int] = (100, 30)) -> TrainerProcess:
    """A trainer's screen, walked through by a pilot."""
    trainer = start(folder, end)
    app = TrainingApp(trainer, Checkpoints(lambda model: f"{SAMPLE} of {model}"))

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await walk(app, pilot)

    try:
        asyncio.run(run())
    finally:
        trainer.kill()
    assert trainer.wait(5)
    return trainer


async def wait_for(pilot: Pilot[None], true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, screen_text(pilot.app)
        await pilot.pause(0.02)


async def shows(app: TrainingApp, pilot: Pilot[None], *wanted: str) -> str:
    """The screen, once all this stands on it."""
    await wait_for(pilot, lambda: all(text in screen_text(app) for text in wanted))
    return screen_text(app)


def is_clean(text: str) -> bool:
    return not any(char in text for char in "\x1b\x07\x9b")


# -- the screen


def test_a_training_is_shown_in_all_sizes_until_it_is_left(tmp_path: Path) -> None:
    async def walk(app: TrainingApp, pilot: Pilot[None]) -> None:
        text = await shows(app, pilot, "Ended", "First line", "a notice")
        assert "Ended: 1.7250 nats per character on the whole validation text. q leaves." in text
        for words in (
            "loss, nats per character", "training 1.", "validation 1.725", "◆ best", "learning rate", "0.005",
            "25 %", "tokens/s", "skipped", "tokenizer hybrid", "words as wholes", "step 40", "saved", "seed 1",
            "second line [b]no markup[/b]", "q leave",
        ):  # fmt: skip
            assert words in text, words
        assert is_clean(text)
        for width, height in ((20, 5), (60, 20), (160, 50), (1, 1), (89, 7), (100, 9), (100, 30)):
            await pilot.resize_terminal(width, height)
            await pilot.pause(0.02)
            text = screen_text(app)
            assert is_clean(text)
            if width >= 60:
                assert "1.7250" in text
            assert (width >= 90 and height >= 16) == ("╭─ plan ─" in text)
        assert app.is_running
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running

    trainer = watch(tmp_path, "end", walk)
    assert (trainer.code, trainer.end, trainer.interrupts) == (0, "done", 0)
    told = read(json.dumps(scripted.done(str(tmp_path), "budget")))
    assert trainer.done == told


def test_one_panel_alone_and_all_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def walk(app: TrainingApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "Ended", "First line")
        for key, words, back in (("p", "nothing is unknown", "p"), ("l", "0:07 ◆ step 40", "escape")):
            await pilot.press(key)
            await shows(app, pilot, words)
            await wait_for(pilot, lambda: "◆ best" not in screen_text(app))
            assert words in screen_text(app)
            await pilot.press(back)
            await shows(app, pilot, "◆ best")
        await pilot.press("x")
        await shows(app, pilot, "over time", "0:05")
        assert app.screen.query_one(LossPlot).axis == "time"
        await pilot.press("f1")
        await shows(app, pilot, "q stops the training")
        await pilot.press("f1")
        app.checkpoints.want("another", 50)
        app.checkpoints.close()
        await pilot.press("left", "right", "left")
        await shows(app, pilot, "First line")

    watch(tmp_path, "end", walk)


def test_q_stops_and_saves_and_leaves(tmp_path: Path) -> None:
    async def walk(app: TrainingApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "0 %", "q stop and save")
        await pilot.press("q")
        await wait_for(pilot, lambda: not app.is_running)

    trainer = watch(tmp_path, "wait", walk, (60, 20))
    assert (trainer.code, trainer.end, trainer.interrupts) == (130, "interrupted", 1)
    assert (tmp_path / "saved").exists()
    assert trainer.done is not None
    assert "Stopped and saved" in summary(trainer.done, color=False)


def test_a_second_press_leaves_at_once(tmp_path: Path) -> None:
    async def walk(app: TrainingApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "0 %")
        await pilot.press("ctrl+c")
        await shows(app, pilot, "Stopping and saving", "again leaves at once")
        assert app.is_running
        await pilot.press("ctrl+q")
        await wait_for(pilot, lambda: not app.is_running)
        assert app.trainer.wait(5)

    trainer = watch(tmp_path, "deaf", walk)
    assert (trainer.code, trainer.end, trainer.done) == (130, "interrupted", None)
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        ("die", 1, ("killed (SIGKILL)", "--resume")),
        ("late", 1, ("training diverged␛[5m. Try less.", "q leaves")),
        ("garbage", 0, ("a library talks ␛[2J", "no event", "Ended")),
    ],
)
def test_how_it_ended_is_said(tmp_path: Path, end: str, code: int, words: tuple[str, ...]) -> None:
    async def walk(app: TrainingApp, pilot: Pilot[None]) -> None:
        text = await shows(app, pilot, *words)
        assert is_clean(text)
        assert app.is_running

    assert watch(tmp_path, end, walk, (160, 40)).code == code


def test_an_error_before_there_is_a_plan_needs_no_screen(tmp_path: Path) -> None:
    async def walk(app: TrainingApp, pilot: Pilot[None]) -> None:
        await wait_for(pilot, lambda: not app.is_running)

    trainer = watch(tmp_path, "early", walk)
    assert (trainer.code, trainer.end) == (4, "failed")
    assert trainer.stderr == "rnncli: error: nowhere.txt: no such file\nName one that is there.\n"


# -- what is kept


@given(st.lists(st.floats(-1e6, 1e6), max_size=600), st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_a_thinned_curve_is_short_and_keeps_its_shape(values: list[float], most: int) -> None:
    series = Series(most)
    for x, y in enumerate(values):
        series.add(x, y)
        series.add(x, float("nan"))
    spans = list(series)
    assert len(series) <= most
    assert len(series) > min(len(values), most) / 2 - 1
    assert sum(span.size for span in spans) == len(values)
    begin = 0
    for span in spans:
        part = values[begin : begin + span.size]
        assert span.y == pytest.approx(sum(part) / span.size, rel=1e-6, abs=1e-3)
        assert (span.low, span.high) == (min(part), max(part))
        assert span.x == pytest.approx(begin + (span.size - 1) / 2, abs=1e-6)
        begin += span.size


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.floats(-1e3, 1e3)), max_size=40),
    st.lists(st.tuples(st.integers(0, 10**7), st.floats(-1e3, 1e3)), max_size=8),
    st.integers(0, 90), st.integers(0, 30), st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_plot_fits_its_place(
    train: list[tuple[float, float]], valid: list[tuple[float, float]], width: int, height: int, time: bool
) -> None:
    lines = draw(Plot(sorted(train), sorted(valid), None, time), width, height)
    assert len(lines) in (0, height)
    for line in lines:
        assert sum(len(text) for text, _ in line) <= width


def test_ticks_are_round() -> None:
    assert ticks_of(1.43, 2.12, 4) == [1.6, 1.8, 2.0]
    assert time_ticks(0, 65, 5) == [0, 15, 30, 45, 60]
    assert max(map(len, (time_ticks(0, 10.0**n, 5) for n in range(9)))) <= 6


def test_what_is_kept_of_a_long_run_is_bounded() -> None:
    history = History()
    base = scripted.step(1)
    for number in range(1, 6000):
        history.add(read(json.dumps({**base, "step": number})) or ())
        if number % 10 == 0:
            event = {"event": "eval", "step": number, "valid": {"nats_per_char": 2.0}, "train_loss": 1.0}
            found = read(json.dumps({**event, "partial": False, "best": number == 10}))
            assert found is not None
            history.add(found)
    assert len(history.log) == LOG_LINES
    assert len(history.losses["steps"]) <= history.losses["steps"].most
    assert len(history.valid) <= 512
    assert history.best in history.valid


def test_a_run_that_goes_on_shows_its_earlier_part(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    earlier: list[dict[str, Any]] = [
        {"event": "StepDone", "step": n, "loss": 6.0, "learning_rate": 0.1, "seconds": 3.0 + n} for n in range(1, 21)
    ]
    earlier.append({"event": "Evaluated", "step": 20, "valid": {"nats_per_char": 2.5}, "partial": True, "best": True})
    (tmp_path / "training" / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in earlier))
    history = History()
    for event in scripted.events(str(tmp_path)):
        if event.get("step", 21) > 20:
            history.add(read(json.dumps(event)) or ())
    points = history.losses["time"].points
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[0] == (4.0, 2.0)  # in the unit of what comes after it
    assert [mark.step for mark in history.valid] == [20, 30, 40]
    assert history.seconds == 23 + 3 + 4


def test_a_sample_is_the_same_for_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncli.tui.checkpoints.REST", 0)
    folder = library.starter()
    assert folder is not None
    checkpoints = Checkpoints()
    for step in (10, 20):
        checkpoints.want(str(folder), step)
        end = time.monotonic() + 20
        while not (checkpoints.samples and checkpoints.samples[-1].step == step):
            assert time.monotonic() < end
            time.sleep(0.01)
    first, second = checkpoints.samples
    assert first.text == second.text == api.load(folder, threads=1).sample(seed=1, max_tokens=240).text
    checkpoints.close()


def test_another_network_has_its_own_curves() -> None:
    history = History()
    for _ in range(2):
        for event in scripted.events("x"):
            history.add(read(json.dumps(event)) or ())
    assert len(history.losses["steps"]) == scripted.STEPS
    assert len(history.valid) == scripted.STEPS // 10


@pytest.mark.parametrize(
    ("given_", "passed"),
    [
        (["a", "--tui", "--steps", "3"], ["a", "--steps", "3"]),
        (["--tui", "--tui", "a"], ["a"]),
        (["--name", "--tui", "--tui", "a"], ["--name", "--tui", "a"]),
        (["--name=--tui", "--", "--tui"], ["--name=--tui", "--", "--tui"]),
        (["--name"], ["--name"]),
    ],
)
def test_only_the_flag_is_left_out(given_: list[str], passed: list[str]) -> None:
    assert list(without_flag(given_, "--tui", {"--name", "--steps"})) == passed


# -- the command


def in_terminal(arguments: list[str], folder: Path, code: str = "", stdin: int | None = None) -> tuple[int, int]:
    """``rnncli train ARGUMENTS`` in a pseudo-terminal; ``code`` runs before it."""
    script = f"import sys\n{code}\nfrom rnncli.__main__ import leave, call\nleave(call(['train', *sys.argv[1:]]))"
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        if stdin is not None:
            os.dup2(stdin, 0)
        os.execve(sys.executable, [sys.executable, "-c", script, *arguments], environment(folder))
    return pid, master


def ended(pid: int, master: int, sent: bytes = b"") -> tuple[int, bytes]:
    """The exit code, and what was sent to the terminal to its end."""
    while True:
        try:
            data = os.read(master, 1 << 16)
        except OSError:
            break
        if not data:
            break
        sent += data
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sent


def scripted_command(folder: Path, end: str) -> str:
    command = [sys.executable, "-S", SCRIPT, str(folder), end]
    return f"from rnncli.cli import watching\nwatching.command = lambda arguments: {command!r}"


LEFT = b"\x1b[?1049l"


def test_the_real_command_trains_stops_and_sums_up(tiny_corpus: Path, tmp_path: Path) -> None:
    """The corpus comes through a pipe, and keys from the terminal all the same."""
    small = ["--hidden-size", "16", "--embedding-size", "16", "--device", "cpu", "--threads", "1"]
    with open(tiny_corpus, "rb") as corpus:
        pid, master = in_terminal(
            ["-", "--tui", "--steps", "3000", "--out", "model", *small], tmp_path,
            stdin=corpus.fileno(),
        )  # fmt: skip
    try:
        sent = until(master, b"left")
        os.write(master, b"q")
        code, sent = ended(pid, master, sent)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    assert code == 130
    after = sent[sent.rindex(LEFT) :].decode()
    assert "nats per character" in after
    assert "rnncli train --resume ./model" in after
    assert api.load(tmp_path / "model").config["status"] == "interrupted"


def test_a_signal_stops_and_saves(tmp_path: Path) -> None:
    pid, master = in_terminal(["x", "--tui"], tmp_path, scripted_command(tmp_path, "wait"))
    sent = until(master, b"left")
    os.kill(pid, signal.SIGTERM)
    code, sent = ended(pid, master, sent)
    assert code == 130
    assert b"Stopped and saved in" in sent[sent.rindex(LEFT) :]
    assert (tmp_path / "saved").exists()


def test_without_its_terminal_the_training_is_saved(tmp_path: Path) -> None:
    pid, master = in_terminal(["x", "--tui"], tmp_path, scripted_command(tmp_path, "wait"))
    until(master, b"left")
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        ("early", 4, "rnncli: error: nowhere.txt: no such file\r\nName one that is there.\r\n"),
        ("die", 1, "rnncli: error: the training was killed (SIGKILL)\r\nGo on with: rnncli train --resume "),
    ],
)
def test_the_end_is_the_training_s(tmp_path: Path, end: str, code: int, words: str) -> None:
    pid, master = in_terminal(["x", "--tui"], tmp_path, scripted_command(tmp_path, end))
    sent = b""
    if end == "die":
        sent = until(master, b"SIGKILL")
        os.write(master, b"q")
    found, sent = ended(pid, master, sent)
    assert found == code
    assert words in ESCAPES.sub(b"", sent[sent.rindex(LEFT) :]).decode()


def test_a_corpus_cannot_be_typed_beside_the_keys(tmp_path: Path) -> None:
    code, sent = ended(*in_terminal(["-", "--tui"], tmp_path))
    assert code == 2
    assert "with --tui the keyboard is for its keys" in ESCAPES.sub(b"", sent).decode()


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["x"], "train --tui needs a terminal to draw on"),
        (["x", "--json"], "--tui and --json cannot be given together"),
        (["x", "--dry-run", "-q"], "--tui and --dry-run and -q cannot be given together"),
        ([], "there is nothing to train on"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(tmp_path: Path, arguments: list[str], first: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rnncli", "train", "--tui", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"rnncli: error: {first}"
    assert len(done.stderr.splitlines()) == 2
