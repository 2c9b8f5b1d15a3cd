"""Apply a kernel: two-dimensional correlation and its relatives, under one contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from kernfit.arrays import Array, as_image
from kernfit.correlate.axes import pads_of_layer
from kernfit.correlate.definition import corr2d
from kernfit.correlate.elsewhere import correlate_elsewhere
from kernfit.correlate.faces import correlate, each_channel
from kernfit.correlate.gradients import image_gradient, kernel_gradient
from kernfit.correlate.options import Options, options_of
from kernfit.correlate.plan import Plan
from kernfit.correlate.planner import known_plan, plan_for
from kernfit.correlate.taps import check_channels, flipped, taps_of, taps_of_layer
from kernfit.devices import is_elsewhere
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel

__all__ = [
    "Plan",
    "conv2d",
    "convolve2d",
    "corr2d",
    "correlate2d",
    "image_gradient",
    "kernel_gradient",
    "make_plan",
]


def correlate2d(
    image: ArrayLike,
    kernel: ArrayLike | Kernel,
    *,
    mode: str = "valid",
    boundary: str | Sequence[str] = "constant",
    fill_value: complex = 0,
    padding: Any = None,
    anchor: tuple[int, int] | None = None,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    nan: str = "propagate",
    mask: ArrayLike | None = None,
    dtype: DTypeLike | None = None,
    overflow: str = "raise",
    method: str = "auto",
    threads: int | None = None,
    out: Array | None = None,
    channel_axis: int | None = None,
) -> Array:
    """Correlate an image with a kernel.

    ``y[i, j] = sum over a, b of x[i * s + a * d, j * t + b * e] * k[a, b] + bias``, where x is the
    padded image, (s, t) the stride and (d, e) the dilation. Deep learning calls this a
    convolution; nothing is flipped and nothing is conjugated.

    Parameters
    ----------
    image : array_like, shape (..., H, W)
        Booleans, integers, floating or complex numbers, in any memory order. An array of PyTorch,
        CuPy, JAX or any library with the array API stays on its device, and so does the result;
        then `method` is "auto", `out` None, and `threads` is for the library to say.
    kernel : array_like, shape (kh, kw), or Kernel
        The taps. A `Kernel` with one input and one output channel is applied to every plane and
        adds its bias; any other needs an image (..., in, H, W) and gives (..., out, H', W').
    mode : {"valid", "same", "full"}
        The outputs whose window lies within the image (none if the kernel is larger than the
        image); an output for each pixel, with the anchor on it; or all whose window meets the
        image.
    boundary : str or pair of str
        What stands outside the image: "constant" (the fill value), "edge", "reflect", "symmetric"
        or "wrap", as in ``numpy.pad``; a pair gives the rule for rows and the one for columns.
    fill_value : number, default 0
        In the image's unit.
    padding : int or ((top, bottom), (left, right)), optional
        How many pixels to add on each side; takes the place of `mode`.
    anchor : pair of int, optional
        (row, column) of the tap that sits on the output pixel when `mode` is "same". Default: the
        Kernel's own, or ``((kh - 1) // 2, (kw - 1) // 2)``.
    stride, dilation : int or pair of int, default 1
        Pixels between two windows, and between two taps; (rows, columns).
    nan : {"propagate", "omit"}
        A NaN makes every output NaN whose window it lies in, also under a tap of 0, and no other;
        infinities likewise follow ``x * k``. "omit" leaves NaN out and scales the sum of the rest
        by (sum of all taps) / (sum of the valid taps); where that is 0 the output is NaN. The
        fill value counts as valid.
    mask : array_like of bool, shape (..., H, W) or (H, W), optional
        False marks a missing pixel: it counts as NaN. The result is then floating.
    dtype : dtype, optional
        Of the result, and a floating one also of the sums, unless the image's is wider. Default:
        a floating image's own, whatever the dtype of the taps (complex if these are); for integers
        with floating taps NumPy's choice; integers with integer taps take the smallest of int16,
        int32, int64 and uint64 that holds every value that the image's dtype could give. float16
        is summed in float32.
    overflow : {"raise", "saturate", "wrap"}
        For an integer `dtype`: refuse what does not fit, take the nearest value that does, or
        keep the value modulo the range. Floats are rounded half to even first.
    method : {"auto", "direct", "separable", "fourier", "channels", "blas", "definition"}
        How to compute; see `make_plan`.
    threads : int, optional
        How many threads may work. Default: as many as pay. The result does not depend on it.
    out : ndarray, optional
        Where to write, of the result's exact shape and dtype, not overlapping the image.
    channel_axis : int, optional
        Which axis of the image has its channels, -1 for (rows, columns, colours): each is filtered
        by itself, and the result has them on the same axis, also in memory. Rows and columns are
        the last two of the other axes; a kernel that mixes channels has its output channels there.

    Returns
    -------
    ndarray, shape (..., H', W')
        `out` if it was given.

    Raises
    ------
    InvalidInput
        If an argument does not have the form described above; if the image seems to have its
        colours last (three axes, the last of 3 or 4, the others of more than 4; integers or
        floating numbers; a kernel of more than one tap) and `channel_axis` is not given; if
        result or windows are too large for this machine's memory; if both `mode` and `padding` are
        given; if `fill_value` does not fit an integer image; if nan="omit" meets taps that sum to
        zero or are complex; if `dtype` is real for complex sums.
    ResultTooLarge
        If a value does not fit an integer `dtype` (NaN never does), or the sums of 64-bit pixels
        might not fit 64 bits.

    See Also
    --------
    convolve2d : With the kernel flipped.
    conv2d : A layer with many channels.
    make_plan : Which method would run, and why.

    Examples
    --------
    >>> correlate2d([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    array([[19, 25],
           [37, 43]])
    >>> correlate2d([[1, 2, 4]], [[1, -1]], mode="same", boundary="edge")
    array([[-1, -2,  0]])

    A photograph, filtered colour by colour:

    >>> photograph = np.zeros((40, 60, 3), np.uint8)
    >>> correlate2d(photograph, [[1, -1]], channel_axis=-1).shape
    (40, 59, 3)
    """
    options = options_of(
        mode, boundary, fill_value, padding, anchor, stride, dilation, nan, mask is not None, dtype,
        overflow, method, threads,
    )  # fmt: skip
    if channel_axis is not None:
        return each_channel(image, channel_axis, kernel, options, mask, out)
    if type(image) is type(kernel) is np.ndarray and mask is None:
        plan = known_plan(image.shape, image.dtype, kernel, options)
        if plan is not None:
            return plan.run(image, None, out)
    return correlate(image, kernel, options, mask, out)


def convolve2d(
    image: ArrayLike,
    kernel: ArrayLike | Kernel,
    *,
    anchor: tuple[int, int] | None = None,
    **options: Any,
) -> Array:
    """Convolve an image with a kernel: correlate it with the kernel flipped in both axes.

    ``full[i, j] = sum over a, b of x[i - a, j - b] * k[a, b]``.

    Parameters
    ----------
    image : array_like, shape (..., H, W)
        As for `correlate2d`.
    kernel : array_like, shape (kh, kw), or Kernel
        As the mathematician writes it: it is flipped here.
    anchor : pair of int, optional
        (row, column), in `kernel` as it is given, of the tap that sits on the output pixel.
        Default: the Kernel's own, or ``((kh - 1) // 2, (kw - 1) // 2)``, which in mode "same" is
        what ``scipy.signal.convolve2d`` does.
    **options
        All others are those of `correlate2d`.

    Returns
    -------
    ndarray, shape (..., H', W')
        As for `correlate2d`.

    Raises
    ------
    InvalidInput
        As for `correlate2d`.
    ResultTooLarge
        As for `correlate2d`.

    See Also
    --------
    correlate2d : Without the flip.

    Examples
    --------
    >>> convolve2d([[0, 1, 0, 0]], [[1, 2, 3]], mode="full")
    array([[0, 1, 2, 3, 0, 0]])
    """
    kernel, anchor = flipped(kernel, anchor)
    return correlate2d(image, kernel, anchor=anchor, **options)


def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    boundary: str | Sequence[str] = "constant",
    threads: int | None = None,
) -> Array:
    """Apply a convolutional layer, with the argument names of ``torch.nn.functional.conv2d``.

    ``y[n, o] = bias[o] + sum over c of correlate2d(x[n, c], weight[o, c])``; with groups, output
    channels see only the input channels of their own group.

    Parameters
    ----------
    input : array_like, shape (N, C, H, W) or (C, H, W)
        The images.
    weight : array_like, shape (out, C / groups, kh, kw)
        The taps; nothing is flipped.
    bias : array_like, shape (out,), optional
        Added to each output channel.
    stride, dilation : int or pair of int, default 1
        Pixels between two windows, and between two taps; (rows, columns).
    padding : int, pair of int, ((top, bottom), (left, right)), "same" or "valid", default 0
        How many pixels to add. "same" adds ``dilation * (k - 1)`` in all, the odd one at the
        bottom and right, and needs a stride of 1.
    groups : int, default 1
        Into how many groups the channels are split; C for a depthwise layer.
    boundary : str or pair of str
        What stands outside: zero by default, or as for `correlate2d`.
    threads : int, optional
        How many threads may work. The result does not depend on it.

    Returns
    -------
    ndarray, shape (N, out, H', W') or (out, H', W')
        Its dtype is that of floating images; integers are exact, as for `correlate2d`.

    Raises
    ------
    InvalidInput
        If shapes, channels and groups do not fit together, or an option is not one of those
        described; if padding="same" meets a stride.
    ResultTooLarge
        If the sums of 64-bit integers might not fit 64 bits.

    See Also
    --------
    correlate2d : One kernel over all channels alike.
    image_gradient, kernel_gradient : Its backward pass.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> conv2d(x, [[[[0.0, 1.0], [2.0, 3.0]]]], bias=[1.0])
    array([[[[20., 26.],
             [38., 44.]]]])
    """
    elsewhere = is_elsewhere(input)
    image: Any = input if elsewhere else as_image(input, "input")
    if image.ndim not in (3, 4):
        raise InvalidInput(
            "input must have shape (N, channels, rows, columns) or (channels, rows, columns), got "
            f"{tuple(image.shape)}"
        )
    taps = taps_of_layer(weight, bias, groups)
    check_channels(image.shape, taps, "input")
    pads = pads_of_layer(padding, taps.size, stride, dilation)
    options = Options(
        padding=pads, boundary=boundary, stride=stride, dilation=dilation, threads=threads
    )
    if elsewhere:
        return correlate_elsewhere(image, taps, options)  # type: ignore[no-any-return]
    plan = plan_for(image.shape, image.dtype, taps, options)
    return plan.run(image, None, None)


def make_plan(
    shape: tuple[int, ...],
    image_dtype: DTypeLike,
    kernel: ArrayLike | Kernel,
    *,
    mode: str = "valid",
    boundary: str | Sequence[str] = "constant",
    fill_value: complex = 0,
    padding: Any = None,
    anchor: tuple[int, int] | None = None,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    nan: str = "propagate",
    masked: bool = False,
    dtype: DTypeLike | None = None,
    overflow: str = "raise",
    method: str = "auto",
    threads: int | None = None,
) -> Plan:
    """Settle how a correlation will be computed, without computing it.

    The methods are "direct" (every tap of every window), "separable" (the taps as a sum of
    products of a column and a row), "fourier" (overlap-save), for kernels that mix channels also
    "channels" (all of them at once) and "blas" (matrix products), and "definition" (nested loops,
    for comparison). "auto" takes the
    one whose predicted cost is least. All keep the same contract; integers stay exact in each, or
    the method is refused.

    Parameters
    ----------
    shape : tuple of int
        Of the image, (..., H, W).
    image_dtype : dtype
        Of the image.
    kernel : array_like, shape (kh, kw), or Kernel
        The taps.
    mode, boundary, fill_value, padding, anchor, stride, dilation, nan, dtype, overflow, method,\
    threads
        As for `correlate2d`.
    masked : bool, default False
        Whether there will be a mask.

    Returns
    -------
    Plan
        Print it to see the method, the reason, the predicted cost and the error bound; call it
        with an image to run it. Equal arguments give the very same plan.

    Raises
    ------
    InvalidInput
        As for `correlate2d`; also if `method` cannot keep the contract.

    See Also
    --------
    correlate2d : Makes a plan and runs it.

    Examples
    --------
    >>> print(make_plan((64, 64), "uint8", [[1, -1]]))
    64 x 64 uint8 -> 64 x 63 int16
    method:         direct, the cheapest for one sample: ...
    predicted cost: ... of one core, on 1 thread
    error bound:    0: the result is exact
    """
    options = options_of(
        mode, boundary, fill_value, padding, anchor, stride, dilation, nan, masked, dtype, overflow,
        method, threads,
    )  # fmt: skip
    return plan_for(tuple(shape), np.dtype(image_dtype), taps_of(kernel), options)
