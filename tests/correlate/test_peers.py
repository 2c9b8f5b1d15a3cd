"""The same numbers as scipy, through thin adapters that state the difference in conventions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from kernfit.correlate import convolve2d, correlate2d

SIZES = [(3, 3), (2, 4), (1, 3), (4, 1), (5, 2)]


def scipy_correlate2d(x, k, mode, boundary, fillvalue=0):
    """``scipy.signal.correlate2d``: conjugates the kernel, has its own names."""
    rules = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}
    return correlate2d(x, np.conj(k), mode=mode, boundary=rules[boundary], fill_value=fillvalue)


def ndimage_correlate(x, k, mode, cval=0.0, origin=(0, 0)):
    """``scipy.ndimage.correlate``: same size, its own names, the middle rounded up."""
    rules = {
        "constant": "constant",
        "nearest": "edge",
        "mirror": "reflect",
        "reflect": "symmetric",
        "wrap": "wrap",
    }
    anchor = tuple(n // 2 + o for n, o in zip(k.shape, origin, strict=True))
    return correlate2d(x, k, mode="same", boundary=rules[mode], fill_value=cval, anchor=anchor)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("kind", ["f8", "c16", "i8"])
def test_scipy_signal(size, boundary, mode, kind):
    rng = np.random.default_rng(0)
    x, k = (rng.normal(size=shape) * 9 for shape in ((8, 9), size))
    if kind == "c16":
        x, k = x + 1j * x[::-1], k - 2j * k
    x, k = x.astype(kind), k.astype(kind)
    expected = scipy.signal.correlate2d(x, k, mode, boundary, 3)
    result = scipy_correlate2d(x, k, mode, boundary, 3)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-11)
    rules = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}
    flipped = convolve2d(x, k, mode=mode, boundary=rules[boundary], fill_value=3)
    expected = scipy.signal.convolve2d(x, k, mode, boundary, 3)
    np.testing.assert_allclose(flipped, expected, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["constant", "nearest", "mirror", "reflect", "wrap"])
def test_scipy_ndimage(size, mode):
    rng = np.random.default_rng(1)
    x, k = rng.normal(size=(7, 9)), rng.normal(size=size)
    for origin in ((0, 0), (-(size[0] // 2), 0), (0, (size[1] - 1) // 2)):
        expected = scipy.ndimage.correlate(x, k, mode=mode, cval=2.5, origin=origin)
        result = ndimage_correlate(x, k, mode, 2.5, origin)
        np.testing.assert_allclose(result, expected, atol=1e-12)


def test_where_scipy_goes_wrong():
    x = np.full((2, 2), 65535, "u2")
    k = np.ones((2, 2), "u2")
    assert scipy.signal.correlate2d(x, k, "valid")[0, 0] != 4 * 65535
    assert correlate2d(x, k)[0, 0] == 4 * 65535
    large = np.array([[2**62 + 1]])
    assert scipy.ndimage.correlate(large, [[1]])[0, 0] != 2**62 + 1
    assert correlate2d(large, [[1]])[0, 0] == 2**62 + 1


def test_what_an_import_and_a_small_call_load():
    script = """
import sys
from kernfit.correlate import correlate2d, make_plan
optional = {"torch", "cv2", "dask", "jax", "tensorflow", "onnx", "matplotlib", "PIL"}
print(sorted((optional | {"numba", "scipy"}) & set(sys.modules)))
correlate2d([[1.0, 2.0]], [[1.0, -1.0]])
print(sorted((optional | {"scipy.fft", "scipy.signal"}) & set(sys.modules)))
"""
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert loaded.stdout.split() == ["[]", "[]"], loaded.stderr
