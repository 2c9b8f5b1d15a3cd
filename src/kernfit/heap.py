"""Freed memory given back to the system."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from functools import cache

import numpy as np

from kernfit.arrays import Array


def give_back(*mapped: Array) -> None:
    """Return memory to the system that long work with large arrays no longer uses.

    The allocator of glibc keeps freed arrays of up to 32 MiB, one heap for each thread, and over
    many tiles the gaps between them grow. Pages of mapped files stay as well, until there is no
    room. Elsewhere this does nothing.

    Parameters
    ----------
    *mapped : ndarray
        Those that are mapped files, and flushed if they were written, are read again when needed.
    """
    trim = _trim()
    if trim is not None:
        trim(0)
    for array in mapped:
        # A copy-on-write mapping ("c") would lose what was written into it.
        shared = isinstance(array, np.memmap) and array.mode != "c"
        file = getattr(array, "_mmap", None) if shared else None
        if file is not None and hasattr(mmap, "MADV_DONTNEED"):
            file.madvise(mmap.MADV_DONTNEED)


@cache
def _trim() -> Callable[[int], int] | None:
    """Return glibc's function, or None on any other system."""
    if not sys.platform.startswith("linux"):
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
