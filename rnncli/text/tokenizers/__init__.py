"""Text to ids and back: one table of the kinds, one way to train and one to load."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.characters import MOST_COMMON, MOST_DISTINCT
from rnncli.text.tokenizers.base import MOST_ENTRIES, Encoding, Ids, Tokenizer
from rnncli.text.tokenizers.bpe import BPETokenizer
from rnncli.text.tokenizers.byte import ByteTokenizer
from rnncli.text.tokenizers.char import CharTokenizer
from rnncli.text.tokenizers.hybrid import HybridTokenizer
from rnncli.text.tokenizers.word import WordTokenizer

TOKENIZERS: dict[TokenizerKind, type[Tokenizer]] = {
    "hybrid": HybridTokenizer,
    "word": WordTokenizer,
    "char": CharTokenizer,
    "bpe": BPETokenizer,
    "byte": ByteTokenizer,
}

BESIDE: dict[TokenizerKind, int] = {
    "hybrid": 256 + MOST_COMMON,
    "word": 2,
    "char": 256 + MOST_DISTINCT,
    "bpe": 257,
    "byte": 256,
}
"""Tokens that a kind has at most, beside the words or pieces that were asked for."""

__all__ = ["BESIDE", "TOKENIZERS", "Encoding", "Ids", "Tokenizer", "load_tokenizer", "train_tokenizer"]


def train_tokenizer(blocks: Iterable[str], config: TokenizerConfig) -> Tokenizer:
    """A tokenizer of the configured kind with the vocabulary of ``blocks``."""
    return TOKENIZERS[config.kind].train(blocks, config)


def load_tokenizer(path: Path, kind: TokenizerKind, entries: int = MOST_ENTRIES) -> Tokenizer:
    """The tokenizer in a file, of the kind that the model's config.json names and of so many tokens at most."""
    return TOKENIZERS[kind].load(path, entries)
