"""tokenizer.json: the same bytes for the same corpus, and a clear word about a broken one."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import tokenizers as hf

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.errors import ModelError
from rnncli.text.tokenizers import TOKENIZERS, Tokenizer, load_tokenizer, train_tokenizer
from tests.torture.vocabularies import LIES

TEXT = "the cat sat on the mat.\nthe dog didn't sit\n春眠不覺曉，處處聞啼鳥。\n"
KINDS: list[TokenizerKind] = list(TOKENIZERS)


def make(kind: TokenizerKind, vocab_size: int = 50) -> Tokenizer:
    return train_tokenizer([TEXT], TokenizerConfig(kind=kind, vocab_size=vocab_size))


@pytest.mark.parametrize("kind", KINDS)
def test_saving_a_loaded_one_gives_the_same_bytes(kind: TokenizerKind, tmp_path: Path) -> None:
    make(kind).save(tmp_path / "a.json")
    load_tokenizer(tmp_path / "a.json", kind).save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.json", "b.json"]


@pytest.mark.parametrize("threads", ["1", "4"])
def test_same_corpus_same_file_in_another_process(threads: str) -> None:
    code = (
        "import random; from rnncli.config import TokenizerConfig; from rnncli.text.tokenizers import *;"
        "r = random.Random(5); words = [''.join(r.choices('abcdeé中', k=r.randint(1, 4))) for _ in range(900)];"
        "text = [' '.join(r.choices(words, k=3000)) + chr(10) for _ in range(20)];"
        "print([train_tokenizer(text, TokenizerConfig(kind=k, vocab_size=400)).fingerprint for k in TOKENIZERS])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"RAYON_NUM_THREADS": n, "PYTHONHASHSEED": n},
            capture_output=True,
            check=True,
        )
        for n in ("2", threads)
    ]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("kind", KINDS)
def test_broken_files_are_model_errors(kind: TokenizerKind, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        load_tokenizer(path, kind)
    make(kind).save(path)
    whole = path.read_bytes()
    for data in (b"", b"{}", b"[]", whole[: len(whole) // 2], b"\xff\xfe", b'{"model": 1}'):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"tokenizer\.json"):
            load_tokenizer(path, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_refused(kind: TokenizerKind, tmp_path: Path) -> None:
    make(kind, 300).save(tmp_path / "tokenizer.json")
    for other in KINDS:
        if other != kind:
            with pytest.raises(ModelError, match=f"holds no {other} tokenizer"):
                load_tokenizer(tmp_path / "tokenizer.json", other)


def test_added_tokens_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    make("hybrid").save(path)
    plain = hf.Tokenizer.from_file(str(path))
    plain.add_special_tokens(["<eos>"])
    plain.save(str(path))
    with pytest.raises(ModelError, match="holds no hybrid"):
        load_tokenizer(path, "hybrid")


def test_ids_with_gaps_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    make("char").save(path)
    document = json.loads(path.read_bytes())
    document["model"]["vocab"]["the"] = 5000
    path.write_text(json.dumps(document))
    with pytest.raises(ModelError, match="gaps"):
        load_tokenizer(path, "char").decode([300])


LARGE = ("a million merges", "a large vocabulary")
"""Tried with one kind: they take seconds."""


@pytest.mark.parametrize(
    ("kind", "lie"), [(kind, lie) for kind in KINDS for lie in sorted(LIES) if lie not in LARGE or kind == "bpe"]
)
def test_what_this_kind_does_not_write_is_refused_before_the_library_sees_it(
    kind: TokenizerKind, lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patterns above all: the library runs them as they are, and some never end."""
    made, path, dice = make(kind), tmp_path / "tokenizer.json", Random(f"{kind} {lie}")
    made.save(path)
    document = json.loads(path.read_bytes())
    whole = copy.deepcopy(document)
    for _ in range(20):
        LIES[lie](document, dice)
        if document != whole:
            break
    if document == whole or (lie == "a normalizer" and document["normalizer"] == {"type": "Lowercase"}):
        assert lie in ("a normalizer", "another model", "other settings", "a large vocabulary", "merges of nothing")
        return
    path.write_text(json.dumps(document), encoding="utf-8")
    if lie == "a large vocabulary" and kind in ("hybrid", "word", "char"):
        with pytest.raises(ModelError, match="more than"):
            load_tokenizer(path, kind, made.vocab_size)
        return
    with monkeypatch.context() as patch:
        patch.delattr(hf.Tokenizer, "from_str", raising=False)
        with pytest.raises(ModelError, match=r"tokenizer\.json") as caught:
            load_tokenizer(path, kind)
    assert "from_str" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lowercase", [True, False])
def test_a_file_of_another_version_of_the_library_may_say_less_of_nothing(
    kind: TokenizerKind, lowercase: bool, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    config = TokenizerConfig(kind=kind, vocab_size=50, lowercase=lowercase)
    made = train_tokenizer([TEXT], config)
    made.save(path)
    document = json.loads(path.read_bytes())
    del document["truncation"]
    if kind == "bpe":  # as they were written until 0.20
        document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert load_tokenizer(path, kind).encode(TEXT).tolist() == made.encode(TEXT).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_no_vocabulary_makes_a_file_that_is_too_long_to_be_read(kind: TokenizerKind, tmp_path: Path) -> None:
    """Of the longest tokens there are, most of them escaped in JSON or four bytes each."""
    long = "".join(chr(0x1F600 + n) * 300 + " " + "\x01" * 300 + chr(0x10400 + n) * 300 + "\n" for n in range(40)) * 3
    tokenizer = train_tokenizer([long], TokenizerConfig(kind=kind, vocab_size=3000))
    tokenizer.save(tmp_path / "tokenizer.json")
    assert (tmp_path / "tokenizer.json").stat().st_size < type(tokenizer).longest(tokenizer.vocab_size)
    loaded = load_tokenizer(tmp_path / "tokenizer.json", kind, tokenizer.vocab_size)
    assert loaded.vocab_size == tokenizer.vocab_size
