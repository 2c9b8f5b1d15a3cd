"""Correlation on an array's own device: by the array API alone, or by PyTorch's or JAX's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.devices.arrays import astype, from_host, namespace

Pair = tuple[int, int]

# From so many taps on, a transform of the whole image costs less than sliding over it.
_MANY_TAPS = 400


def gathered(image: Any, sources: tuple[Array, Array], fill: complex) -> Any:
    """Return rows and columns of an image by number; where it is -1, the fill value.

    Parameters
    ----------
    image : array, shape (..., H, W)
    sources : (rows, columns), each an ndarray of int
    fill : number
    """
    xp = namespace(image)
    for axis, places in zip((-2, -1), sources, strict=True):
        size = image.shape[axis]
        first = int(places[0]) if places.size else 0
        if (
            places.size
            and np.array_equal(places, np.arange(first, first + places.size))
            and (first >= 0)
        ):
            part = slice(first, first + places.size)
            image = image[..., part, :] if axis == -2 else image[..., part]
            continue
        taken = from_host(np.clip(places, 0, max(size - 1, 0)).astype(np.int32), image)
        image = xp.take(image, taken, axis=image.ndim + axis)
        if (places < 0).any():
            outside = from_host(places < 0, image)
            outside = outside[:, None] if axis == -2 else outside
            beyond = xp.full((), fill, dtype=image.dtype, device=image.device)
            image = xp.where(outside, beyond, image)
    return image


def window_sums(image: Any, weights: Array, stride: Pair, dilation: Pair, groups: int = 1) -> Any:
    """Return ``sum over c, a, b of x[c, i s + a d, j t + b e] * w[o, c, a, b]``.

    Parameters
    ----------
    image : array, shape (samples, in, H, W)
        Of the dtype in which is summed.
    weights : ndarray, shape (out, in / groups, kh, kw)
        Of that dtype too.
    stride, dilation : (rows, columns)
    groups : int

    Returns
    -------
    array, shape (samples, out, H', W')
    """
    kind = weights.dtype.kind
    xp = namespace(image)
    size = tuple((n - 1) * d + 1 for n, d in zip(weights.shape[2:], dilation, strict=True))
    many = kind == "f" and weights[0, 0].size >= _MANY_TAPS and hasattr(xp, "fft")
    # A transform would spread a NaN over the whole image.
    if many and bool(xp.all(xp.isfinite(image))):
        return _transformed(image, weights, (size[0], size[1]), stride, dilation, groups)
    if kind == "f" and xp.__name__.endswith("torch"):
        return _by_torch(image, weights, stride, dilation, groups)
    if kind == "f" and "jax" in xp.__name__:
        return _by_jax(image, weights, stride, dilation, groups)
    return _slid(image, weights, stride, dilation, groups)


def _slid(image: Any, weights: Array, stride: Pair, dilation: Pair, groups: int) -> Any:
    """Add up shifted images, tap after tap."""
    xp = namespace(image)
    outputs, inputs, kh, kw = weights.shape
    rows, columns = (
        (length - (n - 1) * d - 1) // s + 1
        for length, n, d, s in zip(image.shape[2:], (kh, kw), dilation, stride, strict=True)
    )
    maps = []
    for output in range(outputs):
        first = output * groups // outputs * inputs
        total = xp.zeros((image.shape[0], rows, columns), dtype=image.dtype, device=image.device)
        for channel in range(inputs):
            for a in range(kh):
                for b in range(kw):
                    top, left = a * dilation[0], b * dilation[1]
                    part = image[
                        :,
                        first + channel,
                        top : top + (rows - 1) * stride[0] + 1 : stride[0],
                        left : left + (columns - 1) * stride[1] + 1 : stride[1],
                    ]
                    total = total + part * weights[output, channel, a, b].item()
        maps.append(total)
    return xp.stack(maps, axis=1)


def _by_torch(image: Any, weights: Array, stride: Pair, dilation: Pair, groups: int) -> Any:
    import torch

    given = from_host(weights, image)
    # Its faster products of 10 bits are not what float32 promises.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return torch.nn.functional.conv2d(
            image, given, stride=stride, dilation=dilation, groups=groups
        )


def _by_jax(image: Any, weights: Array, stride: Pair, dilation: Pair, groups: int) -> Any:
    import jax

    return jax.lax.conv_general_dilated(
        image,
        from_host(weights, image),
        stride,
        "VALID",
        rhs_dilation=dilation,
        feature_group_count=groups,
        precision=jax.lax.Precision.HIGHEST,
    )


def _transformed(
    image: Any, weights: Array, size: Pair, stride: Pair, dilation: Pair, groups: int
) -> Any:
    """Multiply spectra: the correlation theorem; outputs with a whole window do not wrap."""
    xp = namespace(image)
    outputs, inputs = weights.shape[:2]
    spread = np.zeros((outputs, inputs, *size), weights.dtype)
    spread[:, :, :: dilation[0], :: dilation[1]] = weights
    length = image.shape[2], image.shape[3]
    at = (-2, -1)
    seen = xp.fft.rfftn(image, s=length, axes=at)
    pad = np.zeros((outputs, inputs, *length), weights.dtype)
    pad[:, :, : size[0], : size[1]] = spread
    taps = xp.conj(xp.fft.rfftn(from_host(pad, image), s=length, axes=at))
    maps = []
    for output in range(outputs):
        first = output * groups // outputs * inputs
        product = seen[:, first : first + inputs, :, :] * taps[output, :, :, :][None, ...]
        maps.append(xp.fft.irfftn(xp.sum(product, axis=1), s=length, axes=at))
    found = xp.stack(maps, axis=1)[
        :, :, : length[0] - size[0] + 1 : stride[0], : length[1] - size[1] + 1 : stride[1]
    ]
    return astype(found, weights.dtype)
