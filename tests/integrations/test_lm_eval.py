"""The harness itself over a small model, on tasks that lie here: what it reports is what the scorer says."""

from __future__ import annotations

import importlib.metadata
import json
import math
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.api import load
from rnncli.choices import Context, Unit
from rnncli.config import SampleConfig
from rnncli.errors import ConfigError, ModelError
from rnncli.inference.plan import Line
from rnncli.inference.sampler import Sampler
from rnncli.inference.scorer import Scorer
from tests.cli.conftest import clean_env, run_here
from tests.toy import FixedEngine, ToyEngine, toy_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")  # the hosts' own

TASKS = {
    "choice": """
        output_type: multiple_choice
        doc_to_text: "{{begin}}"
        doc_to_choice: ["moon", "old house", "xyz"]
        doc_to_target: "{{right}}"
        metric_list: [{metric: acc}, {metric: acc_norm}]""",
    "last": """
        output_type: loglikelihood
        doc_to_text: "{{begin}}"
        doc_to_target: " {{end}}"
        metric_list: [{metric: acc}, {metric: perplexity}]""",
    "text": """
        output_type: loglikelihood_rolling
        doc_to_text: ""
        doc_to_target: "{{text}}"
        metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]""",
    "writing": """
        output_type: generate_until
        doc_to_text: "{{begin}}"
        doc_to_target: "{{end}}"
        generation_kwargs: {until: ["."], max_gen_toks: 12}
        metric_list: [{metric: exact_match}]""",
    "sampling": """
        output_type: generate_until
        doc_to_text: "{{begin}}"
        doc_to_target: "{{end}}"
        generation_kwargs: {until: ["e", "."], max_gen_toks: 12, do_sample: true, temperature: 0.9}
        metric_list: [{metric: exact_match}]""",
}
DOCS: Sequence[dict[str, Any]] = (
    {"begin": "Anna saw the", "right": 0, "end": "moon", "text": "Anna saw the moon and the wind saw Anna."},
    {"begin": "Bob heard\nthe cat saw the", "right": 1, "end": "river", "text": "the wind heard Bob\nthe sea"},
    {"begin": "the cat knew the ", "right": 2, "end": "zebra", "text": "\u6625\u7720\u4e0d\u89ba\u6653 moon\r\n"},
)


@pytest.fixture
def tasks(library: Path) -> Path:
    """A folder with a task a kind, and their documents."""
    data = library / "docs.jsonl"
    data.write_text("".join(json.dumps(doc) + "\n" for doc in DOCS))
    folder = library / "tasks"
    folder.mkdir()
    for name, body in TASKS.items():
        head = f"task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {data}}}}}\ntest_split: test"
        (folder / f"{name}.yaml").write_text(head + re.sub("\n +", "\n", body) + "\n")
    return folder


