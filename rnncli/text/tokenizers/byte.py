"""Every byte a token: 256 of them, whatever the text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

import numpy as np
import tokenizers
from tokenizers import models

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.escapes import bytes_of, segments
from rnncli.text.tokenizers.base import Ids
from rnncli.text.tokenizers.hf import HFTokenizer
from rnncli.text.tokenizers.spelling import assemble, spelled_bytes

PATTERN = r"\n|[^\n]{1,16}"


class ByteTokenizer(HFTokenizer):
    """Ids are the bytes themselves."""

    kind: ClassVar[TokenizerKind] = "byte"
    newline: ClassVar[str] = "<0x0A>"
    probe: ClassVar[tuple[str, ...]] = ("ab 12", "\n", "cd")
    model: ClassVar[type] = models.BPE

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        return cls(assemble([], PATTERN, lowercase=config.lowercase, whole=False))

    @classmethod
    def _fits(cls, inner: tokenizers.Tokenizer) -> bool:
        return super()._fits(inner) and inner.get_vocab_size() == 256

    def encode_batch(self, texts: Iterable[str]) -> list[Ids]:
        # What the library would answer, at a hundred times its speed.
        return [np.frombuffer(bytes_of(self._normal(text)), np.uint8).astype(np.int64) for text in texts]

    def _normal(self, text: str) -> str:
        if self._inner.normalizer is None:
            return text
        fold = self._inner.normalizer.normalize_str
        return "".join(piece if lone else fold(piece) for _, piece, lone in segments(text))

    def _search(self, text: str, start: int, stop: int) -> int:
        return stop  # any place will do

    def _bytes_of_token(self, name: str) -> bytes:
        return spelled_bytes(name)
