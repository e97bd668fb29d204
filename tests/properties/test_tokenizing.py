"""What holds of tokenizers for every text."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.escapes import bytes_of, text_of
from rnncli.text.tokenizers import TOKENIZERS, Tokenizer, train_tokenizer

LOSSLESS: list[TokenizerKind] = [kind for kind, made in TOKENIZERS.items() if made.joined]
CORPUS = "the cat sat on the mat, and the dog didn't.\n春眠不覺曉，處處聞啼鳥。 x1 22  \t<0x41>\n" * 3
ANY = st.text(max_size=40)
HARD = st.text(
    st.sampled_from(
        "ab thecat  \t\r\n\n中。か\u3099\u0301\u200d\ufe0f❤😀क्षกี่019!?'’<>İΣ\u00a0\x85\x1c\u2028\udc80\udcc3\ud83d\ude00"
    ),
    max_size=120,
)


@cache
def tokenizer(kind: TokenizerKind, lowercase: bool = False) -> Tokenizer:
    return train_tokenizer([CORPUS], TokenizerConfig(kind=kind, vocab_size=300, lowercase=lowercase))


@pytest.mark.parametrize("kind", LOSSLESS)
@settings(max_examples=150, deadline=None)
@given(ANY | HARD)
def test_decode_undoes_encode(kind: TokenizerKind, text: str) -> None:
    ids = tokenizer(kind).encode(text)
    assert tokenizer(kind).decode_bytes(ids) == bytes_of(text)
    assert tokenizer(kind).decode(ids) == text_of(bytes_of(text))
    if not any("\udc80" <= char <= "\udcff" for char in text):
        assert tokenizer(kind).decode(ids) == text


@pytest.mark.parametrize("kind", LOSSLESS)
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_survive(kind: TokenizerKind, data: bytes) -> None:
    for text in (text_of(data), data.decode("utf-8", "surrogateescape")):
        assert tokenizer(kind).decode_bytes(tokenizer(kind).encode(text)) == data


@pytest.mark.parametrize("kind", list(TOKENIZERS))
@settings(max_examples=80, deadline=None)
@given(HARD, st.integers(1, 40), st.integers(1, 30), st.booleans())
def test_cutting_changes_no_id(kind: TokenizerKind, text: str, size: int, times: int, lowercase: bool) -> None:
    made = tokenizer(kind, lowercase)
    text = text * times
    whole = made.encode(text).tolist()
    cuts = list(made.cut(text, size))
    assert [token for ids in made.encode_batch(cuts) for token in ids.tolist()] == whole


@pytest.mark.parametrize("kind", list(TOKENIZERS))
@settings(max_examples=60, deadline=None)
@given(HARD, HARD, st.integers(1, 20))
def test_a_cut_holds_whatever_follows(kind: TokenizerKind, text: str, after: str, times: int) -> None:
    made = tokenizer(kind)
    text = text * times
    *head, last = [*made.cut(text, 50)] or [""]
    whole = made.encode(text + after).tolist()
    assert [token for ids in made.encode_batch([*head, last + after]) for token in ids.tolist()] == whole


@pytest.mark.parametrize("kind", list(TOKENIZERS))
@settings(max_examples=80, deadline=None)
@given(HARD, st.booleans())
def test_analyse_agrees_with_encode(kind: TokenizerKind, text: str, lowercase: bool) -> None:
    made = tokenizer(kind, lowercase)
    found = made.analyse(text)
    assert found.ids.tolist() == made.encode(text).tolist()
    assert (found.starts < found.ends).all()
    assert (found.ends <= len(text)).all()
    assert (found.starts[1:] >= found.starts[:-1]).all()
    if made.joined:  # every code point is in some token
        covered = {place for a, b in zip(found.starts, found.ends, strict=True) for place in range(a, b)}
        assert covered == set(range(len(text)))
