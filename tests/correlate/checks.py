"""The oracle: pad with NumPy, loop, and sum in the widest numbers there are."""

from __future__ import annotations

from typing import Any

import numpy as np

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pads_for(mode, taps, anchor=None, dilation=(1, 1)):
    """((top, bottom), (left, right)) that a mode stands for."""
    if anchor is None:
        anchor = [(n - 1) // 2 for n in taps]
    reach = [(n - 1) * d for n, d in zip(taps, dilation, strict=True)]
    if mode == "valid":
        return [(0, 0), (0, 0)]
    if mode == "full":
        return [(r, r) for r in reach]
    return [(a * d, r - a * d) for a, d, r in zip(anchor, dilation, reach, strict=True)]


def padded(image, pads, boundary="constant", fill_value=0):
    """The whole image padded, one axis after the other."""
    rules = (boundary, boundary) if isinstance(boundary, str) else boundary
    for axis, rule in enumerate(rules):
        width = [(0, 0), (0, 0)]
        width[axis] = pads[axis]
        extra: dict[str, Any] = {"constant_values": fill_value} if rule == "constant" else {}
        image = np.pad(image, width, mode=rule, **extra)
    return image


def widest(*arrays):
    """Python integers, or the widest floats: what sums of them are exact, or nearly so."""
    kinds = {array.dtype.kind for array in arrays}
    dtype = np.clongdouble if "c" in kinds else np.longdouble if "f" in kinds else object
    return [array.astype(dtype) for array in arrays]


def pair(value):
    return (value, value) if np.ndim(value) == 0 else tuple(value)


def reference(
    image, kernel, *, mode="valid", boundary="constant", fill_value=0, padding=None, anchor=None,
    stride=1, dilation=1,
):  # fmt: skip
    """The contract as nested loops, for one plane; Python integers or long doubles."""
    image, kernel = widest(np.asarray(image), np.asarray(kernel))
    s, d = pair(stride), pair(dilation)
    pads = padding if padding is not None else pads_for(mode, kernel.shape, anchor, d)
    if image.size == 0 and padding is None:
        return np.zeros((0, 0), image.dtype)
    x = padded(image, pads, boundary, fill_value)
    span = [(n - 1) * e + 1 for n, e in zip(kernel.shape, d, strict=True)]
    shape = [max((x.shape[n] - span[n]) // s[n] + 1, 0) for n in (0, 1)]
    out = np.zeros(shape, np.result_type(image, kernel))
    for i in range(shape[0]):
        for j in range(shape[1]):
            window = x[i * s[0] : i * s[0] + span[0] : d[0], j * s[1] : j * s[1] + span[1] : d[1]]
            out[i, j] = (window * kernel).sum()
    return out


def assert_same(result, expected, tolerance):
    """Equal shape, equal NaN and infinities, and finite numbers within `tolerance` (absolute)."""
    assert result.shape == expected.shape
    expected = expected.astype(np.clongdouble if expected.dtype.kind == "c" else np.longdouble)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(result), finite)
    if expected.dtype.kind != "c":  # of a complex number only "not finite" is defined
        np.testing.assert_array_equal(
            result[~finite].astype(float), expected[~finite].astype(float)
        )
    assert (abs(result[finite] - expected[finite]) <= tolerance).all(), (
        f"off by {abs(result[finite] - expected[finite]).max()}, allowed {tolerance}"
    )
