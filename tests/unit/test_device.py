"""What the machine has, where a test can say what it has."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from rnncli import device
from rnncli.device import available_memory, choose_precision, cpu_has_fast_bf16, find_machine
from rnncli.errors import DeviceError
from tests.nets import MACHINE


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_a_cpu_is_always_there() -> None:
    for wanted in ("auto", "cpu"):
        kind: Any = wanted
        machine = find_machine(kind)
        assert machine.kind == "cpu"
        assert machine.name
        assert machine.threads == device.usable_cores() >= 1
        assert machine.memory > 1 << 20
    assert find_machine("cpu", 3).threads == 3


@pytest.mark.parametrize("wanted", ["cuda", "mps"])
def test_a_device_that_is_not_there(wanted: Any) -> None:
    with pytest.raises(DeviceError, match=f"no {wanted} device") as caught:
        find_machine(wanted)
    assert caught.value.hint


def test_a_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "may_have_gpu", lambda: True)
    assert find_machine("auto").kind == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (7 << 30, 8 << 30))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Big One")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    for wanted in ("auto", "cuda"):
        kind: Any = wanted
        machine = find_machine(kind, 2)
        assert (machine.kind, machine.name, machine.memory) == ("cuda", "Big One", 7 << 30)
        assert (machine.fast_bf16, machine.fast_fp16) == (True, True)
    assert find_machine("cpu").kind == "cpu"


@pytest.mark.parametrize("threads", [0, -1, 1025])
def test_threads_have_bounds(threads: int) -> None:
    with pytest.raises(DeviceError, match="--threads"):
        find_machine("cpu", threads)


def test_auto_precision_is_the_fast_one() -> None:
    slow, fast = MACHINE, dataclasses.replace(MACHINE, fast_bf16=True)
    gpu = dataclasses.replace(fast, kind="cuda", fast_fp16=True)
    assert [choose_precision("auto", m) for m in (slow, fast, gpu)] == ["fp32", "bf16", "fp16"]
    assert [choose_precision("fp32", m) for m in (slow, fast, gpu)] == ["fp32"] * 3
    assert [choose_precision("bf16", m) for m in (slow, fast, gpu)] == ["bf16"] * 3
    assert choose_precision("fp16", gpu) == "fp16"
    with pytest.raises(DeviceError, match="fp16"):
        choose_precision("fp16", fast)


@pytest.mark.parametrize(("flags", "fast"), [("sse2 avx512f", False), ("avx512_bf16 x", True), ("x amx_bf16", True)])
def test_the_processors_flags_tell(monkeypatch: pytest.MonkeyPatch, flags: str, fast: bool) -> None:
    monkeypatch.setattr(device, "_cpuinfo", lambda: f"model name\t: Some CPU: 3 GHz\nflags\t\t: {flags}")
    assert cpu_has_fast_bf16() == fast
    assert find_machine("cpu").name == "Some CPU: 3 GHz"


def test_memory_is_the_least_of_all_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device, "CGROUP", tmp_path)
    monkeypatch.setattr(device, "_meminfo", lambda key: 8000)
    monkeypatch.setattr("resource.getrlimit", lambda kind: (-1, -1))
    assert available_memory() == 8000
    # A container's limit; what its page cache holds can be had back.
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 600\nfile 2400\ninactive_file 2000\nactive_file 400\n")
    assert available_memory() == 4000
    (tmp_path / "memory.stat").unlink()
    assert available_memory() == 2000
    (tmp_path / "memory.current").write_text("9000\n")
    assert available_memory() == 1
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory() == 8000
    monkeypatch.setattr("resource.getrlimit", lambda kind: (700, -1))
    assert available_memory() == 700


def test_where_nothing_is_known_two_gigabytes_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_meminfo", lambda key: None)
    monkeypatch.setattr(device, "_cgroup_left", lambda: None)
    monkeypatch.setattr("resource.getrlimit", lambda kind: (-1, -1))
    assert available_memory() == 2 << 30


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 6}, raising=False)
    assert device.usable_cores() == 3
    assert find_machine("cpu").threads == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    assert device.usable_cores() == 9
