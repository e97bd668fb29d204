"""How a network is trained, as the recipe chooses it: rows and windows, dropout, the optimizer. No torch."""

from __future__ import annotations

from rnncli.config import Unit
from rnncli.device import Machine, choose_precision
from rnncli.text.resemblance import MOST_TOKENS
from rnncli.text.survey import CorpusFacts
from rnncli.training.choosing import Chooser
from rnncli.training.pace import (
    ENOUGH_STEPS,
    MANY_ROWS,
    by_heart,
    company_up_to,
    decay_a_pass,
    how_often,
    peak_rate,
    rows_on_gpu,
    side_by_side,
    steps_that_count,
    still_more,
)

WORDS = ("hybrid", "word", "bpe")
"""Tokenizers whose tokens are words or parts of words, of which some are spelled alike."""
SHARED_FROM = 1.4
"""Passes over the text from which words of like spelling share what they learn: before, steps are worth as much as they
take."""
LONG = 0.9999
"""Decay of the average of weights: so long that it is their mean over the last ninth of the steps, however many."""
FINAL_RATE, FINAL_RATE_BY_HEART, FINAL_RATE_OF_MANY = 0.1, 0.3, 1.0
"""Of the peak, at the end, where weights are averaged: of a text read a few times, of one that may be learned by heart,
where a falling rate is what learns it, and of one for which there is very much time (tests/bench/RESULTS.md)."""
KEPT_RATE, KEPT_PASSES = 0.1, 15.0
"""For a network that has learned already and goes on with another text: its rate, of a fresh one's, and passes from
which it needs as much dropout. Before, units that are dropped so often lose what it knows (tests/bench/RESULTS.md)."""
WINDOW_ON_GPU, WINDOW_OF_MANY = 96, 64
"""Tokens of a window there, and of one of very many rows."""


def choose_dropout(choose: Chooser, passes: float, weights_a_token: float) -> float:
    """Dropout slows learning while the text is new, and is what still teaches once it has been seen often.

    Returns the chances that each weight has to learn the text by heart.
    """
    chances = passes * weights_a_token
    fresh = min(1.0, max(0.5, passes / KEPT_PASSES)) if choose.kept else 1.0
    much = fresh * by_heart(chances)
    more = fresh * still_more(chances) if choose.values["layers"] > 1 else 0.0  # of one it was not measured
    why = "many passes"
    if "steps" not in choose.given:
        why = f"{weights_a_token:.2g} weights a token see the text {passes:.2g} times"
    choose("dropout", round(0.45 * much + 0.15 * more, 2), why)
    choose("input_dropout", round(0.3 * much + 0.15 * more, 2), why)
    recurrent = round(0.25 * much + 0.2 * more, 2)
    choose("recurrent_dropout", 0.0 if choose.values["cell"] == "rnn" else recurrent, why)
    choose("embedding_dropout", 0.0, "locked dropout on the input does its work")
    return chances


def choose_training(
    choose: Chooser, facts: CorpusFacts, machine: Machine, unit: Unit, tokens: float, read: float, chances: float
) -> None:
    """Choose how the network is trained on ``read`` of a text's ``tokens``; ``chances``: see ``choose_dropout``."""
    if unit == "lines":
        per_line = max(2.0, tokens / max(1, facts.lines - facts.blank_lines))
        longest = per_line * max(1.0, facts.p95_line / max(1.0, facts.mean_line))
        bptt = int(min(256, max(16, longest)))
        choose("bptt", bptt, "longer lines are read in pieces")
        # A processor takes 32 rows of 65 tokens in a quarter more time than 22.
        most = max(1500 / per_line, min(32, 4000 / per_line)) if machine.kind == "cpu" else 8000 / per_line
        rows = int(min(512, max(8, most)))
        rows = side_by_side(min(rows, tokens / per_line / 4), machine.kind)
        choose("batch_size", rows, f"lines of about {per_line:.0f} tokens")
    else:
        on_gpu = machine.kind == "cuda"
        most = rows_on_gpu(tokens) if on_gpu else 32 if machine.fast_bf16 or tokens > 3e6 else 16
        rows = int(min(most, max(16, read / 64 / ENOUGH_STEPS)))
        bptt = int(min(64, max(32, read / rows / ENOUGH_STEPS)))
        if on_gpu:
            bptt = WINDOW_ON_GPU if most < MANY_ROWS else WINDOW_OF_MANY
        bptt = choose("bptt", bptt, "gradients reach back this far; the state reaches further")
        rows = side_by_side(min(rows, tokens / (4 * bptt)), machine.kind)
        choose("batch_size", rows, "small steps learn more from a small text")
    taken = choose.values["batch_size"] * (per_line if unit == "lines" else bptt)
    _optimizer(choose, tokens, choose.given.get("steps") or read / taken, read / tokens, chances)
    _sharing(choose, machine, tokens, read / tokens)
    _decay(choose, read / tokens, tokens / taken)
    precision = choose_precision(choose.given.get("precision", "auto"), machine)
    why = "exact" if precision == "fp32" else "the device is faster with it"
    choose.values["precision"] = precision
    choose.note("precision", precision, "as you said" if "precision" in choose.given else why)
    choose("seed", 1, "the same seed and steps give the same bits")


