"""Lines read from their ends: the ids of a line turned round, and what is thought of them turned back.

A backward model is an ordinary one of turned texts: the newline before a line becomes the one after it. Of a line's
tokens t1 ... tn and its newline it reads, after a newline, tn ... t1 and then the newline, which says that the line
begins here. A text of many lines is turned as a whole: the lines too come from the last to the first.
"""

from __future__ import annotations

import numpy as np

from rnncli.inference.engine import Ids
from rnncli.inference.reading import Reading, join


def turn(ids: Ids) -> Ids:
    """Ids that end with a newline, all before it from the last to the first. Turned twice they are as they were."""
    return np.concatenate([ids[:-1][::-1], ids[-1:]])


def turn_reading(reading: Reading) -> Reading:
    """What was thought of turned ids, in the order of the text, the newline's at the end."""
    last = len(reading.logprobs) - 1
    return join([reading.part(0, last).backward(), reading.part(last, last + 1)])
