"""Settings that are no numbers, or none that can be, are refused by name wherever they come from."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

import pytest

from rnncli.config import TRAINING_OPTIONS, SampleConfig, flag_of, options_of, validate
from rnncli.errors import ConfigError

FLOATS = [
    (kind, f)
    for kind in (*TRAINING_OPTIONS, SampleConfig)
    for f in options_of(kind)
    if float in (get_type_hints(kind)[f.name], *get_args(get_type_hints(kind)[f.name]))
]


@pytest.mark.parametrize(("kind", "field"), FLOATS, ids=[f.name for _, f in FLOATS])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_setting_that_is_no_finite_number_is_refused(kind: Any, field: Any, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"{flag_of(field)} must be .*; got {value}"):
        validate(kind(**{field.name: value}))


def test_there_are_such_settings() -> None:
    assert len(FLOATS) >= 15
