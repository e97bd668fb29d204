"""What a reader sees in a text, as numbers, and which units of a network follow it.

Karpathy, Johnson & Fei-Fei (2015), "Visualizing and Understanding Recurrent Networks", found cells that are on inside
quotes or count the length of a line by looking at them; here they are looked for.

Shapes: T tokens, N characters of the text; a *place* n of 0 to N is where n characters have been read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rnncli.inference.engine import Ids

Numbers: TypeAlias = NDArray[np.float64]
Stretch: TypeAlias = tuple[int, int]
"""The first place that belongs to it, and the last."""

QUOTES = {'"': '"\n', "“": "”\n", "„": "“”\n", "«": "»\n", "「": "」\n", "『": "』\n"}
"""What closes each opening quote. An empty line closes any: a stray one must not turn all that follows."""
BRACKETS = {"(": ")", "[": "]", "{": "}", "（": "）", "【": "】"}
QUOTE = re.compile(r'["“”„«»「」『』]|(?<=\n)\n')
BRACKET = re.compile("[" + re.escape("".join(BRACKETS) + "".join(BRACKETS.values())) + "]")
SENTENCE_END = re.compile(r"""[.!?…]["')\]”’»]*\s|[。！？]|(?<=\n)\n""")
SPEAKER = re.compile(r"^([^\W\d_][\w.' -]{0,30})(?::\s|：)", re.MULTILINE)
SPEAKERS, TURNS = 3, 2
"""Features of who speaks: of so many names, the most frequent; each of so many turns at least."""
ROUNDING = 1e-6
"""A unit that moves by less than this share of its size does not move: float32 rounds by about a tenth of it."""


def features(text: str, spans: Sequence[Stretch] | Ids) -> dict[str, Numbers]:
    """What is so at the end of each token, (T,) of each feature. Yes and no are 1 and 0, lengths are in characters.

    ``spans``: the tokens' starts and ends in the text, in code points, as Tokenizer.analyse has them (T, 2). An
    IndexError where one lies outside.

    They depend on nothing after the token, but for a speaker's name, a line's beginning up to a colon: that it is one
    shows at the colon, and until then the network must guess. From there to the next such name "NAME speaks" is 1;
    there is one for each of the most frequent names that come more than once, and none where there are no such names.
    """
    starts_T, ends_T = np.asarray(spans, np.int64).reshape(-1, 2).T
    where = _finder(text)
    newline_N = where("\n".__eq__)
    line = _since(newline_N)
    counts = {name: _count(where(test)) for name, test in HELD.items()}
    places = {
        "inside quotes": _depth(len(text), _quotes(text)),
        "bracket depth": _depth(len(text), _brackets(text)),
        "line length": line,
        "sentence length": _since(_marked(len(text), (found.end() for found in SENTENCE_END.finditer(text)))),
        "word length": _since(~where(_is_of_a_word)),
        "indentation": _indentation(where(" \t".__contains__), line),
        "after a newline": np.diff(_count(newline_N), prepend=0),
        "after a vowel": np.diff(_count(where(_is_vowel)), prepend=0),
        **_speakers(text),
    }
    at_ends = {name: values[ends_T].astype(np.float64) for name, values in places.items()}
    return at_ends | {name: (n[ends_T] > n[starts_T]).astype(np.float64) for name, n in counts.items()}


class Correlation(NamedTuple):
    """How closely a unit of a layer follows a feature: Pearson's r, from -1 to 1."""

    feature: str
    layer: int
    unit: int
    r: float


