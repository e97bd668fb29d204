"""From (corpus, machine, minutes) to every setting, with the reason for each. No torch.

A first, honest recipe: each rule is a formula that a person can check, none knows a corpus by name. Where the user
gave a value, that value holds and the others are chosen around it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rnncli.config import CellName, CorpusConfig, ModelConfig, TokenizerConfig, TrainConfig
from rnncli.device import Machine
from rnncli.errors import DeviceError
from rnncli.precision import parameter_count
from rnncli.spec import state_width
from rnncli.text.characters import MOST_COMMON, MOST_DISTINCT
from rnncli.text.coverage import often_enough, tokens_a_char, words_that_come
from rnncli.text.survey import CorpusFacts, guess_unit
from rnncli.training.choosing import Chooser, check_given, config_of
from rnncli.training.memory import memory_needed
from rnncli.training.pace import LEAST_WIDTH, MOST_WIDTH, Pace, rows_on_gpu, samples_for
from rnncli.training.plan import Plan
from rnncli.training.teaching import choose_dropout, choose_training

DEFAULT_MINUTES = 5.0
VALID_SHARE, VALID_FEWEST_CHARS, VALID_MOST_CHARS, VALID_TIME = 0.1, 20_000, 300_000, 0.05
"""Of the text held out: its share, its size, and the share of the time that reading it at the end may take."""
PREPARATION_SHARE = 0.15
PREPARATION_CHARS_PER_SECOND = 4e6
"""Reading, counting and encoding, measured on two cores: 65 MB of prose take 16 s."""
READ_AT_LEAST, LEAST_PREPARED = 0.5, 4e6
"""What a run reads of the text that is prepared for it, at least, where there are more characters than that."""

CHARS_READ = 9e4
"""Characters that training reads in a second of two cores with bfloat16."""
LEARNED_AFTER, MOST_WORDS = 1.0, 20_000
"""Times that a word must come in what a run reads to be worth a token, and the most words for a processor, where the
softmax of sampling and of scoring is over all of them."""

MUCH_SPELLED, IN_A_MEGABYTE = 0.12, 0.3
"""More tokens that words make, where rare ones are spelled, than pieces of words do, from which the pieces are better:
in German, Hungarian and Russian, whose words have many forms. A shorter text teaches pieces less
(tests/bench/RESULTS.md)."""
IN_PIECES_UP_TO = 5e5
"""Characters of a text for each pass over it up to which they are: read oftener, pieces are learned by heart sooner."""


def make_plan(facts: CorpusFacts, machine: Machine, given: Mapping[str, Any], *, kept: Collection[str] = ()) -> Plan:
    """The plan for a corpus. ``given``: field names of the config classes -> what the user said.

    ``kept``: those of them that a model has whose training goes on. A ConfigError where two options exclude each
    other, a DeviceError where the network does not fit the memory, and the user's own sizes leave no smaller one.
    """
    check_given(given)
    widest, most = MOST_WIDTH, 1.0
    while True:
        try:
            plan, passes = _make_plan(facts, machine, Chooser(given, kept), widest, most)
        except DeviceError:
            widest = round(0.7 * widest)
            if "hidden_size" in given or widest < LEAST_WIDTH:
                raise
            continue
        least = min(1.0, LEAST_PREPARED / max(1, facts.chars))
        if most < 1 or plan.train.minutes is None or passes >= READ_AT_LEAST or plan.share <= least:
            return plan
        most = max(least, plan.share * passes / READ_AT_LEAST)


def _make_plan(facts: CorpusFacts, machine: Machine, choose: Chooser, widest: int, most: float) -> tuple[Plan, float]:
    """The plan with a layer no wider than ``widest`` and at most that share of the text, and how often it reads that.

    A DeviceError where it does not fit the memory.
    """
    given = choose.given
    unit, why = guess_unit(facts)
    if given.get("unit", "auto") != "auto":
        unit, why = given["unit"], "as you said"
    choose.note("corpus", facts.in_words(), f"{facts.documents:,} document{'s' * (facts.documents != 1)}")
    choose.note("unit", unit, why)
    seconds = _budget(choose, facts, machine)
    share = _share(choose, facts, seconds, most)
    seconds /= _networks(choose)
    tokens, vocab_size = _text(choose, facts, machine, seconds, share)
    read, chances = _network(choose, machine, tokens, seconds, vocab_size, widest)
    choose_training(choose, facts, machine, unit, tokens, read, chances)
    # Reading goes about three times as fast as training.
    fraction = _fraction(given.get("valid"), facts, 3 * VALID_TIME * read / tokens)
    model = config_of(ModelConfig, choose.values, vocab_size=vocab_size)
    train = config_of(TrainConfig, choose.values)
    _check_memory(choose, model, train, machine)
    corpus = config_of(CorpusConfig, {k: v for k, v in given.items() if k in ("encoding", "valid", "unit")})
    tokenizer = config_of(TokenizerConfig, {**choose.values, "lowercase": given.get("lowercase", False)})
    plan = Plan(
        corpus=corpus,
        tokenizer=tokenizer,
        model=model,
        train=train,
        unit=unit,
        valid_fraction=fraction,
        share=share,
        settings=tuple(choose.settings),
    )
    return plan, read / tokens


def _budget(choose: Chooser, facts: CorpusFacts, machine: Machine) -> float:
    """Seconds of training to size the network for; where steps or epochs are the budget, a default's."""
    given = choose.given
    choose.note("device", machine.name, f"{machine.threads} threads" if machine.kind == "cpu" else machine.kind)
    for name in ("steps", "epochs"):
        if given.get(name) is not None:
            choose.values[name] = given[name]
            choose.note("budget", f"{given[name]:g} {name}", "as you said; reproducible to the bit on a CPU")
            return 60 * DEFAULT_MINUTES
    minutes: float = given.get("minutes", DEFAULT_MINUTES)
    choose.values["minutes"] = minutes
    why = "as you said" if "minutes" in given else "the default; --minutes M changes it"
    choose.note("budget", f"{minutes:g} minute{'s' * (minutes != 1)}", why)
    return 60.0 * minutes


