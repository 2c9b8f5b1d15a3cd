"""Many channels as matrix products, of patches laid out in bounded scratch memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import ThreadpoolController

from kernfit.arrays import Array

Pair = tuple[int, int]

_PATCHES = 1 << 20  # bytes, to stay in the second-level cache

_lock = threading.Lock()
_users = 0
_limit: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Blas:
    """One matrix product for each group and piece of the outputs."""

    weights: Array  # (groups, out / groups, in / groups, kh, kw), floating
    stride: Pair
    dilation: Pair

    def __call__(self, source: Array, sums: Array) -> None:
        """Write the correlation of the planes of `source` into those of `sums`."""
        height, width = sums.shape[1:]
        if not sums.size:
            return
        groups, outputs, inputs, *size = self.weights.shape
        depth = inputs * size[0] * size[1]
        room = max(_PATCHES // (depth * source.itemsize), 1)
        wide = min(width, room)
        high = min(height, max(room // wide, 1))
        matrices = self.weights.reshape(groups, outputs, depth)
        scratch = np.empty(depth * high * wide, self.weights.dtype)
        for i in range(0, height, high):
            for j in range(0, width, wide):
                target = sums[:, i : i + high, j : j + wide]
                shape = target.shape[1:]
                patches = scratch[: depth * shape[0] * shape[1]]
                for g in range(groups):
                    window = source[g * inputs : (g + 1) * inputs]
                    window = window[:, i * self.stride[0] :, j * self.stride[1] :]
                    self._lay_out(window, patches.reshape(inputs, *size, *shape))
                    with one_blas_thread():
                        product = matrices[g] @ patches.reshape(depth, -1)
                    target[g * outputs : (g + 1) * outputs] = product.reshape(outputs, *shape)

    def _lay_out(self, source: Array, patches: Array) -> None:
        """Copy the pixel under each tap (axes 1 and 2) for each output (axes 3 and 4)."""
        plane, row, column = source.strides
        steps = (row * self.dilation[0], column * self.dilation[1])
        moves = (row * self.stride[0], column * self.stride[1])
        # Every window of these outputs lies within `source`: the caller has gathered it so.
        np.copyto(patches, as_strided(source, patches.shape, (plane, *steps, *moves)))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep matrix products to the calling thread, until the last caller has left.

    The strips are shared out already, and the threads of a library that wait for work, spinning,
    keep those from the cores that have some.
    """
    global _users, _limit
    with _lock:
        _users += 1
        if _users == 1:
            _limit = _controller().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()


def _forget() -> None:
    """Begin anew in a forked child, where whoever held the lock does not exist."""
    global _lock, _users
    _lock, _users = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@cache
def _controller() -> ThreadpoolController:
    # To look for libraries takes a millisecond.
    return ThreadpoolController()
