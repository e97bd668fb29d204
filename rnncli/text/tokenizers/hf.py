"""What the kinds share: a Hugging Face ``tokenizers`` object, cut, fed and read so that nothing is lost.

Two habits of that library are worked around here. It raises on lone surrogates, so texts are split around
them. And one uncut line of 50 MB takes it a minute and 6 GB, so long texts are cut where a pre-token begins.
Every pattern bounds its runs, hence such a place is never far.
"""

from __future__ import annotations

import abc
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import tokenizers
from numpy.typing import NDArray

from rnncli.config import TokenizerConfig, TokenizerKind
from rnncli.errors import ModelError
from rnncli.guarded import read_plain, told, unique
from rnncli.text.escapes import bytes_of, has_lone, segments, text_of
from rnncli.text.files import replacing
from rnncli.text.tokenizers.base import MOST_ENTRIES, Encoding, Ids
from rnncli.text.tokenizers.spelling import BYTE_TOKENS

LONG = 1 << 16
_LONE_AT = re.compile("[\ud800-\udfff]")
_CURE = "Train the model again, or copy the file again from where it came."


class OtherKindError(Exception):
    """A file that does not hold what it should, and is whole."""


def _said(value: Any) -> Any:
    """JSON without what says nothing."""
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items() if inner}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


@functools.cache
def _form(kind: type[HFTokenizer], lowercase: bool) -> Any:
    """What a file of a kind holds beside its vocabulary and its merges."""
    document = json.loads(kind.blank(lowercase=lowercase).to_str())
    for name in ("vocab", "merges"):
        document["model"].pop(name, None)
    return _said(document)


