"""Regions of a stimulus: parts between marks, whose words' surprisals are summed."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from typing import NamedTuple

from rnncli.records import TextScore, WordScore


class Marked(NamedTuple):
    """A text without its marks. ``starts``: where each region begins in it; the first at 0."""

    text: str
    starts: tuple[int, ...]


def unmark(text: str, mark: str) -> Marked:
    """Take the marks out: blanks around one become a single space, and where there is none the parts touch."""
    plain, starts = "", [0]
    for i, part in enumerate(text.split(mark)):
        if i:
            blank = plain[-1:].isspace() or part[:1].isspace()
            plain, part = plain.rstrip(), part.lstrip()
            plain += " " if blank and plain and part else ""
            starts.append(len(plain))
        plain += part
    return Marked(plain, tuple(starts))


def by_region(score: TextScore, marked: Marked) -> TextScore:
    """The score with its regions in place of its words: each has the words that begin in it."""
    owners = [bisect_right(marked.starts, word.start) - 1 for word in score.word_scores]
    bounds = [*marked.starts, len(marked.text)]
    regions = []
    for i, start in enumerate(marked.starts):
        mine = [word for word, owner in zip(score.word_scores, owners, strict=True) if owner == i]
        regions.append(
            WordScore(
                word=marked.text[start : bounds[i + 1]].strip(),
                start=start,
                end=bounds[i + 1],
                logprob=sum(word.logprob for word in mine),
                pieces_logprob=sum(word.pieces_logprob for word in mine),
                tokens=sum(word.tokens for word in mine),
                spelled=any(word.spelled for word in mine),
            )
        )
    return dataclasses.replace(score, word_scores=tuple(regions))
