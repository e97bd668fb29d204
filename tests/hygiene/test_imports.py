"""What a command imports: heavy libraries only where they are used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALL = """
import json, sys
from rnncli.cli.app import run
code = run({arguments})
sys.stdout.flush()
print(json.dumps([code, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""
HEAVY = {"torch", "numpy", "rich", "tokenizers", "safetensors", "textual", "onnxruntime", "pydantic"}


def modules_after(code: str, folder: Path) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    exit_code, names = json.loads(done.stdout.splitlines()[-1])
    return exit_code, set(names)


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], HEAVY),
        (["--version"], HEAVY),
        (["train", "--help"], HEAVY),
        (["score", "--help"], HEAVY),
        (["models", "list"], HEAVY),
        (["corpora", "list"], HEAVY),
        (["train", "corpus.txt", "--dry-run", "--device", "cpu"], {"torch", "textual", "rich"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(tmp_path: Path, arguments: list[str], forbidden: set[str]) -> None:
    text = "".join(f"The {i}th line of a text that is long enough to be planned for.\n" for i in range(60))
    (tmp_path / "corpus.txt").write_text(text)
    code, names = modules_after(CALL.format(arguments=arguments), tmp_path)
    assert code == 0
    assert not names & forbidden


def test_import_rnncli_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import json, sys, rnncli\nprint(json.dumps([0, sorted(sys.modules)]))"
    _, names = modules_after(code, tmp_path)
    assert not names & HEAVY
    assert "rnncli.api" not in names