def _optimizer(choose: Chooser, tokens: float, steps: float, passes: float, chances: float) -> None:
    """Choose the rule of the steps."""
    adam = choose("optimizer", "adamw", "reaches a good model soonest") == "adamw"
    hidden, layers = choose.values["hidden_size"], choose.values["layers"]
    peak = peak_rate(hidden, steps_that_count(steps, chances), tokens if layers > 1 else None) if adam else 20.0
    why = "wider networks and longer runs want less" if adam else "plain SGD wants much"
    if choose.kept:
        peak, why = KEPT_RATE * peak, "the weights know something already: the full rate would forget it"
    choose("learning_rate", peak, why)
    why = "ends just when the budget does" if adam else "falls where validation stands still"
    falls = choose("schedule", "cosine" if adam else "plateau", why) in ("cosine", "linear")
    choose("warmup", 0.02 if adam else 0.0, "the first steps are small" if adam else "SGD needs none")
    why = (
        "the mean of the last ninth of all steps is better than the last one"
        if adam
        else "asgd is the one that averages"
    )
    averages = choose("ema", LONG if adam else 0.0, why)
    if falls or "final_rate" in choose.given:
        last = FINAL_RATE + (FINAL_RATE_BY_HEART - FINAL_RATE) * by_heart(chances)
        last = round(last + (FINAL_RATE_OF_MANY - FINAL_RATE_BY_HEART) * still_more(chances), 2)
        why = "of the peak: long steps and their mean learn what holds" if averages else "nothing is averaged"
        choose("final_rate", last if averages else 0.0, why)
    choose("clip_norm", 1.0 if adam else 0.25, "global norm")
    for name in ("decay_rate", "decay_steps", "staircase", "patience"):
        if name in choose.given:
            choose(name, None, "")


def _sharing(choose: Chooser, machine: Machine, tokens: float, passes: float) -> None:
    """Choose what words learn together: while a text is new, by their company, and read again, by their spelling."""
    adam, words = choose.values["optimizer"] == "adamw", choose.values["kind"] in WORDS
    # On a GPU, where the text is read many times, it was not measured.
    met = adam and words and passes < company_up_to(tokens) and machine.kind == "cpu" and not choose.kept
    why = "what cat learns, dog learns too: they stand beside the same words" if met else "the text tells enough"
    met = choose("share_company", met, why)
    written = adam and words and 0 < choose.values["vocab_size"] <= MOST_TOKENS and passes >= SHARED_FROM and not met
    why = "what love learns, Love and loves learn with it" if written else "each token learns enough by itself"
    choose("share_spelling", written, why)


def _decay(choose: Chooser, passes: float, steps_a_pass: float) -> None:
    """Choose the decay of the weights, of which the optimizer takes the rate times as much in a step."""
    why = "keeps what is learnt by heart small, the more the oftener the text is seen"
    if choose.values["optimizer"] != "adamw":
        choose("weight_decay", 1.2e-6, why)
        return
    rate: float = choose.values["learning_rate"]
    if choose.values["schedule"] in ("cosine", "linear"):
        rate *= (1 + choose.values["final_rate"]) / 2
    wanted, most = 0.05 + 0.25 * how_often(passes), decay_a_pass(passes) / (rate * steps_a_pass)
    if most < wanted:
        wanted, why = most, f"no more than {decay_a_pass(passes):.0%} of the weights a pass over the text"
    choose("weight_decay", float(f"{wanted:.2g}"), why)
