"""Memory: where it begins, and that of large results, used again or given back to the system."""

from __future__ import annotations

import ctypes
import mmap
import sys
import weakref
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from kernfit.arrays import Array

LARGE = 1 << 25
"""Bytes from which on an array's memory is lent: what is less, glibc keeps itself."""
LINE = 1 << 6
"""Bytes of a line of the cache, and of the widest vectors."""
PAGE = 1 << 12
"""Bytes of a page: to much of a processor, addresses that differ by whole pages are alike."""
_IDLE = 1 << 27  # bytes of memory, at most, that wait for their next use

# By their identity. Threads take and put without a lock, which a forked child might find closed.
_waiting: dict[int, Array] = {}
_lent: dict[int, weakref.ref[Any]] = {}


def empty_in_lines(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an empty array that begins where a line of the cache does.

    NumPy's begin anywhere in it. Vectors of 64 bytes would then all lie in two lines each, which
    takes a quarter of the time of a transform.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype

    Returns
    -------
    ndarray
    """
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + LINE, np.uint8)
    begin = -memory.ctypes.data % LINE
    return memory[begin : begin + size].view(dtype).reshape(shape)


def lend(shape: tuple[int, ...], dtype: np.dtype[Any], *, like: int = 0) -> Array:
    """Return an empty array, in memory that is used again once nobody holds the array or a view.

    Memory from the system is cleared by it, page by page, when it is first written: for 64 MiB that
    takes longer than a 3x3 correlation. So up to 128 MiB of what was lent wait for the next call,
    until `give_back`.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    dtype : numpy.dtype
        Of the array.
    like : int
        An address: that of the array will differ from it by whole pages of 4096 bytes.

    Returns
    -------
    ndarray
    """
    size = prod(shape) * dtype.itemsize
    memory = _take(size)
    if memory is None:
        memory = np.empty(size + PAGE, np.uint8)
    # No array, since arrays hold on to the one whose memory it is, not to those between.
    offset = (like - memory.ctypes.data) % PAGE
    block: Any = (ctypes.c_ubyte * size).from_buffer(memory.data, offset)

    def wait(gone: weakref.ref[Any], memory: Array = memory) -> None:
        _lent.pop(id(gone), None)
        # What came last is the likeliest to be wanted again: it drives out what has waited longest.
        for key in list(_waiting):
            if sum(map(_room, list(_waiting.values()))) + _room(memory) <= _IDLE:
                break
            _waiting.pop(key, None)
        if _room(memory) <= _IDLE:
            _waiting[id(memory)] = memory

    watch = weakref.ref(block, wait)
    _lent[id(watch)] = watch
    return np.ndarray(shape, dtype, block)


def _take(size: int) -> Array | None:
    """Return memory that waits, if some is large enough and not much too large."""
    for key, memory in list(_waiting.items()):
        # Another thread may be quicker.
        if size <= _room(memory) <= 2 * size and _waiting.pop(key, None) is not None:
            return memory
    return None


def _room(memory: Array) -> int:
    """Return how many bytes of an array there is room for, at any address."""
    return len(memory) - PAGE


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
    _waiting.clear()
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
