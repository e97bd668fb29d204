"""The recipe: sane for any corpus and budget, obedient to what is given, and clear about what cannot be."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import (
    TRAINING_OPTIONS,
    ActivationName,
    CellName,
    OptimizerName,
    ScheduleName,
    TokenizerKind,
    options_of,
    validate,
)
from rnncli.device import Machine
from rnncli.errors import ConfigError, DeviceError
from rnncli.text.coverage import TIMES, often_enough, tokens_a_char, words_that_come
from rnncli.text.survey import CorpusFacts
from rnncli.training.memory import memory_needed
from rnncli.training.pace import (
    MANY_ROWS,
    Pace,
    drawn,
    peak_rate,
    rows_on_gpu,
    side_by_side,
    steps_that_count,
    still_more,
)
from rnncli.training.plan import Plan
from rnncli.training.recipe import DEFAULT_MINUTES, MOST_WORDS, make_plan
from tests.nets import MACHINE

FAST = dataclasses.replace(MACHINE, threads=2, fast_bf16=True)
GPU = dataclasses.replace(MACHINE, kind="cuda", threads=16, fast_bf16=True, fast_fp16=True, memory=80 << 30)


PROSE = (1.0, 0.71, 0.66, 0.59, 0.53, 0.45, 0.39, 0.33, 0.31, 0.3, 0.29, 0.29, 0.27)
"""Tokens a character, as in a megabyte of plays."""
GERMAN = (1.0, 0.816, 0.767, 0.71, 0.648, 0.581, 0.511, 0.442, 0.377, 0.341, 0.341, 0.341, 0.25)
"""The same of eight megabytes of them in German."""


def facts(chars: int = 1_000_000, **changes: Any) -> CorpusFacts:
    """English prose in paragraphs of 400 characters, unless told otherwise."""
    lines = max(1, chars // 200)
    words = max(1, chars // 6)
    prose: dict[str, Any] = {
        "documents": 1,
        "document_chars": (chars,),
        "bytes": chars,
        "chars": chars,
        "lines": lines,
        "blank_lines": lines // 2,
        "longest_line": 1000,
        "mean_line": 400.0,
        "median_line": 380,
        "p95_line": 900,
        "words": words,
        "distinct_words": min(words, round(30 * words**0.5)),
        "sampled_words": words,
        "distinct_chars": min(chars, 80),
        "common_chars": min(chars, 80),
        "coverage": PROSE,
        "repeats": repeats(chars),
        "ends_sentence": 0.9,
        "ends_open": 0.02,
        "continued": 0.05,
        "indented": 0.0,
        "duplicates": 0.0,
        "fingerprint": "0" * 64,
        "seconds": 0.1,
    }
    return CorpusFacts(**{**prose, **changes})


def repeats(chars: int) -> tuple[int, ...]:
    """By Zipf's law: a megabyte has 2,000 words that come five times, more text has more words."""
    return tuple(round(10_000 * (chars / 1e6) ** 0.5 / times) for times in TIMES)


def names(lines: int = 20_000, length: int = 7) -> CorpusFacts:
    """One word a line, hardly any twice."""
    return facts(
        lines * (length + 1),
        lines=lines,
        blank_lines=0,
        longest_line=2 * length,
        mean_line=float(length),
        median_line=length,
        p95_line=length + 4,
        words=lines,
        distinct_words=lines,
        sampled_words=lines,
        distinct_chars=27,
        common_chars=27,
        coverage=(1.0,) * len(PROSE),
        repeats=(0,) * len(TIMES),
        ends_sentence=0.0,
        ends_open=0.0,
        continued=0.0,
    )


def check(plan: Plan, corpus: CorpusFacts, machine: Machine) -> None:
    """What must hold for any plan."""
    for config in (plan.corpus, plan.tokenizer, plan.model, plan.train):
        validate(config)
    assert plan.model.vocab_size >= 1
    assert 0 < plan.share <= 1
    assert 0 < plan.valid_fraction < 1
    assert plan.train.precision in ("fp32", "bf16", "fp16")
    assert memory_needed(plan.model, plan.train) <= machine.memory
    settings = [setting.name for setting in plan.settings]
    assert len(set(settings)) == len(settings)
    assert all(setting.value != "" and setting.why for setting in plan.settings), plan.settings
    assert list(plan.as_dict()) == settings
    # At least one batch's worth of text for every row.
    tokens_at_most = max(corpus.bytes, corpus.chars)
    assert plan.train.batch_size == 1 or plan.train.batch_size <= tokens_at_most


