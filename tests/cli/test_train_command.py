"""``rnncli train``: what is passed on, what is shown, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from rnncli import __main__ as program
from rnncli.cli.display import Json, step_text
from rnncli.cli.plan import plan_table
from rnncli.cli.summary import resume_hint, summary
from rnncli.events import Done, Setting, StepDone
from rnncli.formats.braille import curve
from rnncli.formats.progress import clock
from rnncli.records import Tally
from tests.cli.conftest import TOY, Call, clean_env


def test_only_what_was_given_is_passed_on(here: Call) -> None:
    code, out, err = here(
        "train", "a.txt", "b.txt", "--tokenizer", "char", "--no-tie", "--staircase",
        "--dropout", "0.5", "--dry-run",
    )  # fmt: skip
    assert (code, out) == (0, "")
    rows = [line.split()[:2] for line in err.splitlines() if "you said so" in line]
    assert sorted(rows) == [["dropout", "0.5"], ["kind", "char"], ["staircase", "True"], ["tie", "False"]]
    assert "a.txt b.txt" in err
    assert "loss" not in err


def test_events_are_on_stdout_with_json_only(here: Call) -> None:
    code, out, err = here("train", "x.txt", "--steps", "4", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [e["event"] for e in events] == [
        "plan", "step", "step", "eval", "step", "step", "eval", "saved", "notice", "done",
    ]  # fmt: skip
    assert set(events[-1]) >= {"event", "model", "steps", "seconds", "tokens_per_second", "valid", "params"}
    code, out, err = here("train", "x.txt", "--steps", "4")
    assert (code, out) == (0, "")
    assert "an n-gram model" in err
    assert "rnncli sample -m x" in err
    assert "\x1b" not in err
    assert here("train", "x.txt", "--steps", "4", "-q") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is nothing to train on"),
        (["x", "--steps", "1", "--minutes", "1"], "--minutes and --steps cannot be given together"),
        (["x", "--hidden-size", "0"], "--hidden-size must be at least 1 and at most 32768; got 0"),
        (["x", "--dropout", "1"], "--dropout must be at least 0 and less than 1; got 1.0"),
        (["x", "--minutes", "nan"], "--minutes must be more than 0; got nan"),
        (["x", "--cell", "gruu"], "Invalid value for '--cell': 'gruu' is not one of 'lstm', 'gru', 'rnn'"),
        (["x", "--layers", "two"], "Invalid value for '--layers': 'two' is not a valid int"),
        (["x", "--overwrit"], "No such option: --overwrit (Possible options: --overwrite)"),
        (["x", "--steps"], "Option '--steps' requires an argument"),
        (["x", "--name", "a/b"], "a model's name has no slashes: a/b"),
        (["x", "--resume", "y", "--name", "z"], "CORPUS, --name cannot be given with --resume"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(here: Call, arguments: list[str], message: str) -> None:
    code, out, err = here("train", *arguments)
    first, *rest = err.splitlines()
    assert (code, out) == (2, "")
    assert first == f"rnncli: error: {message}"
    assert len(rest) <= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_signal_stops_saves_and_says_how_to_resume(tmp_path: Path, number: int, as_json: bool) -> None:
    arguments = ["train", "my text.txt", "--steps", "1000", *(["--json"] if as_json else [])]
    child = subprocess.Popen(
        [*TOY, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=clean_env({"TOY_SECONDS": "0.05"}),
    )
    assert child.stdout is not None
    assert child.stderr is not None
    for line in child.stdout if as_json else child.stderr:
        if b"step" in line and b"you said" not in line and b"plan" not in line:
            break
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "stopping: this step is finished and saved first" in err.decode()
    if as_json:
        assert json.loads(out.splitlines()[-1])["reason"] == "interrupted"
        assert "stopped and saved; go on with: rnncli train --resume my-text\n" in err.decode()
    else:
        assert "Go on with:\n  rnncli train --resume my-text\n" in err.decode()


def test_a_signal_before_the_training_promises_no_save(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*TOY, "train", "x.txt", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
        env=clean_env({"TOY_PREPARING": "30"}),
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    assert child.stderr.readline() == b"rnncli: stopping: nothing is saved yet; Ctrl-C again leaves at once\n"
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)


def test_quiet_says_nothing_of_a_resume(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        Json(quiet).event(done(reason="interrupted"))
    assert capsys.readouterr().err == "rnncli: stopped and saved; go on with: rnncli train --resume demo\n"


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*TOY, "train", "x.txt", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
        env=clean_env({"TOY_SECONDS": "30"}),
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    # The first stops nothing yet: the toy's step takes half a minute.
    os.kill(child.pid, signal.SIGINT)
    assert b"stopping" in child.stderr.readline()
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(5) == 130
    child.communicate()


def toy_training(tmp_path: Path, *arguments: str, **given: Any) -> subprocess.Popen[bytes]:
    """A toy training that is well under way, told of on stdout."""
    child = subprocess.Popen(
        [*TOY, "train", "x.txt", "--steps", "60", "--json", *arguments], stdout=subprocess.PIPE, cwd=tmp_path,
        **{"stderr": subprocess.PIPE, "env": clean_env({"TOY_SECONDS": "0.05"}), **given},
    )  # fmt: skip
    assert child.stdout is not None
    for _ in range(4):
        assert child.stdout.readline()
    return child


def test_a_hang_up_is_no_second_signal(tmp_path: Path) -> None:
    child = toy_training(tmp_path, env=clean_env({"TOY_SECONDS": "0.3"}))
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        os.kill(child.pid, number)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, err.decode().count("stopping")) == (130, 1)
    assert json.loads(out.splitlines()[-1])["reason"] == "interrupted"


def test_under_nohup_a_hang_up_is_nothing(tmp_path: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    child = toy_training(tmp_path, preexec_fn=ignore)
    os.kill(child.pid, signal.SIGHUP)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, b"")
    assert json.loads(out.splitlines()[-1])["reason"] == "steps"


@pytest.mark.parametrize("leads", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_a_terminal_that_goes_ends_a_training_well(tmp_path: Path, leads: bool, plain: bool) -> None:
    """The system tells the one whose terminal it is; another one, disowned, finds that it cannot write there."""
    master, slave = os.openpty()

    def on_terminal() -> None:
        os.setsid()
        if leads:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    env = clean_env({"TOY_SECONDS": "0.05", "TERM": "dumb" if plain else "xterm"})
    with open(tmp_path / "out", "wb") as out:
        child = subprocess.Popen(
            [*TOY, "train", "x.txt", "--steps", "40"], stdout=out, stderr=slave, stdin=slave, cwd=tmp_path, env=env,
            preexec_fn=on_terminal,
        )  # fmt: skip
    os.close(slave)
    seen = b""
    while b"step 2" not in seen and b"loss" not in seen:
        seen += os.read(master, 1 << 16)
    os.close(master)
    assert child.wait(20) == (130 if leads else 0)


def test_a_signal_while_modules_are_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "call", interrupted)
    monkeypatch.setattr(program, "leave", sys.exit)
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_a_second_ctrl_c_while_it_leaves_is_no_traceback() -> None:
    code = """if True:
        import os, signal, sys
        from rnncli import __main__ as program

        class Asked:
            def flush(self):
                os.kill(os.getpid(), signal.SIGINT)

        def interrupted(arguments):
            sys.stdout = Asked()
            raise KeyboardInterrupt

        program.call = interrupted
        program.main()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False, env=clean_env())
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_the_plan_is_aligned_and_wraps_its_reasons() -> None:
    settings = [
        Setting(name="cell", value="lstm", why="the best of the three on short budgets, and the fastest here too"),
        Setting(name="vocabulary", value="3,000 words 字", why=""),
    ]
    assert plan_table(settings, color=False, columns=60).splitlines() == [
        "cell        lstm            the best of the three on short",
        "                            budgets, and the fastest here",
        "                            too",
        "vocabulary  3,000 words 字",
    ]
    wide = Setting(name="recurrent dropout", value="all but the last tenth", why="it could be learned by heart")
    assert plan_table([wide], color=False, columns=60).splitlines() == [
        "recurrent dropout  all but the last tenth",
        " " * 35 + "it could be learned by",
        " " * 35 + "heart",
    ]
    long = Setting(name="corpus", value="x" * 50, why="it is long")
    assert plan_table([long], color=False, columns=70).splitlines()[1].strip() == "it is long"


