"""What the kinds that spell in characters and bytes share: their first 256 tokens, and counting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from rnncli.text.characters import CharacterCounts, code_points
from rnncli.text.escapes import without_lone

BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BYTE_TOKEN = re.compile("<0x([0-9A-F]{2})>")
_PIECE = 1 << 15


def spelled_bytes(name: str) -> bytes:
    """The bytes of a token: a byte token's one, or a text's."""
    match = _BYTE_TOKEN.fullmatch(name)
    return bytes([int(match[1], 16)]) if match else name.encode()


def assemble(names: Iterable[str], pattern: str, *, lowercase: bool, whole: bool) -> tokenizers.Tokenizer:
    """A tokenizer of bytes and ``names``. ``whole``: a pre-token that is among them is one token."""
    vocab = {token: number for number, token in enumerate([*BYTE_TOKENS, *names])}
    inner = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=whole, byte_fallback=True))
    inner.normalizer = normalizers.Lowercase() if lowercase else None
    inner.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return inner


def pieces(blocks: Iterable[str]) -> Iterator[str]:
    """Blocks in small pieces, cut at line ends where there are some: the library holds 256 at a time."""
    for block in blocks:
        text = without_lone(block)
        start = 0
        while len(text) - start > _PIECE:
            end = text.rfind("\n", start, start + _PIECE) + 1 or text.rfind(" ", start + 1, start + _PIECE)
            end = end if end > start else start + _PIECE
            yield text[start:end]
            start = end
        yield text[start:]


def counted(texts: Iterable[str], counts: CharacterCounts) -> Iterator[str]:
    """The texts as they are, their characters counted on the way."""
    for text in texts:
        counts.add(code_points(text))
        yield text


def characters(counts: CharacterCounts, *, at_least: int, at_most: int, lowercase: bool) -> list[str]:
    """The characters to keep, the most frequent first; newline and space are always among them."""
    folded: dict[str, int] = {"\n": 0, " ": 0}
    for char, number in counts.most_common():
        for low in normalizers.Lowercase().normalize_str(char) if lowercase else char:
            folded[low] = folded.get(low, 0) + number
    kept = sorted(folded, key=lambda c: (c not in "\n ", -folded[c], c))[:at_most]
    return [c for c in kept if c in "\n " or folded[c] >= at_least]
