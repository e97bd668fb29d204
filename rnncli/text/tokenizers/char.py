"""Every character a token; one that training never saw is its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import tokenizers

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.characters import MOST_DISTINCT, CharacterCounts, code_points
from rnncli.text.tokenizers.hf import HFTokenizer, OtherKindError
from rnncli.text.tokenizers.spelling import assemble, characters, pieces, spelled_bytes

PATTERN = r"\n|[^\n]{1,16}"
"""Sixteen at a time only because that is twice as fast as one: a pre-token is never looked up whole."""


class CharTokenizer(HFTokenizer):
    """Ids: 256 bytes, then the characters by frequency."""

    kind: ClassVar[TokenizerKind] = "char"
    longest_entry: ClassVar[int] = 64

    @classmethod
    def blank(cls, *, lowercase: bool) -> tokenizers.Tokenizer:
        return assemble([], PATTERN, lowercase=lowercase, whole=False)

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        counts = CharacterCounts()
        for piece in pieces(blocks):
            counts.add(code_points(piece))
        kept = characters(counts, at_least=1, at_most=MOST_DISTINCT, lowercase=config.lowercase)
        return cls(assemble(kept, PATTERN, lowercase=config.lowercase, whole=False))

    @classmethod
    def _check_vocabulary(cls, vocab: Mapping[str, int], merges: Sequence[Any]) -> None:
        if len(vocab) == 256:
            raise OtherKindError
        super()._check_vocabulary(vocab, merges)

    def _search(self, text: str, start: int, stop: int) -> int:
        return stop  # any place will do

    def _bytes_of_token(self, name: str) -> bytes:
        return spelled_bytes(name)
