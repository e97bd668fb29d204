"""Every character a token; one that training never saw is its bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

import tokenizers
from tokenizers import models

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.characters import CharacterCounts, code_points
from rnncli.text.tokenizers.hf import HFTokenizer
from rnncli.text.tokenizers.spelling import assemble, characters, pieces, spelled_bytes

PATTERN = r"\n|[^\n]{1,16}"
"""Sixteen at a time only because that is twice as fast as one: a pre-token is never looked up whole."""
MOST_CHARACTERS = 65_536 - 256


class CharTokenizer(HFTokenizer):
    """Ids: 256 bytes, then the characters by frequency."""

    kind: ClassVar[TokenizerKind] = "char"
    probe: ClassVar[tuple[str, ...]] = ("ab 12", "\n", "cd")
    model: ClassVar[type] = models.BPE

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        counts = CharacterCounts()
        for piece in pieces(blocks):
            counts.add(code_points(piece))
        kept = characters(counts, at_least=1, at_most=MOST_CHARACTERS, lowercase=config.lowercase)
        return cls(assemble(kept, PATTERN, lowercase=config.lowercase, whole=False))

    @classmethod
    def _fits(cls, inner: tokenizers.Tokenizer) -> bool:
        return super()._fits(inner) and inner.get_vocab_size() > 256

    def _search(self, text: str, start: int, stop: int) -> int:
        return stop  # any place will do

    def _bytes_of_token(self, name: str) -> bytes:
        return spelled_bytes(name)
