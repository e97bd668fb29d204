"""What every tokenizer can do. A kind is one subclass in a file of its own and one line in TOKENIZERS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rnncli.config import TokenizerConfig, TokenizerKind

Ids = NDArray[np.int64]
MOST_ENTRIES = 5_100_000
"""Tokens of the largest vocabulary that can be asked for, characters included."""


class Encoding(NamedTuple):
    """A text's tokens with their places: all arrays have one entry a token.

    ``starts``, ``ends``: code points of the text; the byte tokens of one character all carry its span.
    ``spelled``: the token is a piece of something outside the vocabulary (hybrid), or is <unk> (word).
    """

    ids: Ids
    starts: Ids
    ends: Ids
    spelled: NDArray[np.bool_]


class Tokenizer(Protocol):
    """Text to ids and back. ``decode(encode(s)) == s`` for every string where ``lossless``.

    A string may hold bytes that are no UTF-8 as lone surrogates (text/escapes.py). Escapes that together
    spell a valid character come back as that character: the bytes are the same, always.
    """

    kind: ClassVar[TokenizerKind]
    joined: ClassVar[bool]
    """Whether the text of ids is that of each, one after the other. Not so for word: spaces come between, and
    <unk> stands for no text."""
    vocab_size: int
    newline_id: int
    """The token that ends a line and stands before the first: always a token of its own."""

    @property
    def lowercase(self) -> bool:
        """Whether capitals are folded."""

    @property
    def lossless(self) -> bool:
        """Whether ids give the text back: not where a word may be <unk>, nor where capitals are folded."""

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        """A tokenizer with the vocabulary of ``blocks`` (the training part only)."""

    @classmethod
    def longest(cls, entries: int) -> int:
        """Bytes of the largest tokenizer.json that so many tokens can take."""

    @classmethod
    def load(cls, path: Path, entries: int = MOST_ENTRIES) -> Self:
        """From a tokenizer.json of so many tokens at most; a ModelError names a file that is broken or of another kind.

        Nothing of it is run that is not this kind's own: no pattern, no normaliser, no added token.
        """

    def save(self, path: Path) -> None:
        """Write tokenizer.json, which HF ``tokenizers`` opens alone. One vocabulary, one file."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of tokenizer.json, in hexadecimal."""

    def encode(self, text: str) -> Ids:
        """Ids of a text of any length in bounded extra memory."""

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        """Ids of many texts, on all cores."""

    def analyse(self, text: str) -> Encoding:
        """Ids with their places in the text."""

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """The text of ids; bytes that are no UTF-8 come back as the escapes that stand for them."""

    def decode_bytes(self, ids: Sequence[int] | Ids) -> bytes:
        """The bytes of ids, whole characters or not."""

    def token(self, token_id: int) -> str:
        """A token as a person reads it: its text, or <0xE4> for a byte that is no character alone."""

    def cut(self, text: str, size: int = 65536) -> Iterator[str]:
        """Pieces of about ``size`` code points whose ids, one after the other, are those of the whole text.

        Every cut holds whatever follows the text: the last piece may be kept back and put before what comes.
        """
