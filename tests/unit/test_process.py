"""What a training sets for its process, in a process of its own, since that is what it changes."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource, torch
from rnncli.training.process import _glibc, set_for_training

def flushed():
    return float(torch.tensor([1e-39]) * 1.0) == 0.0

def faults():
    # So many megabytes that glibc would give them back; the first rounds fill what it holds anyway.
    def once():
        torch.empty(9_000_000).fill_(1.0)
    for _ in range(3):
        once()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        once()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

assert not flushed()
try:
    with set_for_training(1):
        assert torch.get_num_threads() == 1
        assert flushed()
        kept = faults()
        raise KeyError
except KeyError:
    pass
assert not flushed()
if _glibc() is not None:
    given_back = faults()  # of small or of huge pages
    assert kept < given_back / 5, (kept, given_back)
print("passed")
"""


def test_buffers_stay_and_denormals_go_only_while_it_trains() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("passed\n", 0), done.stderr
