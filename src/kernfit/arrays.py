"""The one place where input is coerced and checked, by parameter name.

Everything below the public functions trusts the arrays that pass through here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernfit.errors import InvalidInput

Array = NDArray[Any]


def as_numbers(value: ArrayLike, name: str) -> Array:
    """Return `value` as an array of numbers, without copying one that already is.

    Parameters
    ----------
    value : array_like
        Booleans, integers, floating or complex numbers.
    name : str
        The parameter's name, for the error.

    Returns
    -------
    ndarray
        The same memory when `value` was an array.

    Raises
    ------
    InvalidInput
        If the rows are ragged or the elements are not numbers.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"{name} must be a rectangular array of numbers, got rows of unequal length or mixed "
            "content: give rows of equal length"
        ) from error
    if isinstance(value, np.ma.MaskedArray):
        raise InvalidInput(
            f"{name} must be a plain array, got a masked array: give {name}.filled(numpy.nan) "
            "or pass the mask separately"
        )
    if array.dtype.kind not in "biufc":
        raise InvalidInput(f"{name} must hold numbers, got dtype {array.dtype}: convert it first")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def as_image(value: ArrayLike, name: str = "image") -> Array:
    """Return `value` as an image: numbers, at least two axes, rows and columns last."""
    image = as_numbers(value, name)
    if image.ndim < 2:
        raise InvalidInput(
            f"{name} must have at least 2 axes (..., rows, columns), got shape {image.shape}: "
            "add an axis, for example image[None, :]"
        )
    return image


def as_planes(value: ArrayLike, name: str) -> Array:
    """Return an image as real planes (channels, rows, columns); leading axes are all channels."""
    image = as_image(value, name)
    if image.dtype.kind == "c":
        raise InvalidInput(f"{name} must be real, got dtype {image.dtype}: learn its parts apart")
    if image.size == 0:
        raise InvalidInput(f"{name} must have at least one pixel, got shape {image.shape}")
    return image.reshape(-1, *image.shape[-2:])


def as_taps(value: ArrayLike, name: str = "kernel") -> Array:
    """Return `value` as the taps of one kernel: numbers, exactly two axes, at least one tap."""
    taps = as_numbers(value, name)
    if taps.ndim != 2 or taps.size == 0:
        raise InvalidInput(
            f"{name} must have 2 axes (rows, columns) and at least one tap, "
            f"got shape {taps.shape}: give for example [[1, -1]]"
        )
    return taps


def as_pair_of_ints(
    value: int | Sequence[int], name: str, *, least: int | None = None
) -> tuple[int, int]:
    """Return `value`, an integer or a (rows, columns) pair, as a pair of Python integers.

    Parameters
    ----------
    value : int or pair of int
        One number stands for both axes.
    name : str
        The parameter's name, for the error.
    least : int, optional
        The smallest value allowed.

    Returns
    -------
    tuple of int
        (rows, columns).

    Raises
    ------
    InvalidInput
        If there are not one or two integers, or one of them is below `least`.
    """
    try:
        items = [value, value] if np.ndim(value) == 0 else list(value)  # type: ignore[arg-type]
        first, second = (_as_int(item) for item in items)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} must be an integer or a (rows, columns) pair of integers, got {value!r}"
        ) from None
    if least is not None and min(first, second) < least:
        raise InvalidInput(f"{name} must be at least {least}, got {(first, second)}")
    return first, second


def as_mask(value: ArrayLike, shape: tuple[int, ...], name: str = "mask") -> NDArray[np.bool_]:
    """Return `value` as a boolean array of exactly `shape`; True marks a pixel to use."""
    mask = np.asarray(value)
    if mask.dtype != np.bool_:
        raise InvalidInput(
            f"{name} must be boolean (True: use this pixel), got dtype {mask.dtype}: "
            "compare first, for example mask > 0"
        )
    if mask.shape != shape:
        raise InvalidInput(f"{name} must have shape {shape}, got {mask.shape}")
    return mask


def as_probability(value: float) -> float:
    """Return the probability of an interval, or refuse a number that is none."""
    if not 0 < value < 1:
        raise InvalidInput(f"probability must be between 0 and 1, got {value}")
    return float(value)


def one_of(value: str, allowed: Iterable[str], name: str) -> str:
    """Return `value` if it is one of the `allowed` words, else say which there are."""
    words = tuple(allowed)
    if value not in words:
        raise InvalidInput(f"{name} must be one of {', '.join(words)}, got {value!r}")
    return value


def _as_int(value: Any) -> int:
    """Accept Python and NumPy integers, refuse booleans and fractions."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError
    return int(value)


def finite_and_frozen(value: ArrayLike, name: str) -> Array:
    """Return a read-only copy as int64 or float64, refusing what is not finite.

    Parameters
    ----------
    value : array_like
    name : str
        Of the parameter, for errors.

    Returns
    -------
    ndarray

    Raises
    ------
    InvalidInput
        If a number is complex, NaN or infinite.
    """
    array = as_numbers(value, name)
    if array.dtype.kind == "c":
        raise InvalidInput(
            f"{name} must be real, got dtype {array.dtype}: use correlate2d directly"
        )
    exact = array.dtype.kind in "bi" or (array.dtype.kind == "u" and array.max(initial=0) < 2**63)
    frozen = array.astype(np.int64 if exact else np.float64)
    if not np.isfinite(frozen).all():
        raise InvalidInput(f"{name} must be finite, got NaN or infinity")
    frozen.flags.writeable = False
    return frozen


def taps_between(shape: Sequence[int], output: int, source: int) -> slice:
    """Return which of an output channel's weights, in order, belong to one input channel.

    Parameters
    ----------
    shape : (out, in, kh, kw)
        Of the kernel.
    output, source : int
        Channels.

    Returns
    -------
    slice

    Raises
    ------
    InvalidInput
        If there is no such channel.
    """
    outputs, sources, rows, columns = shape
    if not (0 <= output < outputs and 0 <= source < sources):
        raise InvalidInput(
            f"output and source must be channels of a kernel with {outputs} out and "
            f"{sources} in, got {output} and {source}"
        )
    return slice(source * rows * columns, (source + 1) * rows * columns)
