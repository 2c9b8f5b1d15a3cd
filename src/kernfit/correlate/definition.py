"""The definition: two loops, a window, a sum. Slow, and what every other method must equal."""

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_taps


def corr2d(x: ArrayLike, k: ArrayLike) -> Array:
    """Slide the kernel `k` over the image `x` and return the sums: the lesson's own loops.

    At each place the part of the image under the kernel is multiplied by it element by element,
    and the products are summed: ``y[i, j] = sum over a, b of x[i + a, j + b] * k[a, b]``.

    Parameters
    ----------
    x : array_like, shape (H, W)
        The image.
    k : array_like, shape (h, w)
        The kernel.

    Returns
    -------
    ndarray, shape (H - h + 1, W - w + 1)
        Integers are summed in int64; floats in the dtype that NumPy gives to ``x * k``. It is
        empty where the kernel is larger than the image.

    Raises
    ------
    InvalidInput
        If an argument does not have two axes, has no element or does not hold numbers.

    See Also
    --------
    correlate2d : The same numbers, fast, with boundaries, steps and everything else.

    Examples
    --------
    >>> corr2d([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    array([[19, 25],
           [37, 43]])
    """
    x, k = as_taps(x, "x"), as_taps(k, "k")
    if x.dtype.kind in "biu" and k.dtype.kind in "biu":
        x, k = x.astype(np.int64), k.astype(np.int64)
    h, w = k.shape
    shape = max(x.shape[0] - h + 1, 0), max(x.shape[1] - w + 1, 0)
    y = np.zeros(shape, np.result_type(x, k))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (x[i : i + h, j : j + w] * k).sum()
    return y


def correlate_by_definition(
    image: Array, taps: Array, out: Array, stride: tuple[int, int], dilation: tuple[int, int]
) -> None:
    """Do what `corr2d` does, with windows that step by `stride` and are `dilation` wide a tap."""
    rows, columns = ((n - 1) * d + 1 for n, d in zip(taps.shape, dilation, strict=True))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            top, left = i * stride[0], j * stride[1]
            window = image[top : top + rows : dilation[0], left : left + columns : dilation[1]]
            out[i, j] = (window * taps).sum(dtype=out.dtype)
