"""How fast a machine trains, and what its time is best spent on. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnncli.config import CellName
from rnncli.device import DeviceKind, Machine
from rnncli.spec import CELLS

MOST_EMBEDDING = 512
"""Widest embedding that the recipe takes: the head's cost grows with it, and so does the table."""


EVEN_EMBEDDING = 64
"""A processor is slower with what lies between: 96 takes longer than 128."""

LEAST_WIDTH, MOST_WIDTH = 64, 1024
"""Units of a layer; cuDNN's persistent kernels know no wider one."""
GPU_WIDTHS = 128
"""They know only multiples of so many units: with 704 a layer takes 4.5 times as long as with 768."""
FEW_ROWS, MANY_ROWS = 96, 256
"""Rows up to which cuDNN's persistent kernels are the fastest, whose time grows with the rows, and from which its plain
ones are."""

ENOUGH_STEPS = 2000
"""Fewer rows are trained side by side, down to 16, and windows cut down to half, where a run would have fewer."""


def how_often(passes: float) -> float:
    """0 for a text of which two thirds are read, 1 for one read twenty times: how much it takes to teach on."""
    return min(1.0, max(0.0, math.log10(max(1.0, 1.5 * passes)) / 1.5))


def by_heart(chances: float) -> float:
    """How much a network must be kept from learning its text by heart, 0 to 1.

    ``chances``: that each weight has to, passes over the text times weights a token.

    Nothing up to 25 of them, all from 125 on: measured with plans of 11 and 15 (best with no dropout at all), 28 (a
    tenth of the most), 38, 42, 50 (a third to a half), 66 (three quarters) and 80 (two thirds).
    """
    return min(1.0, max(0.0, (math.log10(max(1e-9, chances)) - 1.4) / 0.7))


def still_more(chances: float) -> float:
    """The same beyond that, 0 up to 300 chances of each weight, 1 from 3,000 on, as on a GPU in a minute.

    Measured there on a megabyte of plays: with 800 chances half of all units dropped were best, with 1,300 six tenths.
    """
    return min(1.0, max(0.0, math.log10(max(1e-9, chances)) - 2.5))


def steps_that_count(steps: float, chances: float) -> float:
    """Steps of a run as ``peak_rate`` counts them: those until each weight has had 150 chances to learn the text.

    From there on a high rate keeps what does not hold from being learned by heart. Half of .005 made perplexity 160 of
    146 where each weight had 1,400 chances, twice .006 made 1.688 nats a character of 1.702 where it had 1,000.
    """
    return steps * min(1.0, 150 / max(1e-9, chances))


def company_up_to(tokens: float) -> float:
    """Passes over a text of so many tokens up to which words of like company should share what they learn.

    The larger a text, the better it tells which words those are. Measured, nats a character less: 345,000 tokens half a
    pass 0.017, 3.7 passes -0.018; 800,000 half a pass 0.019 and 0.057, 1.6 of them -0.008 and 0.000; 3 million half a
    pass 0.029 to 0.047, two of them 0.013 and 0.019.
    """
    return math.sqrt(tokens / 350_000)


def decay_a_pass(passes: float) -> float:
    """How much of the weights a pass over the text may take away at most, of a run of so many.

    What holds for texts and batches of any size is how many passes the weights remember (Wang & Aitchison 2024, "How to
    set AdamW's weight decay as you scale model and dataset size"): some five of many, half a run of few. Every plan
    that was measured before takes less. On half a million words, read 16 to 31 times, .08 and .76 a pass gave
    perplexities 7 and 9 % above that of .19.
    """
    return 0.2 + 2.0 / max(1e-3, passes)


def rows_on_gpu(tokens: float) -> int:
    """The most that are worth it: few for a small text, whose small steps learn more, and never between 96 and 256."""
    rows = 32 * (tokens / 4e5) ** 0.5
    return MANY_ROWS if rows >= MANY_ROWS / 2 else max(16, min(FEW_ROWS, 8 * round(rows / 8)))


def side_by_side(rows: float, device: DeviceKind = "cpu") -> int:
    """About so many rows, which the device's kernel can cut into equal blocks.

    Measured with oneDNN in bfloat16: 73 take three times as long as 72; up to 32 it makes no difference.
    """
    if device == "cuda" and FEW_ROWS < rows < MANY_ROWS:
        return FEW_ROWS
    return 8 * round(rows / 8) if rows >= 32 or (device == "cuda" and rows >= 8) else max(1, int(rows))


def peak_rate(hidden: int, steps: float, tokens: float | None = None) -> float:
    """Adam's highest learning rate: less for wider networks and, from 1,500 steps on, for longer runs.

    ``tokens``: of the text that layers above one another learn; a small one is not learned by heart as soon with a high
    rate. Measured with two layers of 768 units: .008 was better than .005 and that than .0025 for 350,000 tokens; .002
    was safe for 17 million.
    """
    longer = min(1.0, (1500 / max(1.0, steps)) ** 0.35)
    if tokens is not None:
        longer = min(0.93, longer * min(2.0, 2.0 * (350_000 / max(1.0, tokens)) ** 0.3))
    return float(f"{max(1e-3, 0.015 * min(1.0, (256 / hidden) ** 0.5) * longer):.2g}")


