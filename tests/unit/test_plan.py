"""Windows of lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rnncli.inference.plan import FLUSH, Flush, Line, tokens_at_once, windows


def lines(*texts: str) -> list[Line]:
    return [Line(text, None, number) for number, text in enumerate(texts, start=1)]


def without_flush(found: Iterable[list[Line] | Flush]) -> Iterator[list[Line]]:
    return (window for window in found if window is not FLUSH)


def test_windows_grow_from_few_lines_to_many() -> None:
    source = lines(*("x" for _ in range(200)))
    found = list(without_flush(windows(source, most_lines=64)))
    assert [len(window) for window in found] == [32, 64, 64, 40]
    assert [line for window in found for line in window] == source


def test_windows_are_bounded_in_characters() -> None:
    found = list(without_flush(windows(lines("a" * 10, "b" * 10, "c", "d" * 30, "e"), most_chars=20)))
    assert [[line.text[0] for line in window] for window in found] == [["a", "b"], ["c", "d"], ["e"]]


def test_flush_sends_what_is_there_without_looking_further() -> None:
    read: list[str] = []

    def source() -> Iterator[Line | Flush]:
        items: list[Line | Flush] = [*lines("a"), FLUSH, FLUSH, *lines("b", "c"), FLUSH]
        for item in items:
            read.append("flush" if item is FLUSH else "line")
            yield item

    found = without_flush(windows(source()))
    assert [line.text for line in next(found)] == ["a"]
    assert read == ["line", "flush"]
    assert [[line.text for line in window] for window in found] == [["b", "c"]]


def test_empty_lines_can_be_left_out_with_their_numbers() -> None:
    [window] = without_flush(windows(lines("a", "", " ", "b"), skip_empty=True))
    assert [(line.text, line.number) for line in window] == [("a", 1), (" ", 3), ("b", 4)]
    assert list(windows(lines("", ""), skip_empty=True)) == []


def test_a_wide_vocabulary_has_fewer_tokens_at_once() -> None:
    assert [tokens_at_once(size) for size in (256, 4096, 16384, 10**7)] == [16384, 16384, 4096, 1024]


def test_a_flush_is_passed_on() -> None:
    found = list(windows([*lines("a"), FLUSH, FLUSH, *lines("b")]))
    assert [window is FLUSH for window in found] == [False, True, True, False]
