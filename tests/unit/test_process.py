"""What a training sets for its process is set while it trains, and put back, whatever ends it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rnncli.training import process
from rnncli.training.process import KEPT, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, USUAL, set_for_training

DENORMALS = """
import torch
from rnncli.training.process import set_for_training

def flushed():
    return float(torch.tensor([1e-39]) * 1.0) == 0.0

assert not flushed()
try:
    with set_for_training(1):
        assert torch.get_num_threads() == 1
        assert flushed()
        raise KeyError
except KeyError:
    pass
assert not flushed()
print("passed")
"""


def test_denormals_are_flushed_only_while_it_trains() -> None:
    """In a process of its own, with the C library that is there."""
    done = subprocess.run([sys.executable, "-c", DENORMALS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("passed\n", 0), done.stderr


class Library:
    """Writes down what it is told: how memory comes and goes cannot be foreseen in a test."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def mallopt(self, name: int, value: int) -> int:
        self.calls.append(("mallopt", name, value))
        return 1

    def malloc_trim(self, pad: int) -> int:
        self.calls.append(("malloc_trim", pad, 0))
        return 1


def test_buffers_stay_only_while_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(process, "_glibc", lambda: library)
    seen: list[tuple[str, int, int]] = []

    def train() -> None:
        with set_for_training(1):
            seen.extend(library.calls)
            raise KeyError

    with pytest.raises(KeyError):
        train()
    assert seen == [("mallopt", M_MMAP_THRESHOLD, KEPT), ("mallopt", M_TRIM_THRESHOLD, KEPT)]
    assert library.calls[2:] == [
        ("mallopt", M_MMAP_THRESHOLD, USUAL),
        ("mallopt", M_TRIM_THRESHOLD, USUAL),
        ("malloc_trim", 0, 0),
    ]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_glibc", lambda: None)
    with set_for_training(1):
        pass
