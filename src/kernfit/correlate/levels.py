"""From floating-point sums to whole levels that are those of the exact sums, correctly rounded."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.dtypes import Dtype, range_of

Pair = tuple[int, int]

_BITS = 126  # of the exact sums, besides their sign
_ROOM = {4: 2.0**21, 8: 2.0**50}  # by the bytes of a sum: beyond it the fast rounding fails
_EXACT = 64  # where the exact numbers begin in the data of `finishing.py`


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """How sums of one kernel become whole levels.

    Attributes
    ----------
    taps : tuple of tuple of Fraction
        Exactly.
    bias : Fraction
    data : ndarray of uint8
        What compiled code knows of it.
    sums, level : numpy.dtype
    overflow : {"raise", "saturate"}
    stride, dilation : (rows, columns)
    """

    taps: tuple[tuple[Fraction, ...], ...]
    bias: Fraction
    data: Array
    sums: Dtype
    level: Dtype
    overflow: str
    stride: Pair
    dilation: Pair

    def finish(self, source: Array, sums: Array, out: Array) -> bool:
        """Write the levels into `out`; return whether all of them fit.

        Parameters
        ----------
        source : ndarray
            The pixels that the sums are of, whose first lies under the first tap of the first one.
        sums : ndarray, shape (h, w)
            Without the bias.
        out : ndarray, shape (h, w)
        """
        if not out.size:
            return True
        target = out
        if out.strides[1] != out.itemsize:
            target = np.empty(out.shape, out.dtype)
        data = self.data.copy()  # flags are raised in it
        down, right = source.strides
        _compiled(self.sums, self.level)(
            sums.ctypes.data, sums.strides[0],
            source.ctypes.data, down * self.stride[0], right * self.stride[1],
            down * self.dilation[0], right * self.dilation[1],
            len(self.taps), len(self.taps[0]), data.ctypes.data,
            target.ctypes.data, target.strides[0], *out.shape,
        )  # fmt: skip
        undecided, beyond = data[32:48].view(np.int64)
        if undecided:
            beyond |= self._decide(source, sums, target)
        if target is not out:
            out[...] = target
        return not beyond

    def _decide(self, source: Array, sums: Array, out: Array) -> bool:
        """Sum exactly, in fractions, whatever is near a half; return whether one does not fit."""
        low, high = range_of(self.level)
        rest = sums.astype(np.float64) + float(self.bias)
        doubtful = abs(rest - np.floor(rest) - 0.5) <= 0.5 - float(
            self.data[8 : 8 + self.sums.itemsize].view(self.sums)[0]
        )
        beyond = False
        for i, j in np.argwhere(doubtful):
            window = source[i * self.stride[0] :, j * self.stride[1] :]
            exact = self.bias + sum(
                tap * int(window[a * self.dilation[0], b * self.dilation[1]])
                for a, line in enumerate(self.taps)
                for b, tap in enumerate(line)
                if tap
            )
            level = round(exact)  # half to even
            beyond |= not low <= level <= high
            out[i, j] = min(max(level, low), high)
        return beyond


def levels_for(
    taps: Array, bias: float, pixel: Dtype, sums: Dtype, error: float, overflow: str,
    stride: Pair, dilation: Pair,
) -> Levels | None:  # fmt: skip
    """Return how sums whose error is at most `error`, a bias not counted, become levels.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
        Finite, as they were given.
    bias : float
    pixel : numpy.dtype
        Of the image and of the result: an integer of 8 or 16 bits.
    sums : numpy.dtype
        float32 or float64.
    error : float
        In levels.
    overflow : {"raise", "saturate"}
    stride, dilation : (rows, columns)

    Returns
    -------
    Levels or None
        None where sums may be so large, or so inexact, that this is no way to round them.
    """
    exact = tuple(tuple(map(Fraction, line)) for line in taps.tolist())
    addend = Fraction(bias)
    most = max(abs(n) for n in range_of(pixel))
    size = float(sum(abs(tap) for line in exact for tap in line)) * most + abs(bias)
    if not size < _ROOM[sums.itemsize]:
        return None
    rounding = float(np.finfo(sums).eps) / 2
    near = abs(float(addend - Fraction(float(sums.type(bias)))))
    doubt = 1.01 * (error + near + (rounding * (size + error) if bias else 0.0))
    if doubt > 0.05:
        return None
    numbers = [addend, *(tap for line in exact for tap in line)]
    places = max(max(n.denominator.bit_length() - 1 for n in numbers), 1)
    room = _BITS - max(ceil(size), 1).bit_length() - 1
    shift = min(places, room)
    scaled = [n * 2**shift for n in numbers]
    whole = [round(n) for n in scaled]
    lost = sum(abs(n - m) for n, m in zip(scaled[1:], whole[1:], strict=True)) * most
    lost += abs(scaled[0] - whole[0])
    data = np.zeros(_EXACT + 16 * len(whole), np.uint8)
    data[0 : sums.itemsize].view(sums)[0] = bias
    limit = np.nextafter(sums.type(0.5 - doubt), sums.type(0)) if doubt else sums.type(0.5)
    data[8 : 8 + sums.itemsize].view(sums)[0] = limit
    # Where nothing is lost, no distance from a half is less than -1: then there is no doubt.
    data[16:32].view(np.int64)[:] = shift, ceil(lost) if lost else -1
    data[_EXACT:] = np.frombuffer(
        b"".join(n.to_bytes(16, "little", signed=True) for n in whole), np.uint8
    )
    return Levels(exact, addend, data, sums, pixel, overflow, stride, dilation)


def sums_are_exact(taps: Array, most: int, sums: Dtype) -> bool:
    """Say whether no sum of taps times pixels of at most that magnitude is ever rounded."""
    exact = [Fraction(tap) for tap in taps.ravel().tolist()]
    places = max(tap.denominator for tap in exact)
    return bool(sum(map(abs, exact)) * most * places <= 2 ** (np.finfo(sums).nmant + 1))


@cache
def _compiled(sums: Dtype, level: Dtype) -> Any:
    from kernfit.correlate.vectors.finishing import address_of_finish

    number, pointer = ctypes.c_ssize_t, ctypes.c_void_p
    kinds = (
        pointer, number, pointer, number, number, number, number, number, number, pointer, pointer,
        number, number, number,
    )  # fmt: skip
    return ctypes.CFUNCTYPE(None, *kinds)(address_of_finish(sums, level))
