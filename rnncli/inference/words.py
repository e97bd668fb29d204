"""Words from tokens: whose each token is.

A word owns the tokens that begin in it or in the blanks before it, and the last word also those that begin
after it: every token has one owner, so the words' tokens and the line's end add up to the line. A token that reaches
over several words (some tokenizers make such) counts for the first. In a line without a word nothing is owned.

A token that carries the blank before it says that the word before has ended, and the sum of a word's tokens pays for
the end of another. So the probability that the next token begins with a blank, or is the line's end, is moved to the
word that it ends (Pimentel & Meister 2024, Oh & Schuler 2024): up to the first word, whose beginning is certain, what
is left of the end of the line is its probability once the last word has ended. Where words touch, as in Chinese, no
blank ends them and nothing is moved. All words and that rest still add up to the line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncli.inference.engine import Floats, Ids
from rnncli.inference.reading import Reading
from rnncli.records import WordScore
from rnncli.text.escapes import text_of
from rnncli.text.tokenizers.base import Encoding, Tokenizer
from rnncli.text.units import word_spans


def spelled_words(text: str, encoding: Encoding) -> list[int]:
    """Indexes of the words that have a spelled token in them; a spelled blank before one does not count."""
    if not encoding.spelled.any():
        return []
    # Lists: of a short line, which most are, they take a third to a half of the time of arrays.
    starts, ends = encoding.starts[encoding.spelled].tolist(), encoding.ends[encoding.spelled].tolist()
    spans, found, word = word_spans(text), list[int](), 0
    for start, end in zip(starts, ends, strict=True):
        while word < len(spans) and spans[word][1] <= start:
            word += 1
        if word == len(spans):
            break
        if end > spans[word][0] and found[-1:] != [word]:
            found.append(word)
    return found


def word_scores(text: str, encoding: Encoding, reading: Reading, *, follows: bool) -> tuple[WordScore, ...]:
    """The words of a text. ``reading``: of its tokens and the line's end, with the masses of ``word_ends``.

    ``follows``: the text comes after another, whose last word its first token ends if it begins with a blank.
    """
    spans = _spans(text)
    if not len(spans):
        return ()
    count = len(encoding.ids)
    owners = np.minimum(np.searchsorted(spans[:, 1], encoding.starts, side="right"), len(spans) - 1)
    sums = np.bincount(owners, weights=reading.logprobs[:count], minlength=len(spans))
    counts = np.bincount(owners, minlength=len(spans))
    moved = np.zeros(len(spans) + 1)
    if reading.masses is not None:
        moved[1:] = _end_masses(text, encoding, spans, reading.masses)
        if follows and text[0].isspace() and count:
            moved[0] = reading.masses[0]
    # At the end of each word its own goes up by what the next one's goes down.
    whole = sums + moved[1:] - moved[:-1]
    spelled = set(spelled_words(text, encoding))
    return tuple(
        WordScore(
            word=text[start:end],
            start=start,
            end=end,
            logprob=float(whole[i]),
            pieces_logprob=float(sums[i]),
            tokens=int(counts[i]),
            spelled=i in spelled,
        )
        for i, (start, end) in enumerate(spans.tolist())
    )


def _end_masses(text: str, encoding: Encoding, spans: Ids, masses: Floats) -> NDArray[np.float64]:
    """The mass after each word that a blank or the line's end follows; 0 where none does or a token reaches over."""
    ends = spans[:, 1]
    place = np.searchsorted(encoding.starts, ends, side="left")
    begins = np.append(encoding.starts, len(text))[place] == ends
    blank = np.array([end == len(text) or text[end].isspace() for end in ends.tolist()])
    return np.where(begins & blank, masses[place], 0.0)


def word_ends(tokenizer: Tokenizer) -> Floats | None:
    """(V,) 1 for each token that ends the word before it, 0 for others; None where every token is a word of its own."""
    if not tokenizer.joined:
        return None
    texts = (text_of(tokenizer.decode_bytes([token_id])) for token_id in range(tokenizer.vocab_size))
    return np.array([text[:1].isspace() for text in texts], np.float32)


def _spans(text: str) -> Ids:
    return np.array(word_spans(text), dtype=np.int64).reshape(-1, 2)
