"""The n-gram baseline: probabilities that add up, and one that is worked out by hand."""

from __future__ import annotations

import math

import pytest

from rnncli.training.baseline import ngram_bits_per_byte

TRAIN = b"the cat sat on the mat. the dog sat on the cat.\n" * 3 + bytes(range(200, 256)) + b"\x00\x00\x01"


def probability(train: bytes, context: bytes, byte: int, order: int) -> float:
    """Of a byte after a context, from the figures of the text with it and without."""
    after = ngram_bits_per_byte(train, context + bytes([byte]), order) * (len(context) + 1)
    before = ngram_bits_per_byte(train, context, order) * len(context) if context else 0.0
    return math.exp2(before - after)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
@pytest.mark.parametrize("context", [b"", b"t", b"the c", b"never seen", b"\xff", b"\x00\x00", b"the cat sat on the "])
def test_probabilities_of_all_bytes_sum_to_1(order: int, context: bytes) -> None:
    found = [probability(TRAIN, context, byte, order) for byte in range(256)]
    assert sum(found) == pytest.approx(1, abs=1e-9)
    assert min(found) > 0


def test_bigrams_by_hand() -> None:
    """Of aabab: bigrams aa 1, ab 2, ba 1, so the discount is 2 / (2 + 2 * 1); a follows 2 kinds of byte, b one."""
    d2, d1 = 1 / 2, 1 / 3
    spare1 = d1 * 2 / 3
    a = (2 - d1) / 3 + spare1 / 256
    b = (1 - d1) / 3 + spare1 / 256
    b_after_a = (2 - d2) / 3 + d2 * 2 / 3 * b
    a_after_a = (1 - d2) / 3 + d2 * 2 / 3 * a
    a_after_b = (1 - d2) / 1 + d2 * 1 / 1 * a
    # Nothing was seen after c, nor c itself.
    c_after_b = d2 * spare1 / 256
    a_after_c = a
    for text, probabilities in (
        (b"a", (a,)),
        (b"ab", (a, b_after_a)),
        (b"aaba", (a, a_after_a, b_after_a, a_after_b)),
        (b"bca", (b, c_after_b, a_after_c)),
    ):
        expected = -sum(math.log2(p) for p in probabilities) / len(text)
        assert ngram_bits_per_byte(b"aabab", text, 2) == pytest.approx(expected, rel=1e-12), text


def test_what_is_not_there() -> None:
    assert ngram_bits_per_byte(b"", b"abc") == pytest.approx(8)
    assert math.isnan(ngram_bits_per_byte(b"abc", b""))
    assert 0 < ngram_bits_per_byte(b"a", b"a") < 8


def test_more_context_helps_and_only_the_end_of_a_long_text_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [ngram_bits_per_byte(TRAIN, b"the cat sat on the mat.\n", order) for order in (1, 2, 4)]
    assert figures == sorted(figures, reverse=True)
    monkeypatch.setattr("rnncli.training.baseline.MOST_BYTES", 10)
    assert ngram_bits_per_byte(TRAIN, b"abc") == ngram_bits_per_byte(TRAIN[-10:], b"abc")


def test_two_orders_at_once_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = range(1, 8)
    one_by_one = [ngram_bits_per_byte(TRAIN, b"the dog sat", order) for order in orders]
    monkeypatch.setattr("rnncli.training.baseline.AT_ONCE", 1)
    assert [ngram_bits_per_byte(TRAIN, b"the dog sat", order) for order in orders] == one_by_one
