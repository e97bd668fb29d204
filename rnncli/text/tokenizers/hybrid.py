"""Words; what is no known word in characters; what is no known character in bytes: nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import models, normalizers, pre_tokenizers, trainers

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.characters import MOST_COMMON, CharacterCounts, often_enough
from rnncli.text.tokenizers.base import Ids
from rnncli.text.tokenizers.hf import HFTokenizer
from rnncli.text.tokenizers.spelling import assemble, characters, counted, pieces, spelled_bytes
from rnncli.text.units import SPACELESS, SPACELESS_CLASS

_ALONE = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in SPACELESS)
# Oniguruma. Every run is bounded, so a boundary is never far; nothing looks behind, so what stands before a
# boundary does not matter; the newline is in no other alternative. Marks stay with what they modify (an
# accent, a Devanagari vowel sign, the variation selector of an emoji, a dakuten), and joiners hold words and
# emoji together.
PATTERN = "|".join(
    (
        r"\n",
        r"['’](?:[sdmt]|ll|ve|re)(?![\p{L}\p{M}])",
        rf"[{_ALONE}]\p{{M}}{{0,8}}",
        rf" ?[\p{{L}}&&[^{_ALONE}]][[\p{{L}}\p{{M}}\x{{200C}}\x{{200D}}]&&[^{_ALONE}]]{{0,47}}",
        rf" ?[\p{{N}}&&[^{_ALONE}]][[\p{{N}}\p{{M}}]&&[^{_ALONE}]]{{0,47}}",
        r" ?[^\s\p{L}\p{N}]{1,48}",
        r"[^\S\n]{1,48}(?= \S)",
        r"[^\S\n]{1,48}",
    )
)
_SINGLE = 200_000
"""More than there are one-character pre-tokens: how far down the list the words may begin."""


class HybridTokenizer(HFTokenizer):
    """Ids: 256 bytes, the characters and then the words by frequency. A word carries its leading space."""

    kind: ClassVar[TokenizerKind] = "hybrid"
    longest_entry: ClassVar[int] = 512
    opening: ClassVar[str] = rf"(?<=\S) |[{SPACELESS_CLASS}]"

    @classmethod
    def blank(cls, *, lowercase: bool) -> tokenizers.Tokenizer:
        return assemble([], PATTERN, lowercase=lowercase, whole=True)

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        counts = CharacterCounts()
        words = _frequent(counted(pieces(blocks), counts), config)
        chars = characters(counts, at_least=often_enough(counts.total), at_most=MOST_COMMON, lowercase=config.lowercase)
        return cls(assemble([*chars, *words], PATTERN, lowercase=config.lowercase, whole=True))

    def _spelled(self, ids: Ids, words: Ids) -> NDArray[np.bool_]:
        if not len(ids):
            return np.zeros(0, np.bool_)
        return np.asarray((np.bincount(words)[words] > 1) | (ids < 256))

    def _bytes_of_token(self, name: str) -> bytes:
        return spelled_bytes(name)


def _frequent(texts: Iterable[str], config: TokenizerConfig) -> list[str]:
    """The most frequent pre-tokens of two characters and more, those that occur twice at least."""
    counter = tokenizers.Tokenizer(models.WordLevel(vocab={}, unk_token=""))
    counter.normalizer = normalizers.Lowercase() if config.lowercase else None
    counter.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(PATTERN), "isolated")
    # The trainer numbers words by falling count and, where equal, by code points: the same in every run.
    trainer = trainers.WordLevelTrainer(
        vocab_size=config.vocab_size + _SINGLE, min_frequency=2, show_progress=False, special_tokens=[]
    )
    counter.train_from_iterator(texts, trainer)
    ranks = counter.get_vocab()
    return [word for word in sorted(ranks, key=ranks.__getitem__) if len(word) > 1][: config.vocab_size]