def evaluated(tasks: Path, name: str, **given: Any) -> tuple[dict[str, float], list[Any]]:
    """What the harness reports of a task, and the answers that it got, in order."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    import rnncli.integrations.lm_eval as _  # noqa: F401

    found = lm_eval.simple_evaluate(
        model="rnncli",
        model_args={"model": "tiny", **given},
        tasks=[name],
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    samples = sorted(found["samples"][name], key=lambda sample: int(sample["doc_id"]))
    assert found["config"]["rnncli_definition"]["model"] == load("tiny").definition["model"]
    return found["results"][name], [resp[0] for sample in samples for resp in sample["resps"]]


def test_multiple_choice(tasks: Path) -> None:
    results, answers = evaluated(tasks, "choice")
    model, choices = load("tiny"), [" moon", " old house", " xyz"]
    wanted = [model.score(choices, prefix=doc["begin"], end=False, tokens=True) for doc in DOCS]
    assert [a[0] for a in answers] == pytest.approx([s.tally.logprob for scores in wanted for s in scores])
    assert [bool(a[1]) for a in answers] == [all(t.rank == 1 for t in s.token_scores) for w in wanted for s in w]
    right = [
        np.argmax([s.tally.logprob for s in scores]) == doc["right"] for scores, doc in zip(wanted, DOCS, strict=True)
    ]
    assert results["acc,none"] == pytest.approx(np.mean(right))


def test_loglikelihood(tasks: Path) -> None:
    results, answers = evaluated(tasks, "last")
    wanted = load("tiny").score(
        [" " + doc["end"] for doc in DOCS], prefix=[doc["begin"] for doc in DOCS], end=False, tokens=True
    )
    assert [a[0] for a in answers] == pytest.approx([s.tally.logprob for s in wanted])
    assert [bool(a[1]) for a in answers] == [all(t.rank == 1 for t in s.token_scores) for s in wanted]
    assert results["perplexity,none"] == pytest.approx(math.exp(-sum(a[0] for a in answers) / len(answers)))
    assert results["acc,none"] == pytest.approx(np.mean([bool(a[1]) for a in answers]))


@pytest.mark.parametrize(("context", "end"), [("file", True), ("line", True), ("line", False)])
def test_rolling_is_what_score_says_in_total(tasks: Path, context: str, end: bool) -> None:
    results, answers = evaluated(tasks, "text", context=context, end=end)
    files = []
    for number, doc in enumerate(DOCS):
        files.append(f"{number}.txt")
        Path(files[-1]).write_bytes(doc["text"].encode())
    without = [] if end else ["--no-eos"]
    run = run_here(["score", "-m", "tiny", "--total", "--json", "--context", context, *without, *files])
    total = json.loads(run.out)
    assert sum(answers) == pytest.approx(total["logprob"], rel=1e-6)
    words = sum(len(re.split(r"\s+", doc["text"])) for doc in DOCS)
    size = sum(len(doc["text"].encode()) for doc in DOCS)
    assert results["word_perplexity,none"] == pytest.approx(math.exp(-total["logprob"] / words), rel=1e-5)
    assert results["byte_perplexity,none"] == pytest.approx(math.exp(-total["logprob"] / size), rel=1e-5)
    assert results["bits_per_byte,none"] == pytest.approx(-total["logprob"] / size / math.log(2), rel=1e-5)


def test_generation(tasks: Path) -> None:
    model = load("tiny")
    _, answers = evaluated(tasks, "writing")
    greedy: dict[str, Any] = {"temperature": 0, "max_tokens": 12, "stop": (".",)}
    assert answers == [model.sample(doc["begin"], **greedy).text for doc in DOCS]
    _, answers = evaluated(tasks, "sampling", seed=4)
    sampled: dict[str, Any] = {"temperature": 0.9, "max_tokens": 12, "seed": 4, "stop": ("e", ".")}
    samples = [model.sample(doc["begin"], **sampled) for doc in DOCS]
    assert answers == [sample.text for sample in samples]
    assert "stop" in {sample.stopped for sample in samples}


def test_its_command(tasks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it but the index of the thousands of tasks in the box, which takes long to read."""
    from lm_eval.tasks import TaskManager

    init = TaskManager.__init__
    monkeypatch.setattr(
        TaskManager, "__init__", lambda self, *args, **given: init(self, *args, **{**given, "include_defaults": False})
    )
    arguments = ["--model", "rnncli", "--model_args", "model=tiny,end=False", "--tasks", "text", "--include_path"]
    monkeypatch.setattr(sys, "argv", ["lm_eval", *arguments, str(tasks)])
    runpy.run_module("rnncli.integrations.lm_eval", run_name="__main__")
    shown = capsys.readouterr().out
    logprobs = load("tiny").score([doc["text"].replace("\r", "").removesuffix("\n") for doc in DOCS], end=False)
    size = sum(len(doc["text"].encode()) for doc in DOCS)
    wanted = -sum(score.tally.logprob for score in logprobs) / size / math.log(2)
    [cells] = [row.split("|") for row in shown.splitlines() if "bits_per_byte" in row]
    assert f"{wanted:.4f}" in [cell.strip() for cell in cells]


def test_the_models_of_the_harness_stay_there(library: Path) -> None:
    """Whichever of the two is imported first."""
    code = """
import rnncli.integrations.lm_eval
from lm_eval.api.registry import get_model
print(get_model("dummy").__name__, get_model("rnncli").__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean_env())
    assert done.stdout == "DummyLM RnncliLM\n"


def test_releases_that_look_for_entry_points_find_it() -> None:
    from lm_eval.api.model import LM
    from lm_eval.api.registry import Registry

    from rnncli.integrations.lm_eval import RnncliLM

    [point] = importlib.metadata.entry_points(group="lm_eval.models", name="rnncli")
    assert point.load() is RnncliLM
    registry: Any = Registry("model", base_cls=LM)
    registry.register("rnncli", target=point)
    assert registry.get("rnncli") is RnncliLM


Ask = Callable[..., Any]


def asked(*arguments: Any) -> Any:
    from lm_eval.api.instance import Instance

    return Instance("loglikelihood", {}, arguments, 0)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A model for the harness over an engine and a tokenizer."""

    def make(engine: ToyEngine, tokenizer: Any, *, unit: Unit = "stream", **given: Any) -> Any:
        import rnncli.integrations.lm_eval as module

        model = SimpleNamespace(
            scorer=Scorer(engine, tokenizer),
            sampler=Sampler(engine, tokenizer, unit),
            definition={"engine": "toy"},
            name="toy",
        )
        monkeypatch.setattr(module, "load", lambda *_, **__: model)
        return module.RnncliLM(**given)

    return make


