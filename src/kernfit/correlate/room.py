"""Whether there is memory for what a correlation asks for, before any of it is taken."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from math import prod
from pathlib import Path

from kernfit.correlate.axes import Axis
from kernfit.errors import InvalidInput

_NARROW = 64  # outputs of a row of the smallest tile


def require_memory(
    rows: Axis, columns: Axis, planes: int, itemsize: int, *, whole: int = 0
) -> None:
    """Refuse a geometry whose result, or the pixels behind a single row of it, fit no memory.

    Parameters
    ----------
    rows, columns : Axis
        Where there is any output at all.
    planes : int
        Of the result, in all.
    itemsize : int
        Bytes of a number of the result or of a pixel, whichever has more.
    whole : int
        How many planes are padded as wholes.

    Raises
    ------
    InvalidInput
        If they do not fit.
    """
    if 0 in (rows.outputs, columns.outputs):
        return
    windows = [stop - start for start, stop in (a.window(0, a.outputs) for a in (rows, columns))]
    tile = rows.extent * (columns.extent + (min(columns.outputs, _NARROW) - 1) * columns.stride)
    numbers = planes * rows.outputs * columns.outputs + tile + whole * prod(windows)
    needed, there = numbers * itemsize + 8 * sum(windows), memory_of_machine()
    if needed > there:
        raise InvalidInput(
            f"padding, stride and dilation must leave a result and windows that fit this machine's "
            f"{_as_text(there)}, got {planes} x {rows.outputs}x{columns.outputs} outputs with "
            f"windows of {rows.extent}x{columns.extent} pixels, {_as_text(needed)} in all: use "
            "smaller ones"
        )


def memory_of_machine() -> int:
    """Return how many bytes this process may have at most, as far as the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return _installed()
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return _installed() if limit == resource.RLIM_INFINITY else min(limit, _installed())


@cache
def _installed() -> int:
    found = [1 << 62]
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        found.append(_installed_on_windows())
    with suppress(OSError, ValueError):  # that of a container
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(n for n in found if n > 0)


def _installed_on_windows() -> int:
    """Return what Windows says, or 0 anywhere else."""
    import ctypes

    if not hasattr(ctypes, "windll"):
        return 0
    kilobytes = ctypes.c_ulonglong()
    ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
    return kilobytes.value << 10


def _as_text(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if count < 1024:
            return f"{count} {unit}"
        count = (count + 1023) // 1024
    return f"{count:.3g} EiB" if count < 1 << 60 else "beyond all measure"