SAMPLES, WORTH_DRAWING = 1500, 0.5
"""Times its frequency that a token is in a step's softmax by chance. In a minute's plan 2,300 taught 0.003 nats a
character more than all tokens do, 840 0.001 less (one seed). And the share of the vocabulary that it takes at most
where it pays."""


def drawn(vocab_size: int, samples: int) -> float:
    """Tokens in a step's softmax, where those of a vocabulary are as frequent as Zipf's law says."""
    certain = samples / math.log(max(2, vocab_size))
    expected = certain * (1 + math.log(max(1.0, vocab_size / max(1.0, certain))))
    return min(vocab_size, expected) if samples else vocab_size


def samples_for(vocab_size: int, machine: Machine) -> int:
    """How many samples a step's softmax is best made of; 0: all tokens. Not measured on a GPU, and so never there."""
    pays = machine.kind == "cpu" and drawn(vocab_size, SAMPLES) <= WORTH_DRAWING * vocab_size
    return SAMPLES if pays else 0


CPU_SHARE: dict[CellName, float] = {"lstm": 1.0, "gru": 0.45, "rnn": 0.6}
"""Of the LSTM's speed on a processor, where only its kernel is fused (oneDNN); measured at 256 and 512 units."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a machine trains, and which width its time is best spent on. Measured on two AMX cores and an H100."""

    machine: Machine
    cell: CellName
    layers: int
    vocab_size: int
    samples: int = 0
    rows: int = 32
    """Side by side on a GPU."""

    def embedding(self, hidden: int) -> int:
        """Its width beside a layer so wide: on a processor half.

        Tokens learn as much in vectors half as wide, step for step, and there are more steps in the time: a minute of
        one core made 1.365 nats a character of 1.394 (a megabyte of plays), 1.243 of 1.276 (twelve of books).
        """
        if self.machine.kind == "cuda":
            return min(hidden, MOST_EMBEDDING)
        half = EVEN_EMBEDDING * max(1, round(hidden / 2 / EVEN_EMBEDDING))
        return min(half, hidden, MOST_EMBEDDING)

    def seconds_a_token(self, hidden: int) -> float:
        """Of training: products forward and backward, the softmax, and what each step costs besides."""
        machine, embedding = self.machine, self.embedding(hidden)
        if machine.kind == "cuda":
            return self._on_gpu(hidden)
        speed, fixed = machine.threads * (1e11 if machine.fast_bf16 else 3e10), 1e-5
        speed *= CPU_SHARE[self.cell]
        gates = len(CELLS[self.cell].gates)
        cell = gates * hidden * (embedding + hidden) + (self.layers - 1) * 2 * gates * hidden * hidden
        # Around the softmax each token that is in it costs as much as some hundreds of products more, others little.
        tokens = drawn(self.vocab_size, self.samples)
        around = 600 * tokens + 10 * self.vocab_size if self.samples else 200 * tokens
        head = tokens * embedding + around
        return fixed + 3 * (cell + head) / speed

    def _on_gpu(self, hidden: int) -> float:
        """Measured on an H100 with recorded steps, to within a fifth: its time goes by in steps of the recurrence."""
        step = min(2 + 0.33 * self.rows, 30 + 0.06 * self.rows) * 1e-6 * max(0.6, math.sqrt(hidden / 768))
        besides = 0.7e-3 / (self.rows * 80)
        head = 6 * self.vocab_size * self.embedding(hidden) / 2e14
        return self.layers * step / self.rows + besides + head

    def tokens_in(self, seconds: float, hidden: int) -> float:
        """Tokens that training reads in a budget, a quarter of which goes elsewhere."""
        return 0.75 * seconds / self.seconds_a_token(hidden)

    def best_width(self, tokens: float, seconds: float, widest: int) -> int:
        """The width up to ``widest`` with the least loss expected, by the form of Hoffmann et al. 2022.

        The loss is A / N^0.34 + B / D^0.28 for N weights and D tokens read; D counts repeated text for less and less
        (Muennighoff et al. 2023). N weights of which few are ever taught would only learn the text by heart. A was
        lowered until the widths for a minute were the best ones measured: 192 to 256 of one core with bfloat16, of
        which 320 and 384 made 0.01 and 0.03 nats a character more.
        """
        gates = len(CELLS[self.cell].gates)

        def loss(hidden: int) -> float:
            weights = gates * hidden * (self.embedding(hidden) + hidden + 2 * (self.layers - 1) * hidden)
            passes = self.tokens_in(seconds, hidden) / tokens
            read = tokens * 15 * (1 - math.exp(-passes / 15))
            return float(150 / weights**0.34 + 410 / max(1.0, read) ** 0.28)

        # A small text bounds the width too: more would only learn it by heart. Measured with one layer on 20, 70 and
        # 260 kB of plays: 64 and 128 units better than 256; 256 than 352 and 160; 256 than 384 and 640.
        root = tokens**0.5
        bound = 1.3 * root if self.layers > 1 else max(root, min(256, tokens / 100))
        step = GPU_WIDTHS if self.machine.kind == "cuda" and widest >= GPU_WIDTHS else 32
        least = max(LEAST_WIDTH, step)
        return min(range(least, min(MOST_WIDTH, max(least, int(bound)), widest) + 1, step), key=loss)
