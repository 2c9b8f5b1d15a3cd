"""The direct method with strides and dilation, made of correlations without them."""

from __future__ import annotations

from math import gcd

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.direct.rows import correlate_rows

Pair = tuple[int, int]
ONE = (1, 1)
# Products for one output up to which it is best to compute the outputs between steps as well.
_FEW = 64


def correlate_steps(
    image: Array, taps: Array, out: Array, stride: Pair = ONE, dilation: Pair = ONE
) -> None:
    """Write the valid correlation of `image` with `taps` into `out`.

    ``out[i, j] = sum over a, b of
    image[i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]] * taps[a, b]``

    Parameters
    ----------
    image : ndarray, 2-D
        Exactly the pixels that `out` needs.
    taps : ndarray, 2-D
        Of the dtype of `out`, C-contiguous.
    out : ndarray, 2-D
        Unit stride in the last axis.
    stride, dilation : (rows, columns)
        Pixels between two windows, and between two taps.
    """
    if stride == ONE and dilation == ONE:
        correlate_rows(image, taps, out)
    elif out.size == 0:
        pass
    elif stride == ONE:
        _dilated(image, taps, out, dilation)
    elif dilation == ONE and stride[0] * stride[1] * taps.size <= _FEW:
        every = np.empty(
            [n - k + 1 for n, k in zip(image.shape, taps.shape, strict=True)], out.dtype
        )
        correlate_rows(image, taps, every)
        out[...] = every[:: stride[0], :: stride[1]]
    else:
        _strided(image, taps, out, stride, dilation)


def _dilated(image: Array, taps: Array, out: Array, dilation: Pair) -> None:
    """Correlate every `dilation`-th pixel for every `dilation`-th output, from each start."""
    down, right = dilation
    for i in range(min(down, out.shape[0])):
        for j in range(min(right, out.shape[1])):
            target = out[i::down, j::right]
            part = np.empty(target.shape, out.dtype)
            height, width = target.shape[0] + taps.shape[0] - 1, target.shape[1] + taps.shape[1] - 1
            correlate_rows(image[i::down, j::right][:height, :width], taps, part)
            target[...] = part


def _strided(image: Array, taps: Array, out: Array, stride: Pair, dilation: Pair) -> None:
    """Sum over the taps that meet the same phase of the stride: they step over it alike."""
    common = [gcd(s, d) for s, d in zip(stride, dilation, strict=True)]
    every = [s // g for s, g in zip(stride, common, strict=True)]
    apart = dilation[0] // common[0], dilation[1] // common[1]
    part = out
    for a in range(min(every[0], taps.shape[0])):
        for b in range(min(every[1], taps.shape[1])):
            some = np.ascontiguousarray(taps[a :: every[0], b :: every[1]])
            height = out.shape[0] + (some.shape[0] - 1) * apart[0]
            width = out.shape[1] + (some.shape[1] - 1) * apart[1]
            phase = image[a * dilation[0] :: stride[0], b * dilation[1] :: stride[1]]
            correlate_steps(phase[:height, :width], some, part, ONE, apart)
            if part is out:
                part = np.empty(out.shape, out.dtype)
            else:
                out += part