def correlated(activations: NDArray[Any], features: Mapping[str, NDArray[Any]], most: int = 3) -> list[Correlation]:
    """For each feature the units that follow it best, or its opposite, ``most`` of them; the closest of all first.

    ``activations``: (T, L, S) as Inspector.read gives them, hidden units or cells; ``features``: (T,) each. Units and
    features that do not move, or are infinite somewhere, are left out. Equals stand in the order of the features, the
    layers, the units. Needs room for two copies of the activations in float64.
    """
    tokens, layers, width = activations.shape
    if tokens < 2 or not features:
        return []
    names = list(features)
    units_TU, units = _normalised(activations.reshape(tokens, layers * width))
    wanted_TF, wanted = _normalised(np.stack(list(features.values()), axis=1))
    r_FU = np.clip(wanted_TF.T @ units_TU, -1, 1)
    found = [
        Correlation(names[feature], int(units[i]) // width, int(units[i]) % width, float(r_U[i]))
        for feature, r_U in zip(wanted, r_FU, strict=True)
        for i in np.argsort(-np.abs(r_U), kind="stable")[:most]
    ]
    return sorted(found, key=lambda each: -abs(each.r))


def _normalised(x_TN: NDArray[Any]) -> tuple[Numbers, Ids]:
    """The columns that move, each with mean 0 and length 1, and which they are."""
    size_N = np.abs(x_TN).max(axis=0).astype(np.float64)
    kept = np.flatnonzero(np.isfinite(size_N) & (size_N > 0))
    scaled = x_TN[:, kept] / size_N[kept]  # so that no square is too large or too small
    moving = np.ptp(scaled, axis=0) > ROUNDING
    scaled, kept = scaled[:, moving], kept[moving]
    scaled -= scaled.mean(axis=0)
    scaled /= np.linalg.norm(scaled, axis=0)
    return scaled, kept


# -- by place, (N + 1,)


def _finder(text: str) -> Callable[[Callable[[str], bool]], NDArray[np.bool_]]:
    """A function that says of which characters (N,) a test holds. Each distinct one is tested once."""
    codes_N = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    distinct, inverse_N = np.unique(codes_N, return_inverse=True)
    characters = [chr(code) for code in distinct]
    return lambda test: np.array([test(character) for character in characters], np.bool_)[inverse_N]


def _count(is_N: NDArray[np.bool_]) -> Ids:
    """How many there are before each place."""
    return np.concatenate([[0], np.cumsum(is_N)])


def _since(is_N: NDArray[np.bool_]) -> Ids:
    """How many characters there are since the last of these, or since the beginning."""
    places = np.arange(len(is_N) + 1)
    begins = np.where(np.concatenate([[True], is_N]), places, 0)
    return places - np.maximum.accumulate(begins)


def _marked(size: int, ends: Iterable[int]) -> NDArray[np.bool_]:
    """The characters (N,) that lie just before these places."""
    is_N = np.zeros(size, np.bool_)
    is_N[[end - 1 for end in ends]] = True
    return is_N


def _depth(size: int, stretches: Iterable[Stretch]) -> Ids:
    """In how many of the stretches each place lies."""
    change = np.zeros(size + 2, np.int64)
    for first, last in stretches:
        change[first] += 1
        change[last + 1] -= 1
    return change.cumsum()[: size + 1]


def _quotes(text: str) -> Iterator[Stretch]:
    """From after an opening quote to before its closing one. Apostrophes are too many to count as quotes."""
    begin, closing = 0, ""
    for mark in QUOTE.finditer(text):
        if closing and mark[0] in closing:
            yield begin, mark.end() - 1
            closing = ""
        elif not closing and mark[0] in QUOTES:
            begin, closing = mark.end(), QUOTES[mark[0]]
    if closing:
        yield begin, len(text)


def _brackets(text: str) -> Iterator[Stretch]:
    """A closing bracket closes what is open inside it too; one that nothing waits for is passed over."""
    opened: list[tuple[str, int]] = []
    waiting: Counter[str] = Counter()
    for mark in BRACKET.finditer(text):
        if mark[0] in BRACKETS:
            opened.append((BRACKETS[mark[0]], mark.end()))
            waiting[BRACKETS[mark[0]]] += 1
        closing = "" if waiting[mark[0]] else mark[0]
        while closing != mark[0]:
            closing, begin = opened.pop()
            waiting[closing] -= 1
            yield begin, mark.end() - 1
    yield from ((begin, len(text)) for _, begin in opened)


def _indentation(blank_N: NDArray[np.bool_], line: Ids) -> Ids:
    """Blanks at the beginning of the line, so far."""
    begins = np.arange(len(line)) - line
    others = _count(~blank_N)
    leading = _count(blank_N & (others == others[begins])[:-1])
    indentation: Ids = leading - leading[begins]
    return indentation


def _speakers(text: str) -> dict[str, Ids]:
    """Where the names are that plays put before what is said, and where the most frequent ones speak."""
    turns = [found for found in SPEAKER.finditer(text) if not found[1][0].islower()]
    names = Counter(found[1] for found in turns)
    begins = [*(found.start() for found in turns), len(text)]
    speeches = [(found[1], (found.end(), end)) for found, end in zip(turns, begins[1:], strict=True)]
    return {"speaker's name": _depth(len(text), ((found.start() + 1, found.end(1)) for found in turns))} | {
        f"{name} speaks": _depth(len(text), (stretch for speaker, stretch in speeches if speaker == name))
        for name, count in names.most_common(SPEAKERS)
        if count >= TURNS
    }


# -- by character


def _is_of_a_word(character: str) -> bool:
    """Letters, marks, numbers and underscores of every script."""
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def _is_vowel(character: str) -> bool:
    """Of the Latin script, with accents or without."""
    return unicodedata.normalize("NFD", character)[0].lower() in "aeiou"


HELD: dict[str, Callable[[str], bool]] = {"capital": str.isupper, "digit": str.isdigit}
"""Features of tokens that hold such a character."""
