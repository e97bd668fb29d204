"""Sub-words: byte-level byte-pair encoding, as GPT-2's but with every run bounded and the newline alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.text.tokenizers.hf import HFTokenizer, OtherKindError
from rnncli.text.tokenizers.spelling import pieces

PATTERN = "|".join(
    (
        r"\n",
        r"['’](?:[sdmt]|ll|ve|re)(?![\p{L}\p{M}])",
        r" ?\p{L}[\p{L}\p{M}\x{200C}\x{200D}]{0,47}",
        r" ?\p{N}[\p{N}\p{M}]{0,47}",
        r" ?[^\s\p{L}\p{N}]{1,48}",
        r"[^\S\n]{1,48}(?= \S)",
        r"[^\S\n]{1,48}",
    )
)


def _alphabet() -> dict[str, int]:
    """The character that stands for each byte: GPT-2's table."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


ALPHABET = _alphabet()


class BPETokenizer(HFTokenizer):
    """Ids: 256 bytes, then the merges in the order in which they were learnt."""

    kind: ClassVar[TokenizerKind] = "bpe"
    newline: ClassVar[str] = "Ċ"
    longest_entry: ClassVar[int] = 1024

    @classmethod
    def blank(cls, *, lowercase: bool) -> tokenizers.Tokenizer:
        inner = tokenizers.Tokenizer(models.BPE())
        inner.normalizer = normalizers.Lowercase() if lowercase else None
        split = pre_tokenizers.Split(tokenizers.Regex(PATTERN), "isolated")
        to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        inner.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
        inner.decoder = decoders.ByteLevel()
        return inner

    @classmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        inner = cls.blank(lowercase=config.lowercase)
        trainer = trainers.BpeTrainer(
            vocab_size=max(config.vocab_size, 257),
            min_frequency=2,
            show_progress=False,
            initial_alphabet=sorted(ALPHABET),
        )
        inner.train_from_iterator(pieces(blocks), trainer)
        return cls(inner)

    @classmethod
    def _check_vocabulary(cls, vocab: Mapping[str, int], merges: Sequence[Any]) -> None:
        if not ALPHABET.keys() <= vocab.keys() or not set().union(*vocab) <= ALPHABET.keys():
            raise OtherKindError
        made = set(ALPHABET)
        for merge in merges:
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            if left not in vocab or right not in vocab:
                raise ValueError("it merges what it does not have")
            made.add(left + right)
        if made != vocab.keys():
            raise ValueError("its merges are not those of its vocabulary")

    def _bytes_of_token(self, name: str) -> bytes:
        return bytes(ALPHABET[char] for char in name)
