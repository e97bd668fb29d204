"""Help shows every command and every option of the one table, and none that does not exist yet."""

from __future__ import annotations

import pytest

from rnncli.cli.fields import describe_bounds
from rnncli.config import TRAINING_OPTIONS, SampleConfig, flag_of, options_of
from tests.cli.conftest import Call


def test_commands(here: Call) -> None:
    code, out, err = here("--help")
    assert (code, err) == (0, "")
    listed = out[out.index("Commands:") :].split("\n")
    assert [line.split()[0] for line in listed[1:] if line.strip()] == [
        "train", "chat", "sample", "score", "compare", "export", "models", "corpora",
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("models",), ("corpora",)])
def test_no_arguments_is_help(here: Call, arguments: tuple[str, ...]) -> None:
    assert here(*arguments) == here(*arguments, "--help")


def test_version(here: Call) -> None:
    from rnncli import __version__

    assert here("--version") == (0, f"rnncli {__version__}\n", "")


def test_train_has_the_table(here: Call) -> None:
    out = here("train", "-h").out
    words = out.split()
    for config in TRAINING_OPTIONS:
        for field in options_of(config):
            assert flag_of(field) in words, field.name
    for flag in (
        "--tie / --no-tie",
        "--name",
        "--out",
        "--resume",
        "--overwrite",
        "--from",
        "--dry-run",
        "--json",
    ):
        assert flag in out
    assert "--no-lowercase" not in out
    order = [out.index(f"\n{panel}:") for panel in ("Options", "Budget", "Text", "Network", "Training")]
    assert order == sorted(order)


def test_sample_has_the_table_with_its_defaults(here: Call) -> None:
    out = " ".join(here("sample", "--help").out.split())
    for field in options_of(SampleConfig):
        assert flag_of(field) in out.split() or f"{flag_of(field)}," in out.split(), field.name
    assert "[default: 0.8]" in out
    assert "-n, --max-tokens <int> Most tokens to sample. (0 or more) [default: 200]" in out


def test_engines_that_there_are_not_are_refused(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("sample", "score"):
        assert "<auto|onnx|torch>" in here(command, "--help").out
        code, out, err = here(command, "--engine", "tensorflow")
        assert (code, out) == (2, "")
        assert "'tensorflow' is not one of 'auto', 'onnx', 'torch'" in err
    monkeypatch.setenv("RNNCLI_ENGINE", "tensorflow")
    code, out, err = here("score")
    assert (code, out) == (2, "")
    assert "RNNCLI_ENGINE" in err
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"low": 1, "high": 32}, "1 to 32"),
        ({"low": 0, "below": 1}, "0 to 1, 1 left out"),
        ({"above": 0, "high": 1}, "more than 0, at most 1"),
        ({"above": 0}, "more than 0"),
        ({"low": 0, "high": 2**63 - 1}, "0 or more"),
        ({}, ""),
    ],
)
def test_bounds_in_words(bounds: dict[str, float], words: str) -> None:
    assert describe_bounds(bounds) == words
