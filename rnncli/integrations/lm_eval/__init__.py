r"""A model for EleutherAI's lm-evaluation-harness (PyPI ``lm_eval``), by the name ``rnncli``.

What its requests mean here:

- ``loglikelihood``: the log-probability of the continuation after the context, which is read from the zero state after
  a newline; no end counts. Both are encoded as one text; a token that reaches over the seam is the continuation's. An
  empty context is the beginning of a line. Greedy is a continuation of which every token is the likeliest.
- ``loglikelihood_rolling``: a document is scored as a file that holds it: its last newline may be missing, the ends of
  its lines count. So the sum over documents is the ``logprob`` of ``rnncli score --total --context file`` over such
  files, and for documents of one line that of ``rnncli score --total``, too. ``context=line`` reads each line from the
  zero state; ``end=False`` leaves out the end of the document (with ``context=line``, of each line).
- ``generate_until``: greedy, unless do_sample or a temperature is given. A model of lines stops at a line's end, too.

The harness divides by its own counts, which know of no ends: its word perplexity is exp(-sum / W), where W counts the
pieces of each document between whitespace, its byte perplexity exp(-sum / B) and its bits per byte -sum / B / ln 2,
where B is the documents' UTF-8 bytes.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import lm_eval.models  # noqa: F401 - the harness fills its registry only while it is empty
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from tqdm import tqdm

import rnncli
from rnncli.api import load
from rnncli.choices import Context, Device, EngineName
from rnncli.config import SampleConfig, validate
from rnncli.errors import ConfigError, RnncliError
from rnncli.inference.plan import Line

logger = logging.getLogger(__name__)

MAX_TOKENS = 256
"""Of a continuation, where the task does not say: as the harness's other models have it."""
UNASKED = "cuda:0"
"""The device that the harness's command asks for where the user did not."""
LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens")
FILTERS = ("top_k", "top_p", "min_p")


@register_model("rnncli")
class RnncliLM(LM):
    """``--model_args model=NAME``; also context=line|file, end, engine, threads and seed.

    Batch sizes are the scorer's own business: no score depends on them, so those of the harness are left alone. Of
    ``--device`` cpu, cuda and mps are taken; what the harness says unasked, cuda:0, is auto.
    """

    def __init__(
        self,
        model: str | int | None = None,
        *,
        context: Context = "file",
        end: bool = True,
        engine: EngineName = "auto",
        threads: int | None = None,
        seed: int = 0,
        device: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        self.context = _one_of("context", context, get_args(Context))
        self.end = _one_of("end", end, (True, False))
        self.seed = seed
        runs = _one_of("engine", engine, get_args(EngineName))
        where = _one_of("device", "auto" if device in (None, UNASKED) else device, get_args(Device))
        try:
            self.model = load(None if model is None else str(model), device=where, engine=runs, threads=threads)
        except RnncliError as error:
            error.add_note(error.hint or "")
            raise

    def get_model_info(self) -> dict[str, Any]:
        """What the harness keeps beside its results: what was computed, and by which model."""
        definition = {**self.model.definition, "context": self.context, "end_counted": self.end}
        return {"rnncli": rnncli.__version__, "rnncli_model": self.model.name, "rnncli_definition": definition}

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-probability of each continuation, and whether it is what greedy decoding would write."""
        lines = (Line(continuation, prefix=context) for context, continuation in (r.args for r in requests))
        scores = self.model.scorer.score(lines, tokens=True, end=False)
        answers = []
        for request, score in zip(requests, _progress(scores, requests, disable_tqdm), strict=True):
            answer = (score.tally.logprob, all(token.rank == 1 for token in score.token_scores))
            self.cache_hook.add_partial("loglikelihood", request.args, answer)
            answers.append(answer)
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-probability of each document."""
        documents = [self._pieces(*request.args) for request in requests]
        lines = (Line(text) for pieces in documents for text in pieces)
        scores = self.model.scorer.score(lines, end=self.end)
        answers = []
        for request, pieces in zip(requests, _progress(documents, requests, disable_tqdm), strict=True):
            answer = sum(next(scores).tally.logprob for _ in pieces)
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, answer)
            answers.append(answer)
        return answers

    def _pieces(self, document: str) -> list[str]:
        """What of a document is read from the zero state: all of it, or each line; without the last end."""
        whole = document if document.endswith("\n") else document + "\n"
        text = whole.replace("\r\n", "\n").removesuffix("\n")
        return [text] if self.context == "file" else text.split("\n")

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """A continuation of each context. Of one that comes again, sampling gives another one each time."""
        groups: dict[SampleConfig, list[int]] = {}
        for number, request in enumerate(requests):
            groups.setdefault(sampling(request.args[1], self.seed), []).append(number)
        answers = [""] * len(requests)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="rnncli") as bar:
            for config, numbers in groups.items():
                contexts = [requests[number].args[0] for number in numbers]
                for number, text in zip(numbers, self._continuations(contexts, config), strict=True):
                    answers[number] = text
                    self.cache_hook.add_partial("generate_until", requests[number].args, text)
                    bar.update()
        return answers

    def _continuations(self, contexts: Sequence[str], config: SampleConfig) -> Iterator[str]:
        """In order; equal contexts are read once."""
        counts = Counter(contexts)
        most = max(counts.values()) if config.temperature else 1
        samples = self.model.sampler.samples(list(counts), dataclasses.replace(config, count=most))
        found: dict[str, list[str]] = {}
        used: Counter[str] = Counter()
        for context in contexts:
            while len(found.get(context, ())) <= used[context] % most:
                sample = next(samples)
                found.setdefault(sample.prompt, []).append(sample.text)
            yield found[context][used[context] % most]
            used[context] += 1


def sampling(given: Mapping[str, Any], seed: int) -> SampleConfig:
    """A task's generation settings as those of a sample. What there is no counterpart for is named in a warning."""
    unknown = sorted(given.keys() - {"until", "do_sample", "temperature", *LENGTHS, *FILTERS})
    if unknown:
        logger.warning("rnncli does without these generation settings: %s", ", ".join(unknown))
    until = given.get("until") or ()
    stops = (until,) if isinstance(until, str) else until
    lengths = [given[name] for name in LENGTHS if given.get(name) is not None]
    temperature = given.get("temperature")
    if given.get("do_sample") is None:
        temperature = temperature or 0.0
    elif temperature is None or not given["do_sample"]:
        temperature = float(given["do_sample"])
    return validate(
        SampleConfig(
            max_tokens=int(lengths[0]) if lengths else MAX_TOKENS,
            temperature=float(temperature),
            stop=tuple(stop for stop in stops if stop),
            seed=seed,
            **{name: given[name] for name in FILTERS if given.get(name) is not None},
        )
    )


def _one_of(name: str, value: Any, choices: Sequence[Any]) -> Any:
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(str, choices))}; got {value}")
    return value


def _progress(values: Iterable[Any], requests: Sequence[Instance], disable: bool) -> Iterable[Any]:
    bar: Iterable[Any] = tqdm(values, total=len(requests), disable=disable, desc="rnncli")
    return bar
