"""Which dtypes a correlation loads, sums and returns, and when integers stay exact.

Integers are summed modulo 2**16, 2**32 or 2**64: as long as the finished sum fits, what happens to
it on the way does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kernfit.arrays import Array, one_of
from kernfit.errors import InvalidInput, ResultTooLarge

Dtype = np.dtype[Any]

OVERFLOWS = ("raise", "saturate", "wrap")
_INT16, _INT32, _INT64, _UINT64 = (np.dtype(code) for code in ("i2", "i4", "i8", "u8"))
_FLOAT32, _FLOAT64 = np.dtype("f4"), np.dtype("f8")


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of the positive and of the negative taps, and the bias, of each output channel."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    bias: tuple[int, ...]

    def limits(self, low: int, high: int) -> tuple[int, int]:
        """Return the least and the greatest result that pixels from `low` to `high` can give."""
        each = list(zip(self.positive, self.negative, self.bias, strict=True))
        return (
            min(low * p + high * n + b for p, n, b in each),
            max(high * p + low * n + b for p, n, b in each),
        )


@dataclass(frozen=True, slots=True)
class Numbers:
    """The dtypes on the way from the image to the result."""

    load: Dtype  # what pixels are converted to before they are multiplied
    sums: Dtype  # in which products are summed
    exact: Dtype  # how the bits of the sums are read: uint64 sums are kept as int64
    result: Dtype
    overflow: str = "raise"
    check: Sums | None = None  # integers whose range has to be looked at before summing

    @property
    def are_integers(self) -> bool:
        """Whether the sums are integers, and so exact."""
        return self.sums.kind == "i"

    def require_room(self, low: int, high: int) -> None:
        """Refuse pixels from `low` to `high` if their sums might not fit.

        Raises
        ------
        ResultTooLarge
            With the bound that does not fit.
        """
        if self.check is None:
            return
        least, most = self.check.limits(min(low, 0), max(high, 0))
        room = np.iinfo(self.exact)
        if least < room.min or most > room.max:
            raise ResultTooLarge(
                f"the result must lie in {self.exact}'s range, but pixels from {low} to {high} can "
                f"give {least} to {most}: pass dtype=float, or dtype and overflow='wrap'"
            )


def numbers_for(
    image: Dtype,
    taps: Array,
    bias: Array,
    *,
    weak: bool = False,
    missing: bool = False,
    dtype: DTypeLike | None = None,
    overflow: str = "raise",
) -> Numbers:
    """Choose the dtypes.

    Parameters
    ----------
    image : numpy.dtype
        The image's.
    taps : ndarray, shape (out, in, kh, kw)
        The weights.
    bias : ndarray, shape (out,)
        What is added.
    weak : bool
        Whether the weights adapt to the image's dtype, as Python numbers do in NumPy.
    missing : bool
        Whether the result must be able to hold NaN.
    dtype : dtype-like, optional
        Of the result; by default that of a floating image, complex if the taps are; of an integer
        image with floating taps NumPy's choice for both; integers take the smallest of int16,
        int32, int64 and uint64 that holds every possible value.
    overflow : {"raise", "saturate", "wrap"}
        What happens to values that an integer `dtype` cannot hold.

    Returns
    -------
    Numbers
        The choice.

    Raises
    ------
    InvalidInput
        If `overflow` is no such word, or `dtype` is boolean, no number, or real for complex sums.
    """
    one_of(overflow, OVERFLOWS, "overflow")
    image = image.newbyteorder("=")
    wanted = None if dtype is None else as_dtype(dtype)
    integers = image.kind in "biu" and taps.dtype.kind in "biu" and not missing
    if integers and bool((bias == np.rint(bias)).all()):
        numbers = _integer_numbers(image, taps, bias, wanted, overflow)
        if numbers is not None:
            return numbers
    return _floating_numbers(image, taps, weak, wanted, overflow)


def as_dtype(dtype: DTypeLike) -> Dtype:
    """Return the dtype that is wanted of a result."""
    try:
        wanted = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        wanted = np.dtype(bool)
    if wanted.kind not in "iufc":
        raise InvalidInput(f"dtype must be an integer, floating or complex dtype, got {dtype!r}")
    return wanted


def _integer_numbers(
    image: Dtype, taps: Array, bias: Array, wanted: Dtype | None, overflow: str
) -> Numbers | None:
    """Return dtypes that keep integers exact, or None where floats are wanted and needed."""
    sums = _sums_of_taps(taps, bias)
    low, high = range_of(image)
    least, most = sums.limits(low, high)
    exact, check = _smallest(least, most), None
    if exact is None:
        if wanted is not None and wanted.kind in "fc":
            return None
        nonnegative = low == 0 and not any(sums.negative) and min(sums.bias) >= 0
        exact = _UINT64 if nonnegative else _INT64
        check = None if wanted is not None and overflow == "wrap" else sums
    load, total = _working_dtypes(image, exact, taps, sums)
    read = exact if exact == _UINT64 else total
    return Numbers(load, total, read, wanted or exact, overflow, check)


def _working_dtypes(image: Dtype, exact: Dtype, taps: Array, sums: Sums) -> tuple[Dtype, Dtype]:
    """Return those in which pixels are loaded, and sums kept."""
    load = np.dtype("u1") if image.char in "?B" else image
    if exact == _INT16 and load == np.dtype("u1") and _fit(taps, np.dtype("i1")):
        # Sums of two products, without the bias, are kept in 16 bits as well.
        alone = replace(sums, bias=(0,) * len(sums.bias))
        if _smallest(*alone.limits(*range_of(load))) == _INT16:
            return load, _INT16
    fit = load == np.dtype("u2") or _fit(taps, _INT16)
    if exact in (_INT16, _INT32) and load.itemsize <= 2 and fit:
        return _INT16 if load == np.dtype("i1") else load, _INT32
    return _INT64 if load == _UINT64 else load, _INT64


def _fit(taps: Array, narrow: Dtype) -> bool:
    """Whether taps are as narrow as `tap_pairs` wants them."""
    room = np.iinfo(narrow)
    return bool((taps >= room.min).all() and (taps <= room.max).all())


def _smallest(least: int, most: int) -> Dtype | None:
    for candidate in (_INT16, _INT32, _INT64, _UINT64):
        room = np.iinfo(candidate)
        if room.min <= least and most <= room.max:
            return candidate
    return None


def _sums_of_taps(taps: Array, bias: Array) -> Sums:
    wide = safe_integers(taps)
    rows = [np.ravel(row).astype(wide, copy=False) for row in taps]
    return Sums(
        tuple(int(row.sum(where=row > 0, initial=0)) for row in rows),
        tuple(int(row.sum(where=row < 0, initial=0)) for row in rows),
        tuple(int(value) for value in bias.tolist()),
    )


def safe_integers(taps: Array) -> Dtype:
    """Return a dtype in which sums and products of two taps do not overflow."""
    if taps.size and int(taps.min()) > -(2**31) and int(taps.max()) < 2**31:
        return _INT64
    return np.dtype(object)  # Python's own


def _floating_numbers(
    image: Dtype, taps: Array, weak: bool, wanted: Dtype | None, overflow: str
) -> Numbers:
    # Taps adapt to a floating image, whatever they were typed as; integers take the taps' dtype.
    kind = {"f": 0.0, "c": 0j}.get(taps.dtype.kind, 0)
    base = np.result_type(image, kind if weak or image.kind in "fc" else taps.dtype)
    if base.kind in "biu":
        base = _FLOAT64
    total = base
    if wanted is not None and wanted.kind in "fc":
        total = wanted if image.kind in "biu" else np.result_type(base, wanted)
    if total == np.dtype("f2"):
        total = _FLOAT32
    result = wanted or base
    if base.kind == "c" and result.kind != "c":
        raise InvalidInput(
            f"dtype must be complex for complex numbers, got {result}: "
            "correlate the real and imaginary parts on their own"
        )
    load = image if (image, total) == (_FLOAT32, _FLOAT64) else total
    return Numbers(load, total, total, result, overflow)


def largest_of(image: Dtype) -> int:
    """Return the largest magnitude that an integer or boolean dtype holds."""
    low, high = range_of(image)
    return max(-low, high)


def range_of(image: Dtype) -> tuple[int, int]:
    """Return the least and the greatest value that an integer or boolean dtype holds."""
    if image.kind == "b":
        return 0, 1
    return int(np.iinfo(image).min), int(np.iinfo(image).max)


def fill_of(value: complex, image: Dtype, numbers: Numbers) -> object:
    """Return the fill value in the dtype that pixels are loaded in.

    Raises
    ------
    InvalidInput
        If it is no number, or the dtype cannot hold it.
    """
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "biufc":
        raise InvalidInput(f"fill_value must be a number, got {value!r}")
    if not numbers.are_integers:
        if number.dtype.kind == "c" and numbers.load.kind != "c":
            raise InvalidInput(f"fill_value must be real for real images, got {value!r}")
        return number.astype(numbers.load)[()]
    low, high = range_of(image)
    if number.dtype.kind == "c" or not low <= number <= high or number != np.rint(number):
        raise InvalidInput(
            f"fill_value must be an integer from {low} to {high} for an image of {image}, "
            f"got {value!r}: or pass a floating image"
        )
    return number.astype(image).astype(numbers.load)[()]
