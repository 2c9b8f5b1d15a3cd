"""From the dtype of the sums to the dtype of the result: rounding, and what does not fit."""

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import ResultTooLarge


def convert(values: Array, dtype: np.dtype[Any], overflow: str) -> Array:
    """Return `values` in `dtype`.

    Parameters
    ----------
    values : ndarray
        Finished sums.
    dtype : numpy.dtype
        Floating dtypes round to nearest and overflow to infinity. Integer dtypes round half to
        even.
    overflow : {"raise", "saturate", "wrap"}
        What an integer `dtype` does with a value that it cannot hold: refuse, take the nearest
        value that it can hold, or keep the value modulo its range.

    Returns
    -------
    ndarray
        A new array, or `values` where nothing had to be done.

    Raises
    ------
    ResultTooLarge
        If `overflow` is "raise" and a value does not fit; for NaN always, and for infinity unless
        `overflow` is "saturate".
    """
    if dtype.kind in "fc":
        with np.errstate(over="ignore"):
            return values.astype(dtype, copy=False)
    if values.dtype.kind == "f":
        return _float_to_integer(values, dtype, overflow)
    if overflow != "wrap" and values.size:
        room = np.iinfo(dtype)
        low, high = int(values.min()), int(values.max())
        if low < room.min or high > room.max:
            if overflow == "raise":
                raise too_large(low, high, dtype)
            # The limits have to fit the dtype that is clipped, too.
            have = np.iinfo(values.dtype)
            values = values.clip(max(room.min, have.min), min(room.max, have.max))
    return values.astype(dtype, copy=False)


def _float_to_integer(values: Array, dtype: np.dtype[Any], overflow: str) -> Array:
    if np.isnan(values).any():
        raise ResultTooLarge(
            f"the result must be numbers to fit dtype {dtype}, got NaN: leave the missing pixels "
            "out with nan='omit', or pass a floating dtype"
        )
    values = np.rint(values)
    room = np.iinfo(dtype)
    # 2**n is a float of any width; the greatest integer, 2**n - 1, may not be.
    below, above = values < float(room.min), values >= float(room.max + 1)
    if not (below.any() or above.any()):
        return values.astype(dtype)
    if overflow == "raise" or (overflow == "wrap" and np.isinf(values).any()):
        raise too_large(values.min(), values.max(), dtype)
    if overflow == "saturate":
        inside = np.where(below | above, 0, values).astype(dtype)
        inside[below], inside[above] = room.min, room.max
        return inside
    # fmod is exact, and what it leaves fits 64 bits; the integer casts then keep the low bits.
    rest = np.fmod(values, 2.0**room.bits)
    size = np.abs(rest).astype(np.uint64)
    return np.where(rest < 0, ~size + np.uint64(1), size).astype(dtype)


def too_large(low: object, high: object, dtype: np.dtype[Any]) -> ResultTooLarge:
    """Return the error for values from `low` to `high`."""
    room = np.iinfo(dtype)
    return ResultTooLarge(
        f"the result must lie within {room.min} to {room.max} to fit dtype {dtype}, got values "
        f"from {low} to {high}: pass overflow='saturate' or 'wrap', or a wider dtype"
    )
