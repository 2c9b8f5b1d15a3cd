"""The two gradients of a correlation: what it sends back to its image and to its kernel.

A correlation is linear in each of its two arguments; the gradients are the adjoints. With
``y = correlate2d(x, k)`` and any g of the shape of y, ``sum(g * y)`` equals both
``sum(x * image_gradient(g, k, x.shape))`` and ``sum(k * kernel_gradient(x, g, k.shape))``, if
nothing constant stands outside the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_image, as_pair_of_ints, as_taps
from kernfit.correlate.axes import Axis, axes_of
from kernfit.correlate.boundary import gather
from kernfit.correlate.options import Options
from kernfit.correlate.planner import plan_for
from kernfit.correlate.room import require_memory
from kernfit.correlate.taps import taps_of
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel

_STRIP_ROWS = 256


def image_gradient(
    gradient: ArrayLike,
    kernel: ArrayLike | Kernel,
    image_shape: Sequence[int],
    *,
    mode: str = "valid",
    boundary: str | Sequence[str] = "constant",
    padding: Any = None,
    anchor: tuple[int, int] | None = None,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    method: str = "auto",
    threads: int | None = None,
) -> Array:
    """Return the gradient of a correlation with respect to its image.

    ``dx[p, q]`` is the sum of ``g[i, j] * k[a, b]`` over all windows i, j and taps a, b that meet
    the pixel p, q or a copy of it beyond the boundary; complex kernels are conjugated.

    Parameters
    ----------
    gradient : array_like, shape (..., H', W')
        The gradient with respect to the result.
    kernel : array_like, shape (kh, kw), or Kernel
        What the image was correlated with; one input and one output channel.
    image_shape : (..., H, W)
        Of the image.
    mode, boundary, padding, anchor, stride, dilation, method, threads
        As for `correlate2d`.

    Returns
    -------
    ndarray, shape (..., H, W)
        Of the dtype of ``correlate2d(gradient, kernel)``. Besides it, memory for two padded
        gradients is taken.

    Raises
    ------
    InvalidInput
        If `gradient` does not have the shape of the result, or as for `correlate2d`.

    See Also
    --------
    kernel_gradient : With respect to the kernel.
    conv2d : The forward pass.

    Examples
    --------
    >>> image_gradient([[1, 10]], [[1, -1]], (1, 3))
    array([[  1,   9, -10]])
    """
    g = as_image(gradient, "gradient")
    if isinstance(kernel, Kernel):
        anchor = kernel.anchor if anchor is None else anchor
        kernel = kernel.taps.tolist()  # a list adapts to the gradient's dtype, as a Kernel does
    taps = as_taps(cast(ArrayLike, kernel))
    rows, columns = _geometry(
        tuple(image_shape), taps.shape, g, mode=mode, boundary=boundary, padding=padding,
        anchor=anchor, stride=stride, dilation=dilation,
    )  # fmt: skip
    back = np.conj(taps[::-1, ::-1])
    wide = _stuffed(g, rows, columns)
    plan = plan_for(
        wide.shape,
        wide.dtype,
        taps_of(back if isinstance(kernel, np.ndarray) else back.tolist()),
        Options(mode="full", dilation=dilation, method=method, threads=threads),
    )
    return _folded(plan.run(wide, None, None), rows, columns)


def kernel_gradient(
    image: ArrayLike,
    gradient: ArrayLike,
    kernel_shape: Sequence[int],
    *,
    mode: str = "valid",
    boundary: str | Sequence[str] = "constant",
    fill_value: complex = 0,
    padding: Any = None,
    anchor: tuple[int, int] | None = None,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    threads: int = 1,
) -> Array:
    """Return the gradient of a correlation with respect to its kernel.

    ``dk[a, b] = sum over i, j of g[i, j] * x[i * s + a * d, j * t + b * e]``, x being the padded
    image; complex images are conjugated.

    Parameters
    ----------
    image : array_like, shape (..., H, W)
        What was correlated.
    gradient : array_like, shape (..., H', W')
        The gradient with respect to the result.
    kernel_shape : (kh, kw)
        Of the kernel.
    mode, boundary, fill_value, padding, anchor, stride, dilation
        As they were for `correlate2d`.
    threads : int, default 1
        How many threads may work.

    Returns
    -------
    ndarray, shape (kh, kw)
        Summed over all planes, in float64 or complex128.

    Raises
    ------
    InvalidInput
        If `gradient` does not have the shape of the result, or as for `correlate2d`.

    See Also
    --------
    image_gradient : With respect to the image.
    conv2d : The forward pass.

    Examples
    --------
    >>> kernel_gradient([[1, 2, 4]], [[1, 10]], (1, 2))
    array([[21., 42.]])
    """
    x, g = as_image(image), as_image(gradient, "gradient")
    size = as_pair_of_ints(kernel_shape, "kernel_shape", least=1)
    rows, columns = _geometry(
        x.shape, size, g, mode=mode, boundary=boundary, padding=padding, anchor=anchor,
        stride=stride, dilation=dilation,
    )  # fmt: skip
    dtype = np.result_type(x, g, np.float64)
    total = np.zeros(size, np.complex128 if dtype.kind == "c" else np.float64)
    if g.size == 0:
        return total
    for plane in np.ndindex(x.shape[:-2]):
        for first in range(0, rows.outputs, _STRIP_ROWS):
            stop = min(first + _STRIP_ROWS, rows.outputs)
            top, bottom = rows.window(first, stop)
            left, right = columns.window(0, columns.outputs)
            window = np.empty((bottom - top, right - left), total.dtype)
            gather(x[plane], rows, columns, fill_value, (top, left), window)
            total += _strip(window, g[plane][first:stop], rows, columns, threads)
    return total


def _stuffed(gradient: Array, rows: Axis, columns: Axis) -> Array:
    """Return the gradient with zeros between the outputs of a stride."""
    *batch, height, width = gradient.shape
    shape = max((height - 1) * rows.stride + 1, 0), max((width - 1) * columns.stride + 1, 0)
    wide = np.zeros((*batch, *shape), gradient.dtype)
    wide[..., :: rows.stride, :: columns.stride] = gradient
    return wide


def _folded(padded: Array, rows: Axis, columns: Axis) -> Array:
    """Add what belongs to pixels outside the image to those that stood there: a pad undone.

    Parameters
    ----------
    padded : ndarray, shape (..., up to H + top + bottom, up to W + left + right)
        The gradient of the padded image; what is not there is zero.
    """
    for axis, along in ((-2, rows), (-1, columns)):
        moved = np.moveaxis(padded, axis, 0)
        source = along.sources(-along.before, -along.before + len(moved))
        result = np.zeros((along.size, *moved.shape[1:]), padded.dtype)
        middle = moved[along.before : along.before + along.size]
        result[: len(middle)] = middle
        margin = np.ones(len(moved), np.bool_)
        margin[along.before : along.before + along.size] = False
        margin &= source >= 0
        np.add.at(result, source[margin], moved[margin])
        padded = np.moveaxis(result, 0, axis)
    return np.ascontiguousarray(padded)


def _geometry(
    shape: tuple[int, ...], size: tuple[int, int], gradient: Array, **options: Any
) -> tuple[Axis, Axis]:
    """Return the axes of the correlation, whose outputs must be those of the gradient.

    Raises
    ------
    InvalidInput
        If they are not.
    """
    rows, columns = axes_of(shape, size, **options)
    require_memory(rows, columns, 1, gradient.itemsize)
    expected = (*shape[:-2], rows.outputs, columns.outputs)
    if gradient.shape != expected:
        raise InvalidInput(
            f"gradient must have the shape of the correlation's result, {expected}, got "
            f"{gradient.shape}"
        )
    return rows, columns


def _strip(window: Array, gradient: Array, rows: Axis, columns: Axis, threads: int) -> Array:
    """Return the gradient from one strip of outputs and the pixels under them."""
    if window.dtype.kind == "f" and np.isfinite(window).all() and np.isfinite(gradient).all():
        from kernfit.correlate.lags.sums import (
            lag_products,  # only where it is used: it loads Numba
        )

        lags = lag_products(
            _stuffed(gradient, rows, columns),
            window,
            rows.extent,
            (0, columns.extent - 1),
            threads=threads,
        )
        return lags[:: rows.dilation, :: columns.dilation]
    # NaN and infinity must stay with the taps that meet them: no zeros may be added around.
    result = np.empty((rows.taps, columns.taps), window.dtype)
    height, width = gradient.shape
    with np.errstate(invalid="ignore"):
        for a, b in np.ndindex(result.shape):
            top, left = a * rows.dilation, b * columns.dilation
            under = window[
                top : top + (height - 1) * rows.stride + 1 : rows.stride,
                left : left + (width - 1) * columns.stride + 1 : columns.stride,
            ]
            result[a, b] = (under.conj() * gradient).sum()
    return result