def test_by_hand(harness: Ask) -> None:
    tokenizer = toy_tokenizer("char", text="ab\n")
    newline = tokenizer.newline_id
    a, b = tokenizer.encode("ab").tolist()
    table = np.full((tokenizer.vocab_size,) * 2, 1e-3)
    table[newline, [a, b, newline]] = 0.5, 0.25, 0.1
    table[a, [a, b, newline]] = 0.125, 0.5, 0.2
    table[b, [a, b, newline]] = 0.3, 0.2, 0.25
    model = harness(FixedEngine(table), tokenizer)
    answers = model.loglikelihood(
        [asked("", "b"), asked("a", "b"), asked("b", "b"), asked("a\n", "ab"), asked("a", "b\na"), asked("ab", "")],
        disable_tqdm=True,
    )
    assert [logprob for logprob, _ in answers] == pytest.approx(
        np.log([0.25, 0.5, 0.2, 0.5 * 0.5, 0.5 * 0.25 * 0.5, 1]).tolist()
    )
    assert [greedy for _, greedy in answers] == [False, True, False, True, False, True]
    line = 0.5 * 0.5 * 0.25
    documents = [asked(text) for text in ("ab", "ab\n", "ab\r\nab", "", "\n", "\n\n")]
    assert model.loglikelihood_rolling(documents, disable_tqdm=True) == pytest.approx(
        np.log([line, line, line**2, 0.1, 0.1, 0.01]).tolist()
    )
    endless = harness(FixedEngine(table), tokenizer, end=False)
    assert endless.loglikelihood_rolling(documents[:3], disable_tqdm=True) == pytest.approx(
        np.log([0.25, 0.25, line * 0.25]).tolist()
    )
    assert model.get_model_info()["rnncli_definition"] == {"engine": "toy", "context": "file", "end_counted": True}


TOKENIZERS = {kind: toy_tokenizer(kind) for kind in ("hybrid", "char", "bpe", "byte", "word")}
TEXTS = st.lists(st.text("ab theca\n\r\u6625.", max_size=12) | st.sampled_from(["the cat", "the\ncat\r\n"]), max_size=6)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("context", ["file", "line"])
def test_a_document_is_a_file(harness: Ask, kind: str, context: Context) -> None:
    tokenizer = TOKENIZERS[kind]
    engine = ToyEngine(tokenizer.vocab_size)
    model, scorer = harness(engine, tokenizer, context=context), Scorer(engine, tokenizer)

    @given(TEXTS)
    def check(texts: list[str]) -> None:
        lines = [
            Line(line.removesuffix("\r"), None, 1, number)
            for number, text in enumerate(texts)
            for line in (text if text.endswith("\n") else text + "\n").split("\n")[:-1]
        ]
        wanted = [0.0] * len(texts)
        for line, score in zip(lines, scorer.score(lines, context=context), strict=True):
            wanted[line.document] += score.tally.logprob
        found = model.loglikelihood_rolling([asked(text) for text in texts], disable_tqdm=True)
        assert found == pytest.approx(wanted, rel=1e-6)

    check()


@given(st.text("ab the\n", max_size=10), st.text("ab the\n", max_size=10))
def test_what_is_likely_after_a_context(first: str, second: str) -> None:
    """log P(ab) = log P(a) + log P(b after a), where no token reaches over the seam."""
    from rnncli.integrations.lm_eval import RnncliLM

    tokenizer = TOKENIZERS["byte"]
    model: Any = object.__new__(RnncliLM)
    super(RnncliLM, model).__init__()
    model.model = SimpleNamespace(scorer=Scorer(ToyEngine(tokenizer.vocab_size), tokenizer))
    pairs = [asked("", first), asked(first, second), asked("", first + second)]
    one, other, whole = model.loglikelihood(pairs, disable_tqdm=True)
    assert whole[0] == pytest.approx(one[0] + other[0])
    assert whole[1] == (one[1] and other[1])


