"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from rnncli import config, spec
from rnncli.cli import scoring

PACKAGE = Path(__file__).parents[2] / "rnncli"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_BODY = 300, 40
DANGEROUS_MODULES = {
    *("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "runpy"),
    *("socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "ftplib", "smtplib", "webbrowser"),
}
DANGEROUS_CALLS = {"eval", "exec", "torch.load", "torch.save", "np.load", "numpy.load", "os.system", "yaml.load"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end."""
    first = function.body[0]
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(function.body) > 1
    start = function.body[1] if has_doc else first
    assert function.end_lineno is not None
    return function.end_lineno - start.lineno + 1


def test_no_file_is_long() -> None:
    long = {str(f): n for f in FILES if (n := len(f.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE}
    assert not long


def test_no_function_is_long() -> None:
    long = [
        f"{file}:{function.name} {body_lines(function)}"
        for file in FILES
        for function in functions(ast.parse(file.read_text(encoding="utf-8")))
        if body_lines(function) > LONGEST_BODY
    ]
    assert not long


def test_each_module_says_what_it_is_and_has_a_name_that_does() -> None:
    silent = [str(f) for f in FILES if not ast.get_docstring(ast.parse(f.read_text(encoding="utf-8")))]
    assert not silent
    assert not [f for f in FILES if f.stem in ("utils", "util", "helpers", "misc", "common")]


def test_nothing_unpickles_evaluates_or_talks_to_the_network() -> None:
    """SECURITY.md promises it."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{file}: import {name}" for name in names if name.split(".")[0] in DANGEROUS_MODULES]
            if isinstance(node, ast.Call) and ast.unparse(node.func) in DANGEROUS_CALLS:
                found.append(f"{file}:{node.lineno} {ast.unparse(node.func)}")
    assert not found


@pytest.mark.parametrize("kind", [*config.TRAINING_OPTIONS, config.SampleConfig])
def test_each_setting_has_help_and_bounds_that_hold_its_default(kind: type[config.Config]) -> None:
    config.validate(kind())
    for field in config.options_of(kind):
        assert field.metadata["help"].endswith("."), field.name
        assert field.metadata["panel"], field.name


def test_flags_are_unique() -> None:
    for kinds in (config.TRAINING_OPTIONS, (config.SampleConfig,)):
        fields = [field for kind in kinds for field in config.options_of(kind)]
        assert len({config.flag_of(f) for f in fields}) == len(fields)
        assert len({f.name for f in fields}) == len(fields)


def test_choices_and_registries_are_the_same() -> None:
    from rnncli.formats import FORMATS
    from rnncli.nn.elman import ACTIVATIONS
    from rnncli.text.tokenizers import TOKENIZERS
    from rnncli.training.schedule import ANNEALERS

    assert get_args(config.CellName) == tuple(spec.CELLS)
    assert set(get_args(config.TokenizerKind)) == set(TOKENIZERS)
    assert set(get_args(config.ActivationName)) == set(ACTIVATIONS)
    assert set(get_args(config.ScheduleName)) == set(ANNEALERS)
    assert set(get_args(scoring.Format)) == {"auto", "table", *FORMATS}
    assert get_type_hints(config.ModelConfig)["cell"] == config.CellName