def _networks(choose: Chooser) -> int:
    """How many networks share the time."""
    if "direction" not in choose.given:
        return 1
    both = choose("direction", "forward", "") == "both"
    if both:
        choose.note("networks", 2, "one after the other, each with its half of the time")
    return 1 + both


def _share(choose: Chooser, facts: CorpusFacts, seconds: float, most: float) -> float:
    """Share of the text that is prepared: what can be in its part of the budget, and at most what will be read."""
    if "steps" in choose.given or "epochs" in choose.given:
        return 1.0
    affordable = PREPARATION_SHARE * seconds * PREPARATION_CHARS_PER_SECOND / max(1, facts.chars)
    share = min(most, affordable)
    if share < 1:
        why = "preparing it all would take over 15 % of the budget" if affordable < most else "the time is for no more"
        choose.note("share", f"{share:.1%} of the text", why)
    return share


def _text(choose: Chooser, facts: CorpusFacts, machine: Machine, seconds: float, share: float) -> tuple[float, int]:
    """Choose the tokenizer; return the training text's tokens and the vocabulary's size, both estimated."""
    kind = choose("kind", *_kind(facts, machine, seconds), name="tokenizer")
    chars = max(1.0, facts.chars * share)
    words, why = _words(kind, facts, machine, chars, seconds)
    if kind in ("char", "byte"):
        words = choose.given.get("vocab_size", 0)
        choose.values["vocab_size"] = words
    else:
        words = choose("vocab_size", words, why, name="vocabulary")
    size = {
        "hybrid": 256 + min(facts.common_chars, MOST_COMMON) + words,
        "char": 256 + min(facts.distinct_chars, MOST_DISTINCT),
        "byte": 256,
        "bpe": words,
        "word": words + 2,
    }
    return _tokens(kind, facts, chars, words), size[kind]


def _kind(facts: CorpusFacts, machine: Machine, seconds: float) -> tuple[str, str]:
    """The tokenizer, and why."""
    words = min(MOST_WORDS, words_that_come(facts.repeats, often_enough(facts.chars)))
    spelled, in_pieces = (_tokens(kind, facts, 1.0, words) for kind in ("hybrid", "bpe"))
    more = spelled / in_pieces - 1
    enough = max(MUCH_SPELLED, IN_A_MEGABYTE * 1e6 / max(1, facts.chars))
    many_forms = more >= enough and not _hardly_repeats(facts)
    new = _passes(facts, machine, seconds) < facts.chars / IN_PIECES_UP_TO
    if not (many_forms and new and machine.kind == "cpu"):  # on a GPU it was not measured
        return "hybrid", "words as wholes, rare ones spelled: nothing is unknown"
    return "bpe", f"its words have many forms: rare ones spelled, it would be {more:.0%} more tokens"


def _power(machine: Machine) -> float:
    """How fast it learns, by what two cores with bfloat16 do."""
    return 100.0 if machine.kind == "cuda" else machine.threads * (0.5 if machine.fast_bf16 else 0.2)


def _passes(facts: CorpusFacts, machine: Machine, seconds: float) -> float:
    """How often a text is read in the time, about: before anything is chosen that tells it better."""
    return CHARS_READ * _power(machine) * seconds / max(1, facts.chars)


def _hardly_repeats(facts: CorpusFacts) -> bool:
    """Whether there is no use in words: of names, of what is written without spaces."""
    repeated = 1 - facts.distinct_words / max(1, facts.sampled_words)
    return repeated < 0.3 or facts.words < 0.02 * facts.chars


