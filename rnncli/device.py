"""What the machine has: devices, threads, memory, fast precisions. No torch until CUDA or MPS is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from rnncli.choices import Arithmetic, Device
from rnncli.errors import DeviceError

DeviceKind = Literal["cpu", "cuda", "mps"]

TENSOR_CORES = (7, 0)
"""CUDA's compute capability from which a GPU multiplies float16 in hardware (Volta)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The device a run uses. ``memory`` is what may be used of it, in bytes."""

    kind: DeviceKind
    name: str
    threads: int
    memory: int
    fast_bf16: bool
    """Matrix products in bfloat16 are faster than in float32."""
    fast_fp16: bool = False
    """The same of float16: a GPU with tensor cores, whose fastest recurrent kernels are for float16 alone."""


class Launched(NamedTuple):
    """Which of how many processes of one run this is, and which of those on this machine: torchrun tells."""

    rank: int = 0
    world: int = 1
    here: int = 0
    of_here: int = 1


def launched() -> Launched:
    """What torchrun tells in the environment; without it this process is alone."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    try:
        found = Launched(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError):
        return Launched()
    return found if 0 <= found.rank < found.world and 0 <= found.here < found.of_here else Launched()


def find_machine(device: Device = "auto", threads: int | None = None) -> Machine:
    """The device asked for, or the best there is; a DeviceError where it is not there."""
    cores = usable_cores()
    if threads is not None and not 1 <= threads <= 1024:
        raise DeviceError(f"--threads must be 1 to 1024; got {threads}")
    count = threads or max(1, cores // launched().of_here)
    if device in ("cuda", "mps") or (device == "auto" and may_have_gpu()):
        found = _gpu(device, count)
        if found is not None:
            return found
        if device != "auto":
            raise DeviceError(f"no {device} device is there", hint="Leave --device out, or say --device cpu.")
    return Machine(
        kind="cpu", name=_cpu_name(), threads=count, memory=available_memory(), fast_bf16=cpu_has_fast_bf16()
    )


def usable_cores() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def may_have_gpu() -> bool:
    """Whether it is worth importing torch to ask: a look at the file system only."""
    return Path("/proc/driver/nvidia/version").exists() or bool(os.environ.get("CUDA_VISIBLE_DEVICES"))


def _gpu(device: Device, threads: int) -> Machine | None:
    import torch

    if device in ("auto", "cuda") and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        fp16 = torch.cuda.get_device_capability() >= TENSOR_CORES
        name = torch.cuda.get_device_name()
        return Machine(kind="cuda", name=name, threads=threads, memory=free, fast_bf16=bf16, fast_fp16=fp16)
    if device == "mps" and torch.backends.mps.is_available():
        return Machine(kind="mps", name="Apple GPU", threads=threads, memory=available_memory(), fast_bf16=False)
    return None


def available_memory() -> int:
    """Bytes that can be taken without swapping: the machine's, or what a container or ulimit leaves."""
    limits = [_meminfo("MemAvailable"), _cgroup_left()]
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits.append(soft if soft != resource.RLIM_INFINITY else None)
    except (ImportError, OSError):
        pass
    known = [limit for limit in limits if limit]
    return min(known) if known else 2 << 30


def _meminfo(key: str) -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return None


CGROUP = Path("/sys/fs/cgroup")


def _cgroup_left() -> int | None:
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        return None if limit == "max" else max(1, int(limit) - used + _cgroup_cache())
    except (OSError, ValueError):
        return None


def _cgroup_cache() -> int:
    """What files that were read fill of a container's memory, and give back when it is needed."""
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0]
    except OSError:
        return ""


def _cpu_name() -> str:
    for line in _cpuinfo().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "CPU"


def cpu_has_fast_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    words = set(_cpuinfo().split())
    return bool(words & {"amx_bf16", "avx512_bf16"})


def choose_precision(wanted: Arithmetic, machine: Machine) -> Literal["fp32", "bf16", "fp16"]:
    """``auto`` resolved. fp16 is for CUDA only: elsewhere it is slower or has no range."""
    if wanted == "fp16" and machine.kind != "cuda":
        raise DeviceError(f"--precision fp16 needs a CUDA device, not {machine.kind}", hint="Use bf16 or fp32.")
    if wanted == "auto":
        return "fp16" if machine.fast_fp16 else "bf16" if machine.fast_bf16 else "fp32"
    return wanted