def test_the_curve() -> None:
    assert curve([], 4) == curve([1.0], 4) == ""
    assert curve([3, 2, 1, 0], 4) == chr(0x2800 | 0x01 | 0x10) + chr(0x2800 | 0x04 | 0x80)
    assert curve([1, 1, 1, 1], 2) == "\u28c0\u28c0"
    assert len(curve([float(i % 7) for i in range(999)], 20)) == 20
    assert curve([1, float("nan"), float("inf"), 0], 4) == chr(0x2800 | 0x01 | 0x80)


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.6, 65, 3600, 7325, -3, float("inf"))] == [
        "0:00", "1:00", "1:05", "1:00:00", "2:02:05", "0:00", "0:00",
    ]  # fmt: skip


def test_step_text() -> None:
    step = StepDone(
        step=7, loss=1.5, nats_per_char=None, learning_rate=0.1, grad_norm=0.25, tokens_per_second=12345.6,
        progress=0.5, seconds=1, seconds_left=61, skipped=2,
    )  # fmt: skip
    assert step_text(step) == "step 7  loss 1.500  12,346 tokens/s  gradient 0.25  1:01 left  2 skipped"


def done(**changes: object) -> Done:
    valid = Tally(logprob=-200.0, tokens=80, lines=10, words=30, chars=90, bytes=90)
    values = {
        "model": "models/demo", "steps": 100, "seconds": 60.0, "tokens_per_second": 5000.0, "valid": valid,
        "train": None, "params": 1_234_567, "uniform_nats_per_char": None, "ngram_nats_per_char": None,
        "reason": "budget",
    }  # fmt: skip
    return Done(**{**values, **changes})  # type: ignore[arg-type]


