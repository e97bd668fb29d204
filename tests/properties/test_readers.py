"""What holds of the readers of tables and texts for any bytes: records, or a refusal. (tests/torture/readers.py)"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture import readers
from tests.torture.tables import BREAKS, CELLS

CELL = st.one_of(st.sampled_from(CELLS), st.text(max_size=8), st.floats().map(repr))
ROW = st.lists(CELL, min_size=1, max_size=4).map("\t".join)
TABLE = st.lists(st.tuples(ROW, st.sampled_from(BREAKS)).map("".join), max_size=6).map(
    lambda rows: "".join(rows).encode("utf-8", "surrogatepass")
)
ANY = st.one_of(st.binary(max_size=80), TABLE)
CHOICE = st.binary(min_size=1, max_size=1)


@settings(max_examples=200, deadline=None)
@given(CHOICE, ANY)
def test_lists(choice: bytes, data: bytes) -> None:
    readers.lists(choice + data)


@settings(max_examples=150, deadline=None)
@given(CHOICE, CELL, ANY)
def test_columns(choice: bytes, wanted: str, data: bytes) -> None:
    readers.columns(choice + wanted.encode("utf-8", "surrogatepass") + b"\n" + data)


@settings(max_examples=100, deadline=None)
@given(CHOICE, CHOICE, ANY)
def test_texts(ending: bytes, encoding: bytes, data: bytes) -> None:
    readers.texts(ending + encoding + data)
