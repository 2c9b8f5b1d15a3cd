"""The gradients are the adjoints: the dot test, and differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel
from kernfit.correlate import correlate2d, image_gradient, kernel_gradient

RULES = ("constant", "edge", "reflect", "symmetric", "wrap", ("wrap", "edge"))


@pytest.mark.parametrize("boundary", RULES)
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_dot(mode, boundary, kind):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(size=shape) + (1j * rng.normal(size=shape) if kind == "complex" else 0)

    steps = [(1, 1), ((2, 3), 1), (1, (2, 1)), (2, 2)]
    shapes, sizes = [(7, 9), (2, 5, 6), (1, 4)], [(3, 3), (2, 4), (1, 3), (5, 1)]
    for shape, size, (stride, dilation) in itertools.product(shapes, sizes, steps):
        options = {"mode": mode, "boundary": boundary, "stride": stride, "dilation": dilation}
        x, k = draw(*shape), draw(*size)
        y = correlate2d(x, k, **options)
        g = draw(*y.shape)
        back = image_gradient(g, k, x.shape, **options)
        taps = kernel_gradient(x, g, size, **options)
        assert back.shape == x.shape
        assert taps.shape == size
        expected = np.vdot(g, y)
        assert abs(np.vdot(back, x) - expected) <= 1e-12 * (1 + y.size * k.size)
        assert abs(np.vdot(taps, k) - expected) <= 1e-12 * (1 + y.size * k.size)


def test_padding_and_anchor():
    rng = np.random.default_rng(1)
    x, k = rng.normal(size=(6, 7)), rng.normal(size=(3, 2))
    for options in (
        {"padding": ((2, 0), (1, 5)), "boundary": "symmetric"},
        {"mode": "same", "anchor": (2, 1)},
    ):
        y = correlate2d(x, k, **options)
        g = rng.normal(size=y.shape)
        expected = (g * y).sum()
        assert np.isclose((image_gradient(g, k, x.shape, **options) * x).sum(), expected)
        assert np.isclose((kernel_gradient(x, g, k.shape, **options) * k).sum(), expected)


def test_fill_value_counts_for_the_kernel_alone():
    x, k = np.ones((3, 3)), np.ones((2, 2))
    options = {"mode": "full", "fill_value": 5.0}
    g = np.random.default_rng(0).normal(size=(4, 4))
    expected = (g * correlate2d(x, k, **options)).sum()
    assert np.isclose(kernel_gradient(x, g, (2, 2), **options).sum(), expected)


def test_by_differences():
    rng = np.random.default_rng(2)
    x, k = rng.normal(size=(5, 6)), rng.normal(size=(2, 3))
    g = rng.normal(size=(4, 4))
    step = 1e-6
    for index in np.ndindex(k.shape):
        nudge = np.zeros(k.shape)
        nudge[index] = step
        slope = (g * (correlate2d(x, k + nudge) - correlate2d(x, k - nudge))).sum() / (2 * step)
        assert np.isclose(kernel_gradient(x, g, k.shape)[index], slope, atol=1e-7)


def test_large_images_in_strips():
    rng = np.random.default_rng(3)
    x, k = rng.normal(size=(700, 40)).astype("f4"), rng.normal(size=(5, 4))
    g = rng.normal(size=(700, 40))
    result = kernel_gradient(x, g, (5, 4), mode="same", boundary="edge")
    wide = np.pad(x.astype("f8"), ((2, 2), (1, 2)), mode="edge")
    for a, b in np.ndindex(5, 4):
        assert np.isclose(result[a, b], (wide[a : a + 700, b : b + 40] * g).sum(), rtol=1e-12)
    assert image_gradient(g, k, x.shape, mode="same").shape == x.shape


def test_not_finite_stays_with_the_taps_that_meet_it():
    x, g = np.ones((4, 5)), np.ones((4, 4))
    x[1, 0] = np.nan
    result = kernel_gradient(x, g, (1, 2))
    np.testing.assert_array_equal(np.isnan(result), [[True, False]])
    g[2, 2] = np.nan
    k = np.ones((1, 2))
    np.testing.assert_array_equal(
        np.argwhere(np.isnan(image_gradient(g, k, x.shape))), [[2, 2], [2, 3]]
    )


def test_kernels_and_dtypes():
    g = np.ones((3, 3), "f4")
    kernel = Kernel([[1, 2], [3, 4]], anchor=(1, 1))
    result = image_gradient(g, kernel, (3, 3), mode="same")
    expected = image_gradient(g, kernel.taps, (3, 3), mode="same", anchor=(1, 1))
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.float32
    assert kernel_gradient(np.ones((3, 3), "u1"), np.ones((2, 2), "f4"), (2, 2)).dtype == np.float64


def test_refusals():
    with pytest.raises(
        InvalidInput, match=r"gradient must have the shape of .* \(2, 2\), got \(3, 3\)"
    ):
        image_gradient(np.ones((3, 3)), np.ones((2, 2)), (3, 3))
    with pytest.raises(
        InvalidInput, match=r"gradient must have the shape of .* \(2, 2\), got \(3, 3\)"
    ):
        kernel_gradient(np.ones((3, 3)), np.ones((3, 3)), (2, 2))
    with pytest.raises(InvalidInput, match="kernel_shape must be at least 1"):
        kernel_gradient(np.ones((3, 3)), np.ones((3, 3)), (0, 2))
    assert kernel_gradient(np.ones((1, 1)), np.ones((0, 0)), (2, 2)).tolist() == [[0, 0], [0, 0]]
