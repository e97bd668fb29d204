"""A small disk of one's own, a user without rights: what a process can be given by the Linux kernel, without a file
system that others see."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
PRIVATE, RECURSIVE, REMOUNT = 1 << 18, 1 << 14, 32
DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER = 1, 2, 3
"""Capabilities by which root may do what permissions forbid."""
CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def own_mounts() -> bool:
    """Give this process a mount namespace of its own; False where that is not allowed."""
    user, group = os.getuid(), os.getgid()
    try:
        if _libc.unshare(NEW_MOUNTS):
            if _libc.unshare(NEW_MOUNTS | NEW_USER):
                return False
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        mount("none", Path("/"), "", PRIVATE | RECURSIVE)
        return True
    except OSError:
        return False


def mount(what: str, where: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2); an OSError where it fails."""
    if _libc.mount(what.encode(), os.fsencode(where), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(where))


def small_disk(where: Path, size: int) -> None:
    """Mount an empty disk of so many bytes."""
    mount("tmpfs", where, "tmpfs", options=f"size={size}")


def resize(where: Path, size: int) -> None:
    """Make such a disk another size."""
    mount("tmpfs", where, "tmpfs", REMOUNT, f"size={size}")


def unmount(where: Path) -> None:
    """Take a disk away."""
    _libc.umount2(os.fsencode(where), 2)


def without_rights() -> None:
    """Have permissions bind this process, even where it is root."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()
    if _libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget")
    for capability in (DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER):
        data[0] &= ~(1 << capability)
    if _libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")
