"""The plug-in in ``llm`` itself: what it lists, what it writes, what it remembers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rnncli.api import load
from rnncli.config import SampleConfig
from tests.cli.conftest import clean_env

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's own

SETTINGS: dict[str, Any] = {"temperature": 0.9, "max_tokens": 8, "seed": 3}


def command(*arguments: str, code: int = 0) -> str:
    """What ``llm`` prints."""
    from click.testing import CliRunner
    from llm.cli import cli

    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == code, result.output
    return str(result.output)


def test_models_are_there_by_name(library: Path) -> None:
    listed = command("models", "--options", "-m", "rnncli/tiny")
    assert "rnncli: rnncli/tiny" in listed
    assert "rnncli: rnncli/starter" in command("models")
    for option in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "max_tokens", "seed", "stop"):
        assert f"\n    {option}: " in listed
    assert "Most tokens to sample. Default: 200." in listed


def test_a_list_needs_neither_numpy_nor_torch(library: Path) -> None:
    """Those of the models, that is: the host has others of its own."""
    code = """
import json, sys
sys.modules.update(dict.fromkeys(("numpy", "torch", "onnxruntime", "tokenizers")))
import llm
names = [model.model_id for model in llm.get_models()]
print(json.dumps([names, [name for name in sys.modules if name.startswith(("rnncli.api", "rnncli.inference"))]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean_env())
    names, modules = json.loads(done.stdout)
    assert {"rnncli/tiny", "rnncli/starter"} <= set(names)
    assert not modules


def test_a_prompt_goes_on_as_sample_has_it(library: Path) -> None:
    import llm

    pieces = list(llm.get_model("rnncli/tiny").prompt("Anna saw", **SETTINGS))
    sample = load("tiny").sample("Anna saw", **SETTINGS)
    assert "".join(pieces) == sample.text
    assert len(pieces) > 1
    printed = command("-m", "rnncli/tiny", "Anna saw", *options(SETTINGS))
    assert printed == sample.text + "\n"


def options(given: dict[str, Any]) -> list[str]:
    return [part for name, value in given.items() for part in ("-o", name, str(value))]


def test_it_stops(library: Path) -> None:
    import llm

    model = llm.get_model("rnncli/tiny")
    whole = load("tiny").sample("Bob", **SETTINGS).text
    stop = whole[1:3]
    for given in (stop, [stop, "nowhere"]):
        assert model.prompt("Bob", **SETTINGS, stop=given).text() == whole[: whole.index(stop)]


def test_a_conversation_is_one_text(library: Path) -> None:
    import llm

    talk = llm.get_model("rnncli/tiny").conversation()
    first = talk.prompt("Anna saw", system="The cat.", **SETTINGS).text()
    second = talk.prompt(" and then", **SETTINGS).text()
    model = load("tiny")
    assert first == model.sample("The cat.\nAnna saw", **SETTINGS).text
    assert second == model.sample(f"The cat.\nAnna saw{first} and then", **SETTINGS).text


def test_its_command_goes_on_too(library: Path) -> None:
    first = command("-m", "rnncli/tiny", "Anna saw", *options(SETTINGS)).removesuffix("\n")
    second = command("-c", " and then", *options(SETTINGS)).removesuffix("\n")
    assert second == load("tiny").sample(f"Anna saw{first} and then", **SETTINGS).text


def test_the_log_tells_the_seed_and_the_tokens(library: Path) -> None:
    import llm

    model = llm.get_model("rnncli/tiny")
    response = model.prompt("Anna saw", max_tokens=5)
    text = response.text()
    assert response.response_json is not None
    seed = response.response_json["seed"]
    assert model.prompt("Anna saw", max_tokens=5, seed=seed).text() == text
    usage = response.usage()
    assert (usage.input, usage.output) == (len(load("tiny").tokenizer.encode("Anna saw")), 5)


def test_left_out_settings_are_those_of_sample() -> None:
    from rnncli.integrations.llm_plugin import RnncliModel, sampling

    assert sampling(RnncliModel.Options(seed=5)) == SampleConfig(seed=5)
    given = RnncliModel.Options(seed=5, stop="x", top_k=3, top_p=0.5, min_p=0.1, temperature=0)
    assert sampling(given) == SampleConfig(seed=5, stop=("x",), top_k=3, top_p=0.5, min_p=0.1, temperature=0)
    assert sampling(RnncliModel.Options()).seed is not None


@pytest.mark.parametrize("given", [{"temperature": -1}, {"top_p": 0}, {"min_p": 2}, {"top_k": -1}, {"warmth": 1}])
def test_settings_that_cannot_be(library: Path, given: dict[str, Any]) -> None:
    [name] = given
    assert name in command("-m", "rnncli/tiny", "Anna", *options(given), code=1)


def test_a_model_that_broke_says_so_in_a_line(library: Path) -> None:
    broken = library / "models" / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    said = command("-m", "rnncli/broken", "Anna", code=1)
    assert said.startswith("Error: ")
    assert "broken" in said
    assert said.count("\n") == 1