def _words(kind: str, facts: CorpusFacts, machine: Machine, chars: float, seconds: float) -> tuple[int, str]:
    """How many words, or pieces of them, are tokens, and why."""
    words = min(3000 * (chars / 1e6) ** 0.45, 600 * (_power(machine) * seconds) ** 0.5)
    words = round(min(30_000, max(100, words)))
    why = "grows with the text and the time: a large softmax is slow"
    least, spelled = often_enough(facts.chars), "are better spelled"
    read = _passes(facts, machine, seconds)
    if machine.kind == "cpu" and LEARNED_AFTER / read > least:
        least, spelled = LEARNED_AFTER / read, "are not learned in the time"
    common = words_that_come(facts.repeats, least)
    if kind == "bpe":
        if machine.kind == "cpu" and common > words:
            words, why = min(MOST_WORDS, common), f"as many as words come {least:.0f} times and more"
        return max(400, words), "total; " + why
    if kind == "word":
        return round(min(50_000, max(1000, 10 * words))), why
    if _hardly_repeats(facts):
        return 0, "words hardly repeat here, characters do"
    if machine.kind == "cpu":  # where a step's softmax is not over all of them
        words, why = MOST_WORDS, "more would make sampling and scoring slow"
    if common < words:
        words, why = common, f"words that come {least:.0f} times and more: seldomer ones {spelled}"
    if words > 500 and facts.chars < 2.5 * facts.words:
        return 500, "its script has no spaces: characters are the words"
    return words, why


def _tokens(kind: str, facts: CorpusFacts, chars: float, words: int) -> float:
    """Tokens in ``chars`` characters: counted for hybrid; BPE spells what is no word in half as many, measured."""
    if kind == "byte":
        return chars * facts.bytes / max(1, facts.chars)
    if kind == "word":
        return chars * (facts.words + facts.lines) / max(1, facts.chars)
    if kind == "char" or not facts.coverage:
        return chars
    hybrid, least = tokens_a_char(facts.coverage, words), facts.coverage[-1]
    return chars * (hybrid if kind == "hybrid" else least + 0.5 * (hybrid - least))


def _network(
    choose: Chooser, machine: Machine, tokens: float, seconds: float, vocab_size: int, widest: int
) -> tuple[float, float]:
    """Choose the network; return how many tokens it can be trained on in the time, and what ``choose_dropout`` does."""
    cell: CellName = choose("cell", "lstm", "the best per minute of the three")
    activation = choose("activation", "tanh", "") if "activation" in choose.given else "tanh"
    deep = machine.kind == "cuda"
    layers = choose("layers", 1 + deep, "a GPU has the time" if deep else "a second layer pays from a larger budget on")
    samples = samples_for(vocab_size, machine)
    why = "rare tokens enter a step's softmax by chance" if samples else "all tokens are in each step's softmax"
    samples = choose("softmax_samples", samples, why)
    rows = rows_on_gpu(tokens)
    pace = Pace(machine=machine, cell=cell, layers=layers, vocab_size=vocab_size, samples=samples, rows=rows)
    best = pace.best_width(tokens, seconds, widest)
    why = "the best balance of width and passes over the text in the time"
    hidden = choose("hidden_size", best, why if widest == MOST_WIDTH else "what the memory has room for")
    width = state_width(hidden, activation)
    narrow = pace.embedding(width)
    choose("embedding_size", narrow, "as wide as the layer" if narrow == width else "narrower than the layer")
    choose("tie", True, f"one table of {vocab_size:,} tokens serves input and output")
    read = choose.given["epochs"] * tokens if choose.given.get("epochs") else pace.tokens_in(seconds, hidden)
    weights = parameter_count(config_of(ModelConfig, choose.values, vocab_size=vocab_size)) / tokens
    return read, choose_dropout(choose, read / tokens, weights)


def _check_memory(choose: Chooser, model: ModelConfig, train: TrainConfig, machine: Machine) -> None:
    """Refuse what cannot fit; note what it will take."""
    need = memory_needed(model, train, machine.kind)
    choose.note("memory", f"{need / 1e6:,.0f} MB", f"of {machine.memory / 1e9:.1f} GB that can be used")
    if need > machine.memory:
        raise DeviceError(
            f"this plan needs {need / 1e9:,.1f} GB of memory; {machine.memory / 1e9:.1f} GB can be used",
            hint="Make --hidden-size, --layers, --batch-size or --vocab-size smaller.",
        )


def _fraction(valid: str | None, facts: CorpusFacts, affordable: float) -> float:
    """Share of the corpus that is held out where no validation text is given."""
    most = min(VALID_MOST_CHARS, max(VALID_FEWEST_CHARS, affordable * facts.chars))
    try:
        return float(valid) if valid is not None else min(VALID_SHARE, most / max(1, facts.chars))
    except ValueError:
        return VALID_SHARE
