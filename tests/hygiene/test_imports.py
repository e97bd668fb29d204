"""What a command imports: heavy libraries only where they are used, and nothing at all where a text will do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALL = """
import sys
before = set(sys.modules)
from rnncli.__main__ import call
code = call({arguments})
after = set(sys.modules)
sys.stdout.flush()
import json
print()
print(json.dumps([code, sorted(after - before)]))
"""
HEAVY = {"torch", "numpy", "rich", "tokenizers", "safetensors", "textual", "onnxruntime", "pydantic"}
NARROW = "70"
"""Columns for which help is not written down."""


def modules_after(code: str, folder: Path, columns: str = "", stdin: str = "") -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": columns},
        check=True,
    )
    exit_code, names = json.loads(done.stdout.splitlines()[-1])
    return exit_code, set(names)


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], HEAVY),
        (["train", "--help"], HEAVY),
        (["score", "--help"], HEAVY),
        (["corpora", "list"], HEAVY),
        (["train", "corpus.txt", "--dry-run", "--device", "cpu"], {"torch", "textual", "rich"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(tmp_path: Path, arguments: list[str], forbidden: set[str]) -> None:
    text = "".join(f"The {i}th line of a text that is long enough to be planned for.\n" for i in range(60))
    (tmp_path / "corpus.txt").write_text(text)
    code, modules = modules_after(CALL.format(arguments=arguments), tmp_path, NARROW)
    assert code == 0
    assert "typer" in modules
    assert not packages(modules) & forbidden


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--version"], ["score", "--help"], ["models", "list", "-h"]])
def test_help_and_version_import_nothing(tmp_path: Path, arguments: list[str]) -> None:
    code, modules = modules_after(CALL.format(arguments=arguments), tmp_path)
    assert code == 0
    assert modules == {
        "__future__", "gc", "rnncli", "rnncli.__main__", "rnncli.cli", "rnncli.cli.commands", "rnncli.cli.instant",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["score", "--format", "none"], "score"),
        (["score", "--help"], "score"),
        (["models", "list"], "models"),
        (["corpora", "list"], "corpora"),
        (["nonsense"], None),
    ],
)
def test_a_command_leaves_the_others_alone(tmp_path: Path, arguments: list[str], command: str | None) -> None:
    _, modules = modules_after(CALL.format(arguments=arguments), tmp_path, NARROW)
    all_commands = {f"rnncli.cli.{name}" for name in ("train", "chat", "sample", "score", "models", "corpora")}
    assert modules & all_commands == ({f"rnncli.cli.{command}"} if command else set())
    assert not modules & {"rnncli.api", "rnncli.config", "rnncli.records"}


def test_models_list_needs_typer_alone(tmp_path: Path) -> None:
    """And what Typer itself needs."""
    code, modules = modules_after(CALL.format(arguments=["models", "list"]), tmp_path)
    assert code == 0
    assert packages(modules) - sys.stdlib_module_names <= {"rnncli", "typer", "annotated_doc", "shellingham"}


def test_import_rnncli_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import json, sys, rnncli\nprint(json.dumps([0, sorted(sys.modules)]))"
    _, names = modules_after(code, tmp_path)
    assert not names & HEAVY
    assert "rnncli.api" not in names


def test_the_first_screen_needs_nothing_that_a_model_needs(tmp_path: Path) -> None:
    modules = "rnncli.tui.app, rnncli.tui.desk, rnncli.tui.training_end, rnncli.tui.training"
    code = f"import json, sys, {modules}\nprint(json.dumps([0, sorted(sys.modules)]))"
    _, names = modules_after(code, tmp_path)
    assert not packages(names) & {"numpy", "torch", "onnxruntime", "tokenizers"}
    assert not names & {f"rnncli.tui.{name}" for name in ("pad", "scores", "conversation", "draft", "revisions")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "-m", "starter"],
        ["score", "-m", "starter", "--total", "--json"],
        ["sample", "-m", "starter", "-n", "3", "--seed", "1", "The old"],
        ["models", "list"],
        ["models", "show", "starter"],
        ["--help"],
        ["sample", "--help"],
    ],
)
def test_what_is_done_with_a_finished_model_needs_no_torch(tmp_path: Path, arguments: list[str]) -> None:
    """Nor what builds a graph, nor what draws a terminal's pages."""
    code, modules = modules_after(CALL.format(arguments=arguments), tmp_path, stdin="The old woman\n")
    assert code == 0
    assert not packages(modules) & {"torch", "textual", "onnx", "pandas"}
    assert ("onnxruntime" in modules) == (arguments[0] in ("score", "sample") and "--help" not in arguments)


@pytest.fixture(params=["missing", "broken"])
def no_torch(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of a process in which torch is not installed, or installed and of no use."""
    folder = tmp_path / "first"
    if request.param == "missing":
        folder.mkdir()
        (folder / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    else:
        (folder / "torch").mkdir(parents=True)
        (folder / "torch" / "__init__.py").write_text("raise ImportError('libtorch_cpu.so: cannot open it')\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "PATH": os.environ["PATH"]}


def call(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rnncli", *arguments],
        input="The old woman\n",
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )


def test_scores_and_samples_come_without_torch(tmp_path: Path, no_torch: dict[str, str]) -> None:
    scored = call(no_torch, tmp_path, "score", "-m", "starter", "--json")
    assert (scored.returncode, scored.stderr) == (0, "")
    assert json.loads(scored.stdout)["words"] == 3
    sampled = call(no_torch, tmp_path, "sample", "-m", "starter", "-n", "3", "The old")
    assert (sampled.returncode, sampled.stderr) == (0, "")
    assert sampled.stdout.startswith("The old")


@pytest.mark.parametrize(
    "arguments", [["score", "-m", "starter", "--engine", "torch"], ["train", "corpus.txt", "--steps", "2"]]
)
def test_what_needs_torch_says_so_in_one_line(tmp_path: Path, no_torch: dict[str, str], arguments: list[str]) -> None:
    text = "".join(f"The {i}th line of a text that is long enough to be trained on.\n" for i in range(60))
    (tmp_path / "corpus.txt").write_text(text)
    done = call(no_torch, tmp_path, *arguments, "--device", "cpu", "--quiet")
    problem, hint = done.stderr.splitlines()
    assert done.returncode in (1, 2)
    assert problem.startswith("rnncli: error: ")
    assert "torch" in problem.lower()
    assert hint
    assert done.stdout == ""
    assert not (tmp_path / "models").exists()
