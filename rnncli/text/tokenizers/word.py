"""Whitespace-separated words and <unk>, for the published benchmarks. What is no known word is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import models, normalizers, pre_tokenizers, trainers

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.errors import ConfigError
from rnncli.text.escapes import without_lone
from rnncli.text.tokenizers.base import Encoding, Ids
from rnncli.text.tokenizers.hf import HFTokenizer, OtherKindError
from rnncli.text.tokenizers.spelling import pieces

PATTERN = r"\n|[^\s]{1,256}"
UNKNOWN = "<unk>"


class WordTokenizer(HFTokenizer):
    """Ids: <unk>, newline, then the words by frequency. A literal <unk> in a text is that token too."""

    kind: ClassVar[TokenizerKind] = "word"
    joined: ClassVar[bool] = False
    longest_entry: ClassVar[int] = 2048
    reach: ClassVar[int] = 320
    opening: ClassVar[str] = "[ \t]"

    @classmethod
    def blank(cls, *, lowercase: bool) -> tokenizers.Tokenizer:
        return _blank(models.WordLevel(vocab={}, unk_token=UNKNOWN), lowercase=lowercase)

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        if config.vocab_size < 1:
            message = "--tokenizer word needs words: --vocab-size 0 leaves it none"
            raise ConfigError(message, hint="Give --vocab-size 10000, say.")
        words = _frequent(pieces(blocks), config)
        vocab = {token: number for number, token in enumerate([UNKNOWN, "\n", *words])}
        model = models.WordLevel(vocab=vocab, unk_token=UNKNOWN)
        return cls(_blank(model, lowercase=config.lowercase))

    @classmethod
    def _check_vocabulary(cls, vocab: Mapping[str, int], merges: Sequence[Any]) -> None:
        if merges or vocab.get(UNKNOWN) != 0 or cls.newline not in vocab:
            raise OtherKindError

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        return super().encode_batch([without_lone(text) for text in texts])

    def analyse(self, text: str) -> Encoding:
        return super().analyse(without_lone(text))

    def _spelled(self, ids: Ids, words: Ids) -> NDArray[np.bool_]:
        return np.asarray(ids == 0)

    def cut(self, text: str, size: int = 65536) -> Iterator[str]:
        return super().cut(without_lone(text), size)

    def decode_bytes(self, ids: Sequence[int] | Ids) -> bytes:
        """Words joined by single spaces, none beside a newline."""
        words = map(self._table.__getitem__, np.asarray(ids, np.int64).tolist())
        return b" ".join(words).replace(b" \n", b"\n").replace(b"\n ", b"\n")


def _blank(model: models.WordLevel, *, lowercase: bool) -> tokenizers.Tokenizer:
    inner = tokenizers.Tokenizer(model)
    inner.normalizer = normalizers.Lowercase() if lowercase else None
    # Inverted: what the pattern matches stays, the blanks between are removed.
    inner.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(PATTERN), "removed", invert=True)
    return inner


def _frequent(texts: Iterable[str], config: TokenizerConfig) -> list[str]:
    """The most frequent words; where equal, by code points."""
    counter = WordTokenizer.blank(lowercase=config.lowercase)
    trainer = trainers.WordLevelTrainer(
        vocab_size=config.vocab_size + 2, min_frequency=1, show_progress=False, special_tokens=[]
    )
    counter.train_from_iterator(texts, trainer)
    ranks = counter.get_vocab()
    words = [word for word in sorted(ranks, key=ranks.__getitem__) if word not in (UNKNOWN, "\n")]
    return words[: config.vocab_size]
