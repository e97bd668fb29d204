"""What of a text stands in a corpus."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from rnncli.analysis.copying import LEAST, Passage, longest_copies


def test_by_hand() -> None:
    corpus = ["the cat sat on the mat\n", "and the dog lay in the sun\n"]
    texts = [b"a dog lay in the rain", b"the mat\nand the", b"nothing", b"", b"cat sat o", b"sat on the sun"]
    assert longest_copies(texts, corpus) == [
        Passage(1, " dog lay in the "),
        Passage(0, "the mat\nand the"),  # over the end of a block
        Passage(0, ""),
        Passage(0, ""),
        Passage(0, "cat sat o"),  # no longer than the text
        Passage(0, "sat on the "),
    ]
    assert longest_copies(texts, []) == [Passage(0, "")] * 6


def test_whole_characters_are_told() -> None:
    # The first byte of \u00e9 and of \u00e8, and the last one of \u00e9 and of \u0129, are the same.
    assert longest_copies(["12345678\u00e9".encode()], ["12345678\u00e8"]) == [Passage(0, "12345678")]
    assert longest_copies(["x\u00e912345678".encode()], ["y\u012912345678"]) == [Passage(2, "12345678")]
    assert longest_copies(["\u4e00\u4e8c\u4e09\u56db".encode()], ["\u4e09\u4e00\u4e8c\u4e09"]) == [
        Passage(0, "\u4e00\u4e8c\u4e09")
    ]


letters = st.text("ab \n", max_size=60)


@given(letters, st.lists(letters, max_size=5))
@example("aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", ["aaaaaaaaaaaa", "aaaaaaaaaaaaaaaab"])
def test_it_is_the_longest_common_substring(text: str, corpus: list[str]) -> None:
    (found,) = longest_copies([text.encode()], corpus)
    whole = "".join(corpus)
    longest = max(
        (end - start for start in range(len(text)) for end in range(start, len(text) + 1) if text[start:end] in whole),
        default=0,
    )
    assert len(found.text) == (longest if longest >= LEAST else 0)
    assert text[found.start :].startswith(found.text)
    assert found.text in whole