MACHINES = st.builds(
    Machine,
    kind=st.sampled_from(["cpu", "cuda"]),
    name=st.just("some"),
    threads=st.integers(1, 128),
    memory=st.integers(2 << 30, 1 << 40),
    fast_bf16=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    chars=st.floats(3, 11).map(lambda x: round(10**x)),
    minutes=st.floats(-1, 4).map(lambda x: 10**x),
    kind=st.sampled_from(get_args(TokenizerKind)),
    cell=st.sampled_from(get_args(CellName)),
    lines=st.booleans(),
    bytes_a_char=st.floats(1, 4),
    distinct=st.integers(1, 20_000),
    machine=MACHINES,
)
def test_any_corpus_and_budget_gives_a_sane_plan(
    chars: int,
    minutes: float,
    kind: str,
    cell: str,
    lines: bool,
    bytes_a_char: float,
    distinct: int,
    machine: Machine,
) -> None:
    """1 kB to 100 GB, 6 seconds to a week, any tokenizer, cell and machine of 2 GB and more."""
    corpus = names(max(20, chars // 8)) if lines else facts(chars)
    corpus = dataclasses.replace(
        corpus, bytes=round(corpus.chars * bytes_a_char), distinct_chars=min(distinct, corpus.chars)
    )
    plan = make_plan(corpus, machine, {"minutes": minutes, "kind": kind, "cell": cell})
    check(plan, corpus, machine)
    assert plan.unit == ("lines" if lines else "stream")
    assert plan.train.minutes == minutes
    assert 64 <= plan.model.hidden_size <= 2048
    assert 16 <= plan.train.bptt <= 256
    assert plan.train.batch_size <= 512
    assert 1e-4 <= plan.train.learning_rate <= 0.015
    assert 0 <= plan.model.dropout <= 0.6
    assert plan.tokenizer.vocab_size <= 50_000


def test_without_a_budget_it_is_five_minutes() -> None:
    plan = make_plan(facts(), FAST, {})
    assert plan.train.minutes == DEFAULT_MINUTES == 5
    assert (plan.train.steps, plan.train.epochs) == (None, None)
    check(plan, facts(), FAST)


@pytest.mark.parametrize("budget", [{"steps": 100}, {"epochs": 2.5}, {"minutes": 0.5}])
def test_one_budget_is_kept_and_no_other_is_made_up(budget: dict[str, Any]) -> None:
    plan = make_plan(facts(), FAST, budget)
    found = {name: getattr(plan.train, name) for name in ("minutes", "steps", "epochs")}
    assert found == {"minutes": None, "steps": None, "epochs": None, **budget}


def test_more_time_and_more_text_make_no_smaller_network() -> None:
    by_time = [make_plan(facts(), FAST, {"minutes": m}).model.hidden_size for m in (0.5, 2, 10, 60)]
    assert by_time == sorted(by_time)
    assert by_time[0] < by_time[-1]
    by_text = [make_plan(facts(10**n), FAST, {}).tokenizer.vocab_size for n in (4, 5, 6, 7)]
    assert by_text == sorted(by_text)
    assert by_text[0] < by_text[-1]


@settings(max_examples=40, deadline=None)
@given(
    chars=st.floats(3, 11).map(lambda x: round(10**x)),
    minutes=st.floats(-1, 4).map(lambda x: 10**x),
    factor=st.floats(1.5, 30),  # widths go in steps of 32: a little more time may all be spent on the next one
    lines=st.booleans(),
    machine=MACHINES,
)
def test_the_plan_grows_with_the_budget(
    chars: int, minutes: float, factor: float, lines: bool, machine: Machine
) -> None:
    """More minutes: no narrower, no fewer words, no less dropout, no higher a rate for the same batches."""
    machine = dataclasses.replace(machine, memory=1 << 40)
    corpus = names(max(20, chars // 8)) if lines else facts(chars)
    less, more = (make_plan(corpus, machine, {"minutes": m}) for m in (minutes, minutes * factor))
    assert more.model.hidden_size >= less.model.hidden_size
    assert more.tokenizer.vocab_size >= less.tokenizer.vocab_size
    assert more.share >= less.share
    if (more.train.batch_size, more.train.bptt) == (less.train.batch_size, less.train.bptt):
        assert more.train.learning_rate <= less.train.learning_rate
    if less.share == 1:  # else more time is more text
        same = {"hidden_size": 256, "vocab_size": 500}
        less, more = (make_plan(corpus, machine, {"minutes": m, **same}) for m in (minutes, minutes * factor))
        assert more.model.dropout >= less.model.dropout
        assert more.model.recurrent_dropout >= less.model.recurrent_dropout
        assert more.train.bptt >= less.train.bptt


def test_a_small_memory_makes_a_narrower_network() -> None:
    wide = make_plan(facts(10**8), GPU, {"minutes": 600})
    narrow = make_plan(facts(10**8), dataclasses.replace(GPU, memory=1 << 30), {"minutes": 600})
    assert narrow.model.hidden_size < wide.model.hidden_size
    reasons = {setting.name: setting.why for setting in narrow.settings}
    assert "memory" in reasons["hidden_size"]
    assert memory_needed(narrow.model, narrow.train) <= 1 << 30
    with pytest.raises(DeviceError, match="GB"):
        make_plan(facts(), dataclasses.replace(GPU, memory=1 << 28), {})


def test_text_that_is_seen_often_is_dropped_more() -> None:
    seldom, often = (make_plan(facts(chars), FAST, {}).model for chars in (10**8, 10**5))
    assert often.dropout > seldom.dropout
    assert often.input_dropout > seldom.input_dropout
    assert often.recurrent_dropout > seldom.recurrent_dropout


def test_a_network_that_knows_something_learns_gently_and_drops_less_until_the_text_is_known() -> None:
    given = {"hidden_size": 512, "embedding_size": 256, "layers": 1, "vocab_size": 3000, "kind": "hybrid"}
    for epochs, share in ((6, 0.5), (12, 0.8), (15, 1.0), (40, 1.0)):
        fresh, kept = (make_plan(facts(200_000), FAST, {**given, "epochs": epochs}, kept=k) for k in ((), given))
        assert fresh.model.dropout == 0.45  # it could learn the text by heart
        assert kept.model.dropout == pytest.approx(share * fresh.model.dropout, abs=0.006)
        assert kept.train.learning_rate == pytest.approx(0.1 * fresh.train.learning_rate, rel=0.02)


def test_words_share_what_they_learn_where_a_text_of_words_is_read_again() -> None:
    def shares(chars: int, **given: Any) -> bool:
        return make_plan(facts(chars), FAST, given).train.share_spelling

    assert shares(10**5)
    assert not shares(10**9)
    assert shares(10**5, kind="bpe")
    assert not shares(10**5, kind="char")
    assert not shares(10**5, kind="byte")
    assert not shares(10**5, optimizer="sgd")
    assert not shares(10**5, share_spelling=False)
    assert shares(10**9, share_spelling=True)


def test_words_share_what_they_learn_by_their_company_where_a_text_is_new() -> None:
    def shares(chars: int, machine: Machine = FAST, **given: Any) -> bool:
        return make_plan(facts(chars), machine, given, kept=given.keys() & {"hidden_size"}).train.share_company

    assert shares(10**9)
    assert not shares(10**5)
    assert shares(10**9, kind="word")
    assert not shares(10**9, kind="char")
    assert shares(10**9, kind="bpe")
    assert not shares(10**9, optimizer="sgd")
    assert not shares(10**9, share_company=False)
    assert shares(10**5, share_company=True)
    assert not shares(10**9, hidden_size=256)  # the weights have learned already
    assert not shares(10**9, GPU)
    # Never both by choice; and the larger a text the longer.
    chosen = [make_plan(facts(round(10 ** (power / 10))), FAST, {}).train for power in range(50, 90)]
    assert not any(train.share_company and train.share_spelling for train in chosen)
    assert [train.share_company for train in chosen] == sorted(train.share_company for train in chosen)


def test_of_a_large_vocabulary_a_part_is_drawn_and_that_buys_steps() -> None:
    def plan(machine: Machine = FAST, **given: Any) -> Plan:
        return make_plan(facts(10**7), machine, {"vocab_size": 8000, **given})

    assert plan().train.softmax_samples > 0
    read = [
        Pace(machine=FAST, cell="lstm", layers=1, vocab_size=size, samples=samples).tokens_in(60, 320)
        for size, samples in ((8000, 0), (20_000, 1500), (8000, 1500))
    ]
    assert read == sorted(read)
    assert read[1] > 1.5 * read[0]
    assert plan(vocab_size=100).train.softmax_samples == 0
    assert plan(GPU).train.softmax_samples == 0
    whole = [drawn(size, 0) for size in (10, 1000, 50_000)]
    assert whole == [10, 1000, 50_000]
    part = [drawn(size, 1500) for size in (10, 1000, 5000, 50_000)]
    assert part == sorted(part)
    assert part[0] == 10
    assert part[-1] < 2000


def test_words_that_come_too_seldom_are_spelled() -> None:
    """As many as the text tells are tokens, where the time is for all of them; of other tokenizers nothing is told."""
    few = facts(70_000, repeats=(900,) * 7 + (184,) * (len(TIMES) - 7))
    assert make_plan(few, FAST, {}).tokenizer.vocab_size == words_that_come(few.repeats, often_enough(70_000)) == 184
    assert "11 times" in next(s.why for s in make_plan(few, FAST, {}).settings if s.name == "vocabulary")
    assert make_plan(few, FAST, {"vocab_size": 500}).tokenizer.vocab_size == 500
    for kind in ("word", "bpe"):
        assert make_plan(few, FAST, {"kind": kind}) == make_plan(facts(70_000), FAST, {"kind": kind})


def test_a_long_text_has_as_many_words_as_can_be_learned_in_the_time() -> None:
    """A tenth of a minute of two cores reads 540 kB: of 9 MB a word that comes 17 times is read once."""
    assert often_enough(9e6) < 2.6
    found = {minutes: make_plan(facts(9 * 10**6), FAST, {"minutes": minutes}) for minutes in (0.05, 0.1, 0.3, 30)}
    for minutes in (0.05, 0.1, 0.3):
        plan, least = found[minutes], 9e6 / (9e4 * 60 * minutes)
        assert plan.tokenizer.vocab_size == min(MOST_WORDS, words_that_come(repeats(9 * 10**6), least))
        [why] = [s.why for s in plan.settings if s.name == "vocabulary"]
        assert (f"{least:.0f} times" in why) == (plan.tokenizer.vocab_size < MOST_WORDS)
    sizes = [plan.tokenizer.vocab_size for plan in found.values()]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == words_that_come(repeats(9 * 10**6), often_enough(9e6))
    assert make_plan(facts(10**9), FAST, {"minutes": 600}).tokenizer.vocab_size == MOST_WORDS
    slow = dataclasses.replace(MACHINE, threads=1, fast_bf16=False)
    assert make_plan(facts(9 * 10**6), slow, {"minutes": 0.3}).tokenizer.vocab_size < found[0.3].tokenizer.vocab_size


def test_words_of_many_forms_are_tokens_in_pieces_where_the_text_is_long_and_new() -> None:
    words = words_that_come(repeats(8 * 10**6), often_enough(8e6))
    spelled = tokens_a_char(GERMAN, words)
    more = spelled / (GERMAN[-1] + (spelled - GERMAN[-1]) / 2) - 1
    assert 0.2 < more < 0.25
    times = (0.1, 1, 5, 20, 40, 600)
    for chars, coverage, kinds in (
        (8 * 10**6, GERMAN, ["bpe"] * 4 + ["hybrid"] * 2),  # 16 passes: 24 minutes of 9e4 characters a second
        (7 * 10**5, GERMAN, ["hybrid"] * 6),
        (8 * 10**6, PROSE, ["hybrid"] * 6),
        (10**9, PROSE, ["hybrid"] * 6),
    ):
        of = facts(chars, coverage=coverage)
        assert [make_plan(of, FAST, {"minutes": minutes}).tokenizer.kind for minutes in times] == kinds
        assert make_plan(of, FAST, {"kind": "char"}).tokenizer.kind == "char"
        assert make_plan(of, GPU, {}).tokenizer.kind == "hybrid"
    many = [s.why for s in make_plan(facts(8 * 10**6, coverage=GERMAN), FAST, {}).settings if s.name == "tokenizer"]
    assert many == [f"its words have many forms: rare ones spelled, it would be {more:.0%} more tokens"]
    assert make_plan(names(10**6), FAST, {}).tokenizer.kind == "hybrid"
    assert make_plan(facts(8 * 10**6, coverage=()), FAST, {}).tokenizer.kind == "hybrid"


def test_a_long_text_has_as_many_pieces_of_words_as_words_can_be_learned_in_the_time() -> None:
    """But not fewer than before, of a small one; and on a GPU, where all are in the softmax, as many as before."""
    long = facts(9 * 10**6)
    for minutes in (0.3, 1, 30):
        words, pieces = (make_plan(long, FAST, {"minutes": minutes, "kind": kind}) for kind in ("hybrid", "bpe"))
        assert pieces.tokenizer.vocab_size == words.tokenizer.vocab_size > 3000
        assert make_plan(long, GPU, {"minutes": minutes, "kind": "bpe"}).tokenizer.vocab_size < MOST_WORDS
    small = facts(70_000, repeats=(900,) * 7 + (184,) * (len(TIMES) - 7))
    assert make_plan(small, FAST, {"kind": "bpe"}).tokenizer.vocab_size == 907  # 3,000 by .07 to the power of .45
    assert make_plan(facts(9000, repeats=(0,) * len(TIMES)), FAST, {"kind": "bpe"}).tokenizer.vocab_size == 400


def test_of_characters_only_the_common_ones_are_tokens() -> None:
    some, all_of_them = (
        make_plan(facts(10**6, distinct_chars=9000, common_chars=common), FAST, {}).model.vocab_size
        for common in (3000, 9000)
    )
    assert all_of_them - some == 6000


GIVEN: dict[str, tuple[Any, ...]] = {
    "minutes": (0.5, 600.0),
    "steps": (1, 10**6),
    "epochs": (0.1, 50.0),
    "batch_size": (1, 300),
    "bptt": (1, 500),
    "learning_rate": (1e-5, 30.0),
    "warmup": (0.0, 0.5),
    "optimizer": get_args(OptimizerName),
    "ema": (0.0, 0.99),
    "schedule": get_args(ScheduleName),
    "final_rate": (0.0, 1.0),
    "decay_rate": (0.1, 1.0),
    "decay_steps": (0, 1000),
    "staircase": (True, False),
    "clip_norm": (0.0, 5.0),
    "weight_decay": (0.0, 0.5),
    "patience": (0, 7),
    "softmax_samples": (0, 700),
    "share_spelling": (True, False),
    "share_company": (True, False),
    "precision": ("fp32", "bf16"),
    "direction": ("forward", "backward", "both"),
    "seed": (0, 12345),
    "kind": get_args(TokenizerKind),
    "vocab_size": (300, 3000),
    "lowercase": (True, False),
    "encoding": ("utf-8", "latin-1"),
    "unit": ("stream", "lines"),
    "valid": ("0.2", "valid.txt"),
    "cell": get_args(CellName),
    "activation": get_args(ActivationName),
    "layers": (1, 4),
    "hidden_size": (1, 999),
    "embedding_size": (1, 777),
    "tie": (True, False),
    "dropout": (0.0, 0.7),
    "input_dropout": (0.0, 0.7),
    "recurrent_dropout": (0.0, 0.7),
    "embedding_dropout": (0.0, 0.7),
}


def test_every_option_is_tried_below() -> None:
    assert set(GIVEN) == {field.name for kind in TRAINING_OPTIONS for field in options_of(kind)}


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("corpus", [facts(), names()], ids=["stream", "lines"])
def test_what_is_given_holds(name: str, corpus: CorpusFacts) -> None:
    for value in GIVEN[name]:
        extra = {"cell": "rnn"} if name == "activation" else {}
        plan = make_plan(corpus, FAST, {name: value, **extra})
        configs = (plan.corpus, plan.tokenizer, plan.model, plan.train)
        found = [getattr(c, f.name) for c in configs for f in options_of(type(c)) if f.name == name]
        assert found == [value]
        check(plan, corpus, FAST)
        if name == "unit":
            assert plan.unit == value


def test_a_given_fraction_is_held_out() -> None:
    assert make_plan(facts(), FAST, {"valid": "0.25"}).valid_fraction == 0.25
    assert make_plan(facts(10**5), FAST, {}).valid_fraction == 0.1
    assert make_plan(facts(10**8), FAST, {}).valid_fraction == pytest.approx(0.003)


@pytest.mark.parametrize(
    "given",
    [
        {"minutes": 1.0, "steps": 5},
        {"steps": 5, "epochs": 1.0},
        {"minutes": 1.0, "epochs": 1.0},
        {"activation": "relu"},
        {"activation": "relu", "cell": "gru"},
        {"ema": 0.9, "optimizer": "asgd"},
        {"hidden_size": 0},
        {"hidden_size": 10**6},
        {"layers": 33},
        {"dropout": 1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": -1.0},
        {"minutes": 0.0},
        {"steps": 0},
        {"clip_norm": -1.0},
        {"schedule": "sawtooth"},
        {"cell": "transformer"},
        {"seed": -1},
    ],
)
def test_what_cannot_be_is_one_clear_line(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        make_plan(facts(), FAST, given)
    assert "--" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_setting_that_is_none_is_not_passed_over() -> None:
    with pytest.raises(ConfigError, match="tokenizer"):
        make_plan(facts(), FAST, {"tokenizer": "char"})  # the field is kind


@pytest.mark.parametrize("given", [{"hidden_size": 30_000}, {"batch_size": 60_000, "bptt": 60_000}])
def test_what_does_not_fit_says_what_it_needs(given: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match="GB") as caught:
        make_plan(facts(), FAST, given)
    assert "--hidden-size" in str(caught.value.hint)


def test_fp16_is_for_gpus() -> None:
    with pytest.raises(DeviceError, match="fp16"):
        make_plan(facts(), FAST, {"precision": "fp16"})
    assert make_plan(facts(), GPU, {"precision": "fp16"}).train.precision == "fp16"


def test_precision_is_the_machines_fast_one() -> None:
    assert make_plan(facts(), FAST, {}).train.precision == "bf16"
    assert make_plan(facts(), MACHINE, {}).train.precision == "fp32"


def test_lines_and_streams() -> None:
    stream, lines = make_plan(facts(), FAST, {}), make_plan(names(), FAST, {})
    assert (stream.unit, lines.unit) == ("stream", "lines")
    # Names hardly repeat, their letters do: no words are kept, and a window holds a whole name.
    assert (lines.tokenizer.kind, lines.tokenizer.vocab_size) == ("hybrid", 0)
    assert lines.train.bptt >= 12
    assert lines.train.batch_size > stream.train.batch_size
    assert make_plan(names(), FAST, {"unit": "stream"}).unit == "stream"
    assert make_plan(facts(), FAST, {"unit": "lines"}).unit == "lines"


def test_a_batch_of_lines_counts_as_their_tokens_not_as_the_windows_that_hold_the_longest() -> None:
    """Else a few long lines would make a run seem short, and its rate high."""
    even, ragged = names(), dataclasses.replace(names(), p95_line=50)
    plans = [make_plan(corpus, FAST, {"minutes": 20.0}).train for corpus in (even, ragged)]
    assert plans[0].bptt < plans[1].bptt
    assert (
        plans[0].learning_rate == plans[1].learning_rate < make_plan(even, FAST, {"minutes": 1.0}).train.learning_rate
    )


def test_a_corpus_too_large_to_prepare_is_used_in_part_and_says_so() -> None:
    large = facts(10**9)
    plan = make_plan(large, FAST, {"minutes": 5.0})
    assert 0 < plan.share < 1
    assert "share" in plan.as_dict()
    assert make_plan(large, FAST, {"minutes": 50_000.0}).share == 1
    assert make_plan(large, FAST, {"steps": 100}).share == 1
    assert "share" not in make_plan(facts(), FAST, {}).as_dict()


def test_two_words_are_enough_for_a_plan() -> None:
    tiny = facts(10, lines=1, blank_lines=0, words=2, distinct_words=2, sampled_words=2, distinct_chars=6)
    for kind in get_args(TokenizerKind):
        check(make_plan(tiny, FAST, {"kind": kind}), tiny, FAST)


@settings(max_examples=60, deadline=None)
@given(chars=st.floats(3, 10).map(lambda x: round(10**x)), minutes=st.floats(-1, 3).map(lambda x: 10**x))
def test_a_gpu_gets_what_its_fastest_kernels_take(chars: int, minutes: float) -> None:
    """float16, widths in multiples of 128 up to 1,024, rows in multiples of 8, and none between 96 and 256."""
    plan = make_plan(facts(chars), GPU, {"minutes": minutes})
    assert plan.train.precision == "fp16"
    assert plan.model.hidden_size in range(128, 1025, 128)
    assert plan.model.embedding_size in range(128, 513, 128)
    assert plan.model.embedding_size <= plan.model.hidden_size
    if chars > 10**5:  # else there are not enough tokens for the rows
        assert plan.train.batch_size in {*range(16, 97, 8), MANY_ROWS}
    assert plan.train.bptt in (64, 96)
    assert plan.model.layers == 2


def test_a_minute_of_a_gpu_on_a_megabyte_is_the_plan_that_was_measured() -> None:
    plan = make_plan(facts(), GPU, {"minutes": 1.0})
    assert (plan.model.layers, plan.model.hidden_size, plan.model.embedding_size) == (2, 768, 512)
    assert (plan.train.batch_size, plan.train.bptt) == (32, 96)
    assert 0.007 <= plan.train.learning_rate <= 0.009
    assert 0.55 <= plan.model.dropout <= 0.6
    assert 0.35 <= plan.model.recurrent_dropout <= 0.45


def test_rows_on_a_gpu_and_dropout_beyond_the_usual_grow_with_what_there_is() -> None:
    rows = [rows_on_gpu(10**n) for n in (2, 4, 5.6, 6, 6.4, 7, 9)]
    assert rows == sorted(rows)
    assert (rows[0], rows[-1]) == (16, MANY_ROWS)
    assert rows_on_gpu(400_000) == 32
    assert [still_more(10**n) for n in (1, 2.5, 3.0, 3.5, 5)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_layers_above_one_another_want_a_lower_rate_the_more_text_there_is() -> None:
    rates = [peak_rate(768, 14_000, tokens) for tokens in (1e5, 1e6, 1e7, 1e9)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(2 * peak_rate(768, 14_000), rel=0.05)
    assert rates[-1] < peak_rate(768, 14_000)


def test_a_longer_run_wants_a_lower_rate_until_it_could_know_the_text_by_heart() -> None:
    rates = [peak_rate(256, steps) for steps in (1000, 1500, 5000, 50_000)]
    assert rates[0] == rates[1] > rates[2] > rates[3]
    assert [steps_that_count(3000, chances) for chances in (0, 15, 150, 300, 3000)] == [3000, 3000, 3000, 1500, 150]
    for machine in (FAST, GPU):
        hour, day = (make_plan(facts(), machine, {"minutes": minutes}) for minutes in (60.0, 1440.0))
        assert hour.model.hidden_size == day.model.hidden_size
        assert hour.train.learning_rate == day.train.learning_rate
    large = [make_plan(facts(10**9), FAST, {"minutes": m, "hidden_size": 512}).train for m in (60.0, 1440.0)]
    assert large[0].learning_rate > large[1].learning_rate


@pytest.mark.parametrize(
    ("hidden", "rows", "vocab_size", "measured"),
    [
        (768, 16, 1300, 659e3),
        (768, 32, 1300, 914e3),
        (768, 64, 1300, 1144e3),
        (512, 32, 1300, 1177e3),
        (1024, 32, 1300, 851e3),
        (768, 64, 10_000, 1025e3),
        (768, 256, 10_000, 2166e3),
        (1024, 256, 10_000, 1793e3),
        (768, 512, 10_000, 2651e3),
    ],
)
def test_a_gpus_speed_is_about_the_measured_one(hidden: int, rows: int, vocab_size: int, measured: float) -> None:
    """Two LSTM layers on an H100 (tests/bench/RESULTS.md)."""
    pace = Pace(machine=GPU, cell="lstm", layers=2, vocab_size=vocab_size, rows=rows)
    assert 1 / pace.seconds_a_token(hidden) == pytest.approx(measured, rel=0.25)


def test_rows_can_be_cut_into_equal_blocks() -> None:
    assert [side_by_side(rows) for rows in (0.3, 1.9, 31.9, 32, 73, 75.9, 76.1, 210)] == [1, 1, 31, 32, 72, 72, 80, 208]
    on_gpu = [side_by_side(rows, "cuda") for rows in (0.3, 7.9, 17, 73, 97, 250, 256, 300)]
    assert on_gpu == [1, 7, 16, 72, 96, 96, 256, 304]
    for length in (5, 7, 11, 20):
        assert make_plan(names(length=length), FAST, {"minutes": 1.0}).train.batch_size % 8 == 0


def test_a_pass_takes_no_more_of_the_weights_in_many_small_steps_than_in_few() -> None:
    told = {"minutes": 60.0, "kind": "char", "hidden_size": 256, "bptt": 64, "learning_rate": 0.004, "final_rate": 0.5}
    decays = {}
    for chars in (300_000, 3_000_000, 30_000_000):
        for rows in (4, 16, 64):
            train = make_plan(facts(chars), FAST, {**told, "batch_size": rows}).train
            decays[chars, rows] = train.weight_decay
            # Each character is a token, and the rate three quarters of the peak on average.
            taken = train.weight_decay * 0.75 * 0.004 * chars / (rows * 64)
            vocab_size = make_plan(facts(chars), FAST, told).model.vocab_size
            pace = Pace(machine=FAST, cell="lstm", layers=1, vocab_size=vocab_size, samples=train.softmax_samples)
            assert taken <= 1.03 * (0.2 + 2 / (pace.tokens_in(3600.0, 256) / chars))
    assert decays[300_000, 64] == 0.3  # of few steps the decay is what it would be without this rule
    assert decays[3_000_000, 4] < decays[3_000_000, 16] < decays[3_000_000, 64]
    assert decays[3_000_000, 16] == pytest.approx(4 * decays[3_000_000, 4], rel=0.1)


def test_a_small_text_that_is_read_often_gets_a_narrow_network() -> None:
    plans = [make_plan(facts(chars), FAST, {"minutes": 5.0}) for chars in (20_000, 70_000, 260_000, 1_000_000)]
    widths = [plan.model.hidden_size for plan in plans]
    assert widths == sorted(widths)
    assert widths[0] <= 128
    assert 128 <= widths[1] <= 256 <= widths[2] <= 352
    assert widths[3] >= 384
    # Tokens have vectors half as wide, in steps of 64.
    for model in (plan.model for plan in [*plans, make_plan(names(), FAST, {"minutes": 5.0})]):
        assert model.embedding_size % 64 == 0
        assert model.embedding_size == pytest.approx(model.hidden_size / 2, abs=32)


def test_the_rate_ends_higher_where_weights_are_averaged_and_the_text_is_read_often() -> None:
    once, often, always = (make_plan(facts(10**6), FAST, {"minutes": m}).train for m in (0.5, 10.0, 6000.0))
    assert (once.ema, once.final_rate, often.final_rate, always.final_rate) == (0.9999, 0.1, 0.3, 1.0)
    for told in ({"ema": 0.0}, {"optimizer": "sgd"}, {"optimizer": "asgd"}):
        train = make_plan(facts(), FAST, told).train
        assert (train.ema, train.final_rate) == (0.0, 0.0)
    assert make_plan(facts(), FAST, {"optimizer": "sgd", "ema": 0.5}).train.ema == 0.5
    # What does not end at a share of the peak says nothing of one.
    assert "final_rate" not in make_plan(facts(), FAST, {"schedule": "constant"}).as_dict()
