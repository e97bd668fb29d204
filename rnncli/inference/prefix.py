"""What of a text that is encoded with a prefix before it belongs to the text."""

from __future__ import annotations

import numpy as np

from rnncli.text.tokenizers.base import Encoding


def after_prefix(encoding: Encoding, length: int) -> tuple[Encoding, int]:
    """The tokens that end beyond a prefix of so many code points, placed from there on, and how many do not.

    A token that reaches over the seam belongs to the text and begins with it.
    """
    if not length:
        return encoding, 0
    skip = int(np.searchsorted(encoding.ends, length, side="right"))
    starts, ends = encoding.starts[skip:], encoding.ends[skip:]
    return Encoding(encoding.ids[skip:], np.maximum(starts - length, 0), ends - length, encoding.spelled[skip:]), skip