def test_settings_of_a_generation(caplog: pytest.LogCaptureFixture) -> None:
    from rnncli.integrations.lm_eval import sampling

    def settings(**given: Any) -> tuple[float, int, tuple[str, ...]]:
        found = sampling(given, 7)
        assert found.seed == 7
        return found.temperature, found.max_tokens, found.stop

    assert settings() == (0, 256, ())
    assert settings(until="\n", max_gen_toks=3) == (0, 3, ("\n",))
    assert settings(until=["a", "", "b"], max_new_tokens=4) == (0, 4, ("a", "b"))
    assert settings(do_sample=False, temperature=0.7)[0] == 0
    assert settings(do_sample=True)[0] == 1
    assert settings(do_sample=True, temperature=0.5)[0] == 0.5
    assert settings(temperature=0.5)[0] == 0.5
    assert sampling({"top_k": 5, "top_p": 0.5, "min_p": None}, 1) == SampleConfig(
        max_tokens=256, temperature=0, top_k=5, top_p=0.5, seed=1
    )
    assert not caplog.records
    assert settings(num_beams=4) == (0, 256, ())
    assert "num_beams" in caplog.text
    with pytest.raises(ConfigError, match="temperature"):
        settings(temperature=-1)


def test_repeated_contexts(harness: Ask) -> None:
    """Greedily the same each time; sampled another one, and the same ones in any company."""
    tokenizer = TOKENIZERS["char"]
    model = harness(ToyEngine(tokenizer.vocab_size), tokenizer)
    greedy = {"max_gen_toks": 6, "until": ["\n\n"]}
    sampled = {"max_gen_toks": 6, "do_sample": True}
    contexts = [("the", sampled), ("a", greedy), ("the", sampled), ("a", greedy), ("c", sampled), ("the", sampled)]
    found = model.generate_until([asked(*one) for one in contexts], disable_tqdm=True)
    again = model.generate_until([asked(*one) for one in contexts[::-1]], disable_tqdm=True)[::-1]
    assert found[1] == found[3] == again[1] == model.model.sampler.samples(
        ["a"], SampleConfig(max_tokens=6, temperature=0, stop=("\n\n",), seed=0)
    ).__next__().text  # fmt: skip
    the = [found[0], found[2], found[5]]
    assert len(set(the)) == 3
    assert [again[5], again[2], again[0]] == the
    assert model.generate_until([asked("c", sampled)], disable_tqdm=True) == [found[4]]


def test_a_model_of_lines_stops_at_an_end_too(harness: Ask) -> None:
    tokenizer = TOKENIZERS["char"]
    size = tokenizer.vocab_size
    table = np.full((size, size), 0.8 / (size - 1))
    table[:, tokenizer.newline_id] = 0.2
    engine = FixedEngine(table)
    request = [asked(context, {"max_gen_toks": 40, "do_sample": True}) for context in ("the", "a", "cat")]
    stream = harness(engine, tokenizer).generate_until(request, disable_tqdm=True)
    lines = harness(engine, tokenizer, unit="lines").generate_until(request, disable_tqdm=True)
    assert any("\n" in text for text in stream)
    assert lines == [text.partition("\n")[0] for text in stream]


@pytest.mark.parametrize(
    "given", [{"context": "book"}, {"end": 3}, {"engine": "jax"}, {"device": "cuda:1"}, {"device": "tpu"}]
)
def test_model_args_that_cannot_be(given: dict[str, Any]) -> None:
    from rnncli.integrations.lm_eval import RnncliLM

    [name] = given
    with pytest.raises(ConfigError, match=f"{name} must be one of"):
        RnncliLM("starter", **given)


def test_a_model_that_is_not_there(library: Path) -> None:
    from rnncli.integrations.lm_eval import RnncliLM

    with pytest.raises(ModelError, match="there is no model tinny") as raised:
        RnncliLM("tinny")
    assert "Did you mean tiny" in raised.value.__notes__[0]


def test_answers_are_kept_as_they_come(library: Path) -> None:
    """The harness's cache has each of them under its request."""
    from rnncli.integrations.lm_eval import RnncliLM

    model, kept = RnncliLM("tiny", device="cpu"), []
    model.cache_hook = SimpleNamespace(add_partial=lambda *given: kept.append(given))
    [answer] = model.loglikelihood([asked("Anna", " saw")], disable_tqdm=True)
    [whole] = model.loglikelihood_rolling([asked("Anna saw")], disable_tqdm=True)
    settings = {"until": ["."], "max_gen_toks": 3}
    [text] = model.generate_until([asked("Anna", settings)], disable_tqdm=True)
    assert kept == [
        ("loglikelihood", ("Anna", " saw"), answer),
        ("loglikelihood_rolling", ("Anna saw",), whole),
        ("generate_until", ("Anna", settings), text),
    ]
