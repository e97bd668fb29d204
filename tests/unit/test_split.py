"""Training and validation parts: where they begin, that nothing is lost, that neither is empty."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncli.config import Unit
from rnncli.errors import ConfigError, CorpusError
from rnncli.text.sources import Source, Spool
from rnncli.text.split import Parts, Split, parse_split, split_blocks


def source_of(text: str, name: str = "memory") -> Source:
    data = text.encode()
    return Source(name, len(data), None, Spool(io.BytesIO(data)))


def parts(texts: list[str], unit: Unit, split: Split, share: float = 1.0) -> Parts:
    return split_blocks([source_of(text) for text in texts], "utf-8", unit, split, share=share)


def both(text: str | list[str], unit: Unit, fraction: float = 0.1) -> tuple[str, str]:
    found = parts([text] if isinstance(text, str) else text, unit, Split(fraction))
    train, valid = "".join(found.train()), "".join(found.valid())
    assert ("".join(found.train()), "".join(found.valid())) == (train, valid)
    assert train.strip()
    assert valid.strip()
    return train, valid


def test_lines_are_spread_evenly() -> None:
    train, valid = both("".join(f"{n}\n" for n in range(10)), "lines", 0.2)
    assert valid == "2\n7\n"
    assert train == "0\n1\n3\n4\n5\n6\n8\n9\n"


def test_blank_lines_stay_in_training() -> None:
    train, valid = both("a\n\n\nb\n \nc\nd\n", "lines", 0.5)
    assert valid == "a\nc\n"
    assert train == "\n\nb\n \nd\n"


def test_an_overlong_line_stays_whole() -> None:
    long = "x" * 700_000
    train, valid = both(f"a\n{long}\nb\n", "lines", 0.4)
    assert (train, valid) == ("a\nb\n", long + "\n")


def test_stream_is_cut_at_the_nearest_line() -> None:
    text = "".join(f"line {n:02}\n" for n in range(100))
    train, valid = both(text, "stream")
    assert train + valid == text
    assert valid.startswith("line 90\n")


def test_stream_keeps_text_on_both_sides_of_blank_lines() -> None:
    assert both("a" + "\n" * 50 + "b" + "\n" * 50, "stream") == ("a" + "\n" * 50, "b" + "\n" * 50)


def test_one_line_is_cut_at_a_space() -> None:
    train, valid = both("a b c d e f g h i jj", "stream")
    assert (train, valid) == ("a b c d e f g h i", " jj\n")


def test_one_word_is_cut_between_characters() -> None:
    assert both("abcdefghij", "stream") == ("abcdefghi", "j\n")
    train, valid = both("中" * 600_000, "stream")
    assert len(valid) == 60_001
    assert train + valid == "中" * 600_000 + "\n"


def test_a_title_before_one_huge_line_is_not_the_training_text() -> None:
    train, valid = both("Title\n" + "word " * 100_000, "stream")
    assert 0.09 < len(valid) / (len(train) + len(valid)) < 0.11


@pytest.mark.parametrize("text", ["", "\n\n", " \t\n", "a", " a \n"])
def test_too_little_for_a_stream(text: str) -> None:
    with pytest.raises(CorpusError) as caught:
        parts([text], "stream", Split())
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "\n \n", "one line", "\none\n\n"])
def test_too_little_for_lines(text: str) -> None:
    with pytest.raises(CorpusError) as caught:
        parts([text], "lines", Split())
    assert caught.value.hint


def test_many_documents_are_held_out_whole() -> None:
    texts = [f"document {n:02}\n" * 5 for n in range(30)]
    train, valid = both(texts, "stream")
    assert valid == texts[4] + texts[14] + texts[24]
    assert train == "".join(text for n, text in enumerate(texts) if n not in (4, 14, 24))


def test_few_or_unequal_documents_give_the_tail() -> None:
    few = [f"line {n}\n" * 20 for n in range(3)]
    train, valid = both(few, "stream")
    assert train + valid == "".join(few)
    unequal = ["big line\n" * 10_000, *["small\n"] * 12]
    train, valid = both(unequal, "stream")
    assert train + valid == "".join(unequal)


def test_blank_documents_are_no_part() -> None:
    texts = ["text\n"] * 30
    texts[4] = texts[14] = texts[24] = "    \n"
    train, valid = both(texts, "stream")
    assert train + valid == "".join(texts)


def test_documents_are_ended() -> None:
    train, valid = both(["one", "two", "three"], "stream", 0.3)
    assert train + valid == "one\ntwo\nthree\n"


def test_a_validation_file_leaves_all_for_training(tmp_path: Path) -> None:
    path = tmp_path / "valid.txt"
    path.write_text("held out")
    split = parse_split(str(path))
    found = parts(["a\nb\n"], "lines", split)
    assert ("".join(found.train()), "".join(found.valid())) == ("a\nb\n", "held out\n")
    assert "valid.txt" in found.how
    path.write_text(" \n")
    with pytest.raises(CorpusError, match=r"valid\.txt is empty"):
        parts(["a\nb\n"], "lines", parse_split(str(path)))


def test_parse_split() -> None:
    assert parse_split(None) == Split(0.1)
    assert parse_split("0.25") == Split(0.25)
    for wrong in ("0", "1", "1.5", "-1", "nan"):
        with pytest.raises(ConfigError, match="--valid"):
            parse_split(wrong)
    with pytest.raises(CorpusError, match="no file"):
        parse_split("no-such-file.txt")


def test_share_keeps_evenly_spread_blocks() -> None:
    text = "".join(f"{n:07}\n" for n in range(200_000))
    whole = list(parts([text], "stream", Split()).train())
    half = list(parts([text], "stream", Split(), share=0.5).train())
    assert half == whole[::2]
    assert len(list(parts([text], "stream", Split(), share=0.0).train())) == 1
    some = list(parts([text], "stream", Split(), share=0.001).train())
    assert some == whole[:1]


def test_share_does_not_glue_pieces_of_a_line() -> None:
    kept = list(parts(["x" * 2_000_000 + "\n" + "y\n" * 200_000], "stream", Split(), share=0.4).train())
    assert all(block.endswith("\n") or after == "\n" for block, after in zip(kept, [*kept[1:], "\n"], strict=True))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ab \n中"), max_size=30), min_size=1, max_size=14),
    st.sampled_from([0.02, 0.1, 0.5, 0.9]),
)
def test_parts_are_never_empty_and_make_up_the_corpus(texts: list[str], fraction: float) -> None:
    whole = "".join(text if text.endswith("\n") or not text else text + "\n" for text in texts)
    for unit in ("stream", "lines"):
        try:
            train, valid = both(texts, unit, fraction)
        except CorpusError:
            shown = [line for line in whole.split("\n") if line.strip()]
            assert not shown or (len(shown) == 1 and (unit == "lines" or len(shown[0].strip()) == 1))
            continue
        assert sorted(train + valid) == sorted(whole)
        if unit == "lines":
            assert sorted((train + valid).split("\n")) == sorted([*whole.split("\n")])
