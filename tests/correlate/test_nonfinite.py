"""NaN, infinity and blinding pixels stay within the windows they lie in, in every method."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same, reference

from kernfit.correlate import correlate2d, make_plan

METHODS = ("definition", "direct", "separable", "fourier", "auto")
INF = np.inf


def kernels():
    rng = np.random.default_rng(5)
    sparse = np.zeros((3, 4))
    sparse[0, 1], sparse[2, 3] = 2, -1
    yield rng.normal(size=(3, 2))
    yield np.outer([1, 2, 1], [1.0, 0, -1])
    yield sparse
    yield rng.normal(size=(5, 1)) * rng.normal(size=(1, 5)) + np.eye(5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize(
    "values",
    [[np.nan], [INF], [-INF], [INF, INF], [INF, -INF], [np.nan, INF], [INF, -INF, np.nan, 1e4]],
)
def test_pattern_and_values_are_those_of_the_definition(method, dtype, values):
    rng = np.random.default_rng(6)
    for k in kernels():
        x = rng.normal(size=(17, 16)).astype(dtype)
        for value in values:
            x[tuple(rng.integers(0, 16, 2))] = value
        x[8, 8:10] = values[0], values[-1]
        for options in (
            {},
            {"mode": "full"},
            {"mode": "same", "boundary": "reflect"},
            {"mode": "same", "boundary": "wrap", "stride": 2},
            {"dilation": (2, 1)},
        ):
            result = correlate2d(x, k.astype(dtype), method=method, **options)
            with np.errstate(invalid="ignore"):
                expected = reference(x, k.astype(dtype), **options)
            assert_same(result, expected, 1e-10 if dtype == "f8" else 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_fill_value_that_is_not_finite(method):
    x, k = np.ones((6, 7)), np.array([[1.0, 0], [-1, 2]])
    for fill in (np.nan, INF):
        result = correlate2d(x, k, mode="full", fill_value=fill, method=method)
        with np.errstate(invalid="ignore"):
            expected = reference(x, k, mode="full", fill_value=fill)
        assert_same(result, expected, 1e-12)


@pytest.mark.parametrize("method", ["direct", "definition", "auto"])
def test_taps_that_are_not_finite(method):
    x, k = np.arange(12.0).reshape(3, 4), np.array([[np.nan, 1]])
    assert np.isnan(correlate2d(x, k, method=method)).all()
    with np.errstate(invalid="ignore"):
        expected = reference(x, np.array([[INF, 1]]))
    assert_same(correlate2d(x, np.array([[INF, 1]]), method=method), expected, 0)


@pytest.mark.parametrize("method", ["separable", "fourier", "auto"])
@pytest.mark.parametrize("shape", [(100, 130), (512, 512)])
def test_one_nan_in_a_large_image(method, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    k = np.outer(np.hanning(23)[1:-1], np.hanning(21)[1:-1]).astype("f4")
    clean = correlate2d(x, k, method=method, mode="same")
    x[60, 70] = np.nan
    result = correlate2d(x, k, method=method, mode="same")
    window = np.zeros(shape, bool)
    window[60 - 10 : 60 + 11, 70 - 9 : 70 + 10] = True
    np.testing.assert_array_equal(np.isnan(result), window)
    np.testing.assert_allclose(result[~window], clean[~window], atol=1e-4)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
@pytest.mark.parametrize("bright", [1e5, 1e12, 1e30])
@pytest.mark.parametrize("background", ["noise", "zero", "half"])
def test_a_blinding_pixel_does_not_drown_its_far_neighbours(dtype, bright, background):
    rng = np.random.default_rng(1)
    x = rng.random((96, 90))
    if background == "zero":
        x[...] = 0
    if background == "half":
        x[:, 45:] *= bright
    x = x.astype(dtype)
    k = rng.normal(size=(15, 14)).astype(dtype)
    x[40, 20] = bright
    touched = np.zeros((82, 77), bool)
    touched[40 - 14 : 41, 20 - 13 : 21] = True
    if background == "half":
        touched[:, 45 - 13 :] = True
    result = correlate2d(x, k, method="fourier")
    direct = correlate2d(x, k, method="direct")
    unit = float(np.finfo(dtype).eps)
    faint = abs(result - direct)[~touched].max()
    # As good as if the brightest pixel were a thousand (a million) times the background.
    assert faint <= (2e-2 if unit > 1e-10 else 1e-7)
    if background == "zero":
        assert faint == 0
    bound = make_plan(x.shape, x.dtype, k, method="fourier").error_bound
    assert abs(result - direct).max() <= 2 * bound * np.abs(x).max()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_pixels_of_every_magnitude(dtype):
    # No few spikes here: the whole block is summed directly, or in a wider transform.
    rng = np.random.default_rng(2)
    ramp = 10.0 ** np.linspace(-15, 15, 120)
    x = (rng.random((100, 120)) * ramp).astype(dtype)
    k = rng.normal(size=(13, 13)).astype(dtype)
    result = correlate2d(x, k, method="fourier")
    local = correlate2d(abs(x), abs(k), method="direct")
    assert (abs(result - reference_sum(x, k)) <= 200 * np.finfo(dtype).eps * local).all()


def reference_sum(x, k):
    out = np.zeros((x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1), np.longdouble)
    for (a, b), tap in np.ndenumerate(k.astype(np.longdouble)):
        out += x[a : a + out.shape[0], b : b + out.shape[1]].astype(np.longdouble) * tap
    return out
