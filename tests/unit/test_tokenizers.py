"""Tokenizers by examples worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tokenizers as hf

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.errors import ConfigError
from rnncli.text.tokenizers import TOKENIZERS, Tokenizer, load_tokenizer, train_tokenizer
from rnncli.text.units import SPACELESS

TEXT = "the cat sat on the mat.\nthe dog didn't sit\n春眠不覺曉，處處聞啼鳥。\n"
KINDS: list[TokenizerKind] = list(TOKENIZERS)


def make(kind: TokenizerKind, vocab_size: int = 50, lowercase: bool = False, text: str = TEXT) -> Tokenizer:
    return train_tokenizer([text], TokenizerConfig(kind=kind, vocab_size=vocab_size, lowercase=lowercase))


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.token(token) for token in tokenizer.encode(text).tolist()]


def pieces(text: str) -> list[str]:
    """How the hybrid splits, seen through a vocabulary that has every pre-token."""
    return [p for p, _ in make("hybrid")._inner.pre_tokenizer.pre_tokenize_str(text)]  # type: ignore[attr-defined]


def test_hybrid_knows_words_then_characters_then_bytes() -> None:
    tokenizer = make("hybrid")
    # "the" stands at two line starts and is the only pre-token that occurs twice but " the".
    assert tokens(tokenizer, "the cat é") == ["the", " ", "c", "a", "t", " ", "<0xC3>", "<0xA9>"]
    assert tokenizer.encode("a").tolist() != [0x61]
    assert tokenizer.encode("é").tolist() == [0xC3, 0xA9]


def test_hybrid_ids_are_bytes_then_characters_then_words_by_frequency() -> None:
    tokenizer = make("hybrid", text="bb a bb a bb c\n")
    names = [tokenizer.token(token) for token in range(256, tokenizer.vocab_size)]
    # Newline and space come first; then b 6, a 2, c 1; then " a" 2 and " bb" 2, equal, by code points.
    assert names[:2] == [" ", "\n"]
    assert names[2:] == ["b", "a", "c", " a", " bb"]
    assert make("hybrid", 0, text="bb bb bb").vocab_size == 256 + 3


def test_hybrid_drops_rare_characters_of_a_big_corpus() -> None:
    text = "ab\n" * 400_000 + "é"
    assert make("hybrid", text=text).encode("é").tolist() == [0xC3, 0xA9]
    assert len(make("hybrid", text="ab é").encode("é")) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'll don’t", ["I", "'ll", " don", "’t"]),
        ("'sir 'tis", ["'", "sir", " '", "tis"]),
        ("a  b   c", ["a", " ", " b", "  ", " c"]),
        ("x = 10;\n\ty", ["x", " =", " 10", ";", "\n", "\t", "y"]),
        ("a\r\nb \n c", ["a", "\r", "\n", "b", " ", "\n", " c"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("春眠，不", ["春", "眠", "，", "不"]),
        ("か\u3099き ラーメン", ["か\u3099", "き", " ", "ラ", "ー", "メ", "ン"]),
        ("春\u0301x", ["春\u0301", "x"]),
        ("กี่กิน", ["กี่", "กิ", "น"]),
        ("क्षत्रिय है", ["क्षत्रिय", " है"]),
        ("❤\ufe0fabc", ["❤\ufe0f", "abc"]),
        ("👩\u200d💻 x", ["👩\u200d💻", " x"]),
        ("1\u20e3 2", ["1\u20e3", " 2"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("二〇二四x", ["二", "〇", "二", "四", "x"]),
        ("\u0301a", ["\u0301", "a"]),
        ("a" * 100, ["a" * 48, "a" * 48, "aaaa"]),
    ],
)
def test_hybrid_splits(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_hybrid_splits_by_the_letters_of_units() -> None:
    split = make("hybrid")._inner.pre_tokenizer.pre_tokenize_str  # type: ignore[attr-defined]
    inside = {code for first, last in SPACELESS for code in (first, last)}
    outside = {code for first, last in SPACELESS for code in (first - 1, last + 1)} - inside
    assert all(len(split(chr(code) * 2)) == 2 for code in inside)
    assert all(len(split(chr(code) * 2)) == 1 for code in outside if chr(code).isalpha())


def test_word_is_whitespace_pieces_and_unk() -> None:
    tokenizer = make("word", 3, text="b a b <unk> b a\nc\n")
    assert tokenizer.vocab_size == 5
    assert [tokenizer.token(token) for token in range(5)] == ["<unk>", "\n", "b", "a", "c"]
    ids = tokenizer.encode(" a  x\tb <unk>\n\nc")
    assert ids.tolist() == [3, 0, 2, 0, 1, 1, 4]
    assert tokenizer.decode(ids) == "a <unk> b <unk>\n\nc"
    assert tokenizer.decode([1, 2, 1]) == "\nb\n"
    assert not tokenizer.lossless


def test_word_maps_stray_bytes_to_unk() -> None:
    tokenizer = make("word", text="a b\n")
    assert tokenizer.encode("a\udc80 b \ud800").tolist() == [0, *tokenizer.encode("b"), 0]


def test_word_needs_words() -> None:
    with pytest.raises(ConfigError, match="--vocab-size 0"):
        make("word", 0)


def test_char_is_every_character() -> None:
    tokenizer = make("char")
    assert tokens(tokenizer, "cat é\n") == ["c", "a", "t", " ", "<0xC3>", "<0xA9>", "\n"]
    assert tokenizer.vocab_size == 256 + len(set(TEXT))


def test_byte_is_every_byte() -> None:
    tokenizer = make("byte")
    assert tokenizer.vocab_size == 256
    assert tokenizer.encode("é\n").tolist() == [0xC3, 0xA9, 10]
    assert tokenizer.newline_id == 10
    assert tokenizer.token(0x41) == "A"
    assert tokenizer.token(0xE4) == "<0xE4>"


def test_bpe_merges_and_keeps_newline_alone() -> None:
    tokenizer = make("bpe", 300, text="the the the\n" * 3)
    assert tokens(tokenizer, "the the\n") == ["the", " the", "\n"]
    assert tokenizer.vocab_size <= 300
    assert make("bpe", 0).vocab_size == 257


@pytest.mark.parametrize("kind", KINDS)
def test_newline_is_a_token_of_its_own(kind: TokenizerKind) -> None:
    tokenizer = make(kind, 300)
    ids = tokenizer.encode("cat\n\n cat\r\n").tolist()
    assert ids.count(tokenizer.newline_id) == 3
    assert tokenizer.token(tokenizer.newline_id) == "\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lowercase", [False, True])
def test_plain_library_gives_the_same_ids(kind: TokenizerKind, lowercase: bool, tmp_path: Path) -> None:
    tokenizer = make(kind, 300, lowercase)
    tokenizer.save(tmp_path / "tokenizer.json")
    plain = hf.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    loaded = load_tokenizer(tmp_path / "tokenizer.json", kind)
    text = TEXT + "Unknown WORDS: é ß Σ <0x41> <unk> 😀\t\r\n  x"
    assert plain.encode(text).ids == tokenizer.encode(text).tolist() == loaded.encode(text).tolist()
    assert loaded.fingerprint == tokenizer.fingerprint
    assert (loaded.lowercase, loaded.lossless) == (tokenizer.lowercase, tokenizer.lossless)
    if tokenizer.joined:
        assert plain.decode(plain.encode(text).ids) == tokenizer.decode(tokenizer.encode(text))
    assert not plain.get_added_tokens_decoder()


@pytest.mark.parametrize("kind", KINDS)
def test_lowercase(kind: TokenizerKind) -> None:
    tokenizer = make(kind, 300, lowercase=True)
    assert tokenizer.encode("The CAT").tolist() == tokenizer.encode("the cat").tolist()
    assert (tokenizer.lowercase, tokenizer.lossless) == (True, False)
    assert (make(kind, 300).lowercase, make(kind, 300).lossless) == (False, kind != "word")
    if tokenizer.joined:
        assert tokenizer.decode(tokenizer.encode("The\udcc3 ÉÀ")) == "the\udcc3 éà"


@pytest.mark.parametrize("kind", KINDS)
def test_analyse_gives_ids_and_places(kind: TokenizerKind) -> None:
    tokenizer = make(kind, 300)
    text = "the é中 the\ndog"
    found = tokenizer.analyse(text)
    assert found.ids.tolist() == tokenizer.encode(text).tolist()
    for token, start, end in zip(found.ids.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True):
        piece = tokenizer.token(token)
        assert piece == text[start:end] or piece.startswith("<")
    assert (found.ends > found.starts).all()
    assert len(tokenizer.analyse("").ids) == 0


def test_analyse_byte_tokens_carry_their_character() -> None:
    tokenizer = make("hybrid")
    found = tokenizer.analyse("xé\udc80\ud800z")
    assert found.ids.tolist()[-1] == 0x7A
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == [
        *((0, 1), (1, 2), (1, 2), (2, 3)),
        *((3, 4), (3, 4), (3, 4), (4, 5)),
    ]


def test_spelled_is_what_is_no_known_word() -> None:
    tokenizer = make("hybrid")
    found = tokenizer.analyse("the cat\n処")
    # the | ' ' c a t | newline | three bytes
    assert found.spelled.tolist() == [False, True, True, True, True, False, True, True, True]
    word = make("word", 2).analyse("the cat zebra")
    assert word.spelled.tolist() == (word.ids == 0).tolist()
    assert not make("char").analyse("the é").spelled.any()


def test_bytes_that_are_no_text_survive() -> None:
    data = b"caf\xe9 \xff\xfe\n\xed\xa0\x80\xed\xb2\x80 ok\xc3"
    text = data.decode("utf-8", "surrogateescape")
    for kind in KINDS:
        tokenizer = make(kind, 300)
        if tokenizer.lossless:
            assert tokenizer.decode_bytes(tokenizer.encode(text)) == data
            assert tokenizer.analyse(text).ids.tolist() == tokenizer.encode(text).tolist()


def test_byte_token_names_in_a_text_are_text() -> None:
    for kind in KINDS:
        tokenizer = make(kind, 300, text="<0x41> <0x41>\n<0x41>\n<unk>\n" * 3)
        if tokenizer.lossless:
            assert tokenizer.decode(tokenizer.encode("<0x41>\n<unk>")) == "<0x41>\n<unk>"


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_what_singles_are(kind: TokenizerKind) -> None:
    tokenizer = make(kind)
    texts = ["", "the cat", "\udc80", "é", "x" * 200_000, "\n"]
    batch = tokenizer.encode_batch(texts)
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(text).tolist() for text in texts]
    assert all(ids.dtype == np.int64 for ids in batch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "unit",
    [" ", "a", "中", "\u0301", "\r\n", "\t", "a\u0301", "'s", "1", "\udc80", "x \u00a0", "İ", "ก\u0e35", "a b"],
)
def test_cut_holds_on_nasty_texts(kind: TokenizerKind, unit: str) -> None:
    text = unit * (9000 // len(unit)) + "end of it"
    for tokenizer in (make(kind, 300), make(kind, 300, lowercase=True)):
        whole = tokenizer.encode(text).tolist()
        for size in (333, 2500):
            cuts = list(tokenizer.cut(text, size))
            assert max(map(len, cuts)) <= max(size, 4 * 320) + 1
            if tokenizer.joined:
                assert "".join(cuts) == text
            assert [token for ids in tokenizer.encode_batch(cuts) for token in ids.tolist()] == whole