def test_the_summary() -> None:
    text = summary(done(), color=False)
    assert "100 steps in 60.0 s, 5,000 tokens/s; 1.23M parameters" in text
    assert "2.0000  = 2.885 bits per byte, perplexity 148.4 per word" in text
    assert "rnncli sample -m demo" in text
    train = Tally(logprob=-100.0, tokens=80, lines=10, words=30, chars=90, bytes=90)
    text = summary(done(train=train, ngram_nats_per_char=1.6, uniform_nats_per_char=4.0), color=False)
    assert "1.0000  gap 1.000: it fits its own text much better" in text
    assert "1.6000  this model is 25 % worse" in text
    assert "every character alike               4.0000" in text
    assert "ceased to improve" in summary(done(reason="patience"), color=False)
    assert "--resume demo" in summary(done(reason="interrupted"), color=False)
    word = Tally(logprob=-200.0, tokens=40, lines=10, words=30, chars=90, bytes=90, lossless=False)
    assert "validation perplexity 148.4 per word" in summary(done(valid=word), color=False)


def test_the_next_commands_name_the_model() -> None:
    assert "-m 'my model'" in summary(done(model="models/my model"), color=False)
    assert "-m ./elsewhere\n" in summary(done(model="elsewhere"), color=False)
    assert "-m 'a;\u241b b'\n" in summary(done(model="models/a;\x1b\nb"), color=False)
    assert resume_hint("out/my model").endswith("--resume 'out/my model'")