class HFTokenizer(abc.ABC):
    """A tokenizer over a ``tokenizers.Tokenizer`` without added tokens. A kind adds ``train`` and names."""

    kind: ClassVar[TokenizerKind]
    joined: ClassVar[bool] = True
    newline: ClassVar[str] = "\n"
    longest_entry: ClassVar[int]
    """Bytes that a token can take in tokenizer.json, its merge included."""
    reach: ClassVar[int] = 64
    """Code points from the start of a pre-token that can decide where it ends."""
    opening: ClassVar[str] = r"(?<=\S) "
    """A ``re`` pattern of places, beside newlines, where a pre-token begins whatever stands around them."""

    def __init__(self, inner: tokenizers.Tokenizer, data: bytes | None = None) -> None:
        newline_id = inner.token_to_id(self.newline)
        if newline_id is None:
            raise ModelError("the tokenizer has no token for the end of a line", hint=_CURE)
        self._inner = inner
        self._data = inner.to_str(pretty=True).encode() + b"\n" if data is None else data
        self.vocab_size: int = inner.get_vocab_size()
        self.newline_id: int = newline_id
        self.lowercase: bool = inner.normalizer is not None
        self.lossless: bool = self.joined and not self.lowercase

    @classmethod
    @abc.abstractmethod
    def train(cls, blocks: Iterable[str], config: TokenizerConfig) -> Self:
        """A tokenizer with the vocabulary of ``blocks``."""

    @classmethod
    def longest(cls, entries: int) -> int:
        return (1 << 16) + cls.longest_entry * entries

    @classmethod
    def load(cls, path: Path, entries: int = MOST_ENTRIES) -> Self:
        try:
            data = read_plain(path, cls.longest(entries))
            cls._check(json.loads(data, object_pairs_hook=unique))
            inner = tokenizers.Tokenizer.from_str(data.decode())
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}", hint=_CURE) from None
        except OtherKindError:
            raise ModelError(f"{path} holds no {cls.kind} tokenizer", hint=_CURE) from None
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(f"{path} is damaged and holds no tokenizer: {told(error)}", hint=_CURE) from None
        return cls(inner, data)

    @classmethod
    @abc.abstractmethod
    def blank(cls, *, lowercase: bool) -> tokenizers.Tokenizer:
        """One without a vocabulary of its own: all else in a file of this kind is what this writes, to the letter."""

    @classmethod
    def _check(cls, document: Any) -> None:
        """Refuse what is not as this kind is written, before the library sees it: patterns there are run as they are.

        What is null, false or empty says nothing: the library's versions differ in what they write down of it.
        """
        model = document["model"]
        vocab, merges = model.pop("vocab"), model.pop("merges", [])
        if not isinstance(vocab, dict) or not isinstance(merges, list):
            raise ValueError("its vocabulary is none")
        if _said(document) != _form(cls, bool(document.get("normalizer"))):
            raise OtherKindError
        if any(type(number) is not int for number in vocab.values()):
            raise ValueError("its ids are no numbers")
        if sorted(vocab.values()) != list(range(len(vocab))):
            raise ValueError("its ids have gaps")
        if "" in vocab:
            raise ValueError("it has an empty token")
        cls._check_vocabulary(vocab, merges)

    @classmethod
    def _check_vocabulary(cls, vocab: Mapping[str, int], merges: Sequence[Any]) -> None:
        """Refuse tokens that this kind does not have. Here: the bytes come first, and there are no merges."""
        if merges or any(vocab.get(name) != number for number, name in enumerate(BYTE_TOKENS)):
            raise OtherKindError
        if cls.newline not in vocab:
            raise ValueError("it has no token for the end of a line")

    def save(self, path: Path) -> None:
        """Write tokenizer.json, whole or not at all."""
        with replacing(path) as file:
            file.write(self._data)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self._data).hexdigest()

    # Text to ids

    def encode(self, text: str) -> Ids:
        if len(text) <= LONG:
            return self.encode_batch([text])[0]
        pieces = self.cut(text)
        ids: list[Ids] = []
        while batch := list(islice(pieces, 16)):
            ids += self.encode_batch(batch)
        return np.concatenate(ids)

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        plain = [len(text) <= 2 * LONG and not has_lone(text) for text in texts]
        easy = iter(self._encode_plain([text for text, ok in zip(texts, plain, strict=True) if ok]))
        return [next(easy) if ok else self._encode_hard(text) for text, ok in zip(texts, plain, strict=True)]

    def _encode_plain(self, texts: list[str]) -> list[Ids]:
        found = self._inner.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, np.int64) for encoding in found]

    def _encode_hard(self, text: str) -> Ids:
        """Of a text that is too long or has lone surrogates."""
        if len(text) > 2 * LONG:
            return self.encode(text)
        parts = [(piece, lone) for _, piece, lone in segments(text)]
        return np.concatenate([self._part_ids(part, lone) for part, lone in parts])

    def _part_ids(self, part: str, lone: bool) -> Ids:
        return self._byte_ids(part) if lone else self._encode_plain([part])[0]

    def _byte_ids(self, lone: str) -> Ids:
        return self._ids_of_bytes[np.frombuffer(bytes_of(lone), np.uint8)]

    def analyse(self, text: str) -> Encoding:
        if len(text) <= LONG and not has_lone(text):
            plain = self._analyse_plain(text)
            return Encoding(plain[0], plain[1][:, 0], plain[1][:, 1], plain[2])
        ids, spans, spelled = [np.zeros(0, np.int64)], [np.zeros((0, 2), np.int64)], [np.zeros(0, np.bool_)]
        offset = 0
        for piece in self.cut(text):
            for start, part, lone in segments(piece):
                found = self._analyse_lone(part) if lone else self._analyse_plain(part)
                ids.append(found[0])
                spans.append(found[1] + (offset + start))
                spelled.append(found[2])
            offset += len(piece)
        places = np.concatenate(spans)
        return Encoding(np.concatenate(ids), places[:, 0], places[:, 1], np.concatenate(spelled))

    def _analyse_plain(self, text: str) -> tuple[Ids, Ids, NDArray[np.bool_]]:
        found = self._inner.encode(text, add_special_tokens=False)
        ids = np.array(found.ids, np.int64)
        words = np.array(found.word_ids, np.int64)
        return ids, np.array(found.offsets, np.int64).reshape(-1, 2), self._spelled(ids, words)

    def _analyse_lone(self, lone: str) -> tuple[Ids, Ids, NDArray[np.bool_]]:
        ids = self._byte_ids(lone)
        places = np.repeat(np.arange(len(lone)), [len(bytes_of(c)) for c in lone])
        words = np.zeros(len(ids), np.int64)
        return ids, np.stack([places, places + 1], axis=1), self._spelled(ids, words)

    def _spelled(self, ids: Ids, words: Ids) -> NDArray[np.bool_]:
        """Which tokens are pieces of something unknown; ``words`` numbers the pre-token of each."""
        return np.zeros(len(ids), np.bool_)

    # Places to cut

    def cut(self, text: str, size: int = LONG) -> Iterator[str]:
        start = 0
        while len(text) - start > size:
            end = self._boundary(text, start, start + max(size, 1))
            yield text[start:end]
            start = end
        if start < len(text):
            yield text[start:]

    def _boundary(self, text: str, start: int, stop: int) -> int:
        """Where a pre-token begins, whatever follows: after a newline, before a word, or searched for."""
        newline = text.rfind("\n", start, stop)
        if newline >= 0:
            return newline + 1
        words = [match.start() for match in self._opening.finditer(text, max(start + 1, stop - 256), stop)]
        return words[-1] if words else self._search(text, start, stop)

    @cached_property
    def _opening(self) -> re.Pattern[str]:
        return re.compile(self.opening)

    def _search(self, text: str, start: int, stop: int) -> int:
        """The last pre-token's start that is out of reach of what comes after the window."""
        window = text[start : max(stop, start + 4 * self.reach)]
        if start + len(window) >= len(text):
            return len(text)
        lone = [match.end() for match in _LONE_AT.finditer(window)]
        if lone:
            return start + lone[-1]
        found = self._inner.encode(window, add_special_tokens=False)
        safe = len(window) - self.reach
        spans, words = found.offsets, found.word_ids
        if not spans or spans[-1][1] <= safe:  # a long gap, which only the word kind has
            return start + safe
        for i in range(len(spans) - 1, 0, -1):
            if words[i] != words[i - 1] and spans[i - 1][1] <= spans[i][0] <= safe:
                return start + spans[i][0]
        return len(text)

    # Ids to text

    def decode(self, ids: Sequence[int] | Ids) -> str:
        return text_of(self.decode_bytes(ids))

    def decode_bytes(self, ids: Sequence[int] | Ids) -> bytes:
        return b"".join(map(self._table.__getitem__, np.asarray(ids, np.int64).tolist()))

    def token(self, token_id: int) -> str:
        data = self._table[token_id]
        try:
            return data.decode()
        except UnicodeDecodeError:
            return "".join(f"<0x{byte:02X}>" for byte in data)

    @cached_property
    def _table(self) -> list[bytes]:
        """The bytes of each id."""
        names = [self._inner.id_to_token(number) for number in range(self.vocab_size)]
        whole = [name for name in names if name is not None]
        if len(whole) < len(names):
            raise ModelError("the tokenizer's ids have gaps: tokenizer.json was altered", hint=_CURE)
        return [self._bytes_of_token(name) for name in whole]

    @cached_property
    def _ids_of_bytes(self) -> Ids:
        """For each byte from 0x80 on, the token that is that byte alone."""
        ids = np.zeros(256, np.int64)
        for number, data in enumerate(self._table):
            if len(data) == 1 and data[0] >= 0x80:
                ids[data[0]] = number
        return ids

    def _bytes_of_token(self, name: str) -> bytes:
        return name.encode()
