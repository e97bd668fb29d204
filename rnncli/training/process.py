"""What a training sets for its whole process, and puts back."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rnncli.nn.cells import exact_float32

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc's names of the parameters of mallopt(3)."""
KEPT, USUAL = (1 << 31) - 1, 128 * 1024


@contextmanager
def set_for_training(threads: int) -> Iterator[None]:
    """PyTorch's threads, denormals as zeros, float32 as it is on GPUs too, and buffers that stay.

    Denormals: flushing them costs nothing and saves stalls, but it would hold for whatever else this process does.
    Buffers: glibc gives blocks of some megabytes back to the system and gets them anew, zeroed page by page, in each
    step: up to a fifth of a training's time (tests/bench/RESULTS.md). They are given back at the end.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_MMAP_THRESHOLD, KEPT)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
    try:
        with exact_float32():
            yield
    finally:
        torch.set_flush_denormal(False)
        if libc is not None:
            libc.mallopt(M_MMAP_THRESHOLD, USUAL)
            libc.mallopt(M_TRIM_THRESHOLD, USUAL)
            libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc, and not where another allocator or system has no such thing."""
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
    except (OSError, TypeError):
        return None
