"""Missing pixels: left out with nan="omit", NaN otherwise; marked by NaN or by a mask."""

from __future__ import annotations

import numpy as np
import pytest
from checks import padded, pads_for

from kernfit import InvalidInput, Kernel
from kernfit.correlate import correlate2d

METHODS = ("definition", "direct", "separable", "fourier", "auto")


def omitting(x, k, mask, mode="valid", boundary="constant", fill_value=0.0):
    """Loops: the sum over the valid pixels, times all weight over the weight of those."""
    pads = pads_for(mode, k.shape)
    missing = padded(~mask | np.isnan(x), pads, boundary, False)
    wide = padded(np.where(np.isnan(x), 0, x), pads, boundary, fill_value)
    out = np.empty([n - t + 1 for n, t in zip(wide.shape, k.shape, strict=True)])
    for i, j in np.ndindex(out.shape):
        there = ~missing[i : i + k.shape[0], j : j + k.shape[1]]
        weight = k[there].sum()
        total = (wide[i : i + k.shape[0], j : j + k.shape[1]] * k)[there].sum()
        empty = abs(weight) < 1e-12
        out[i, j] = np.nan if empty else total * k.sum() / weight
    return out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", ["constant", "reflect", "wrap"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_omit_is_the_interpolation_of_astropy(method, mode, boundary):
    rng = np.random.default_rng(0)
    for k in (rng.random((3, 4)), np.outer([1, 2, 1], [1, 2.0]), rng.normal(size=(2, 2)) + 1):
        x = rng.normal(size=(9, 10))
        x[rng.random(x.shape) < 0.2] = np.nan
        x[2:7, 3:8] = np.nan  # windows with nothing in them
        mask = rng.random(x.shape) < 0.9
        options = {"mode": mode, "boundary": boundary}
        result = correlate2d(x, k, nan="omit", mask=mask, method=method, **options)
        expected = omitting(x, k, mask, **options)
        np.testing.assert_allclose(result, expected, atol=1e-10)
        assert np.isnan(expected).any()


def test_a_constant_image_stays_constant():
    x = np.full((12, 13), 7.0)
    x[3:5, 4:9] = np.nan
    k = np.random.default_rng(0).random((5, 5))
    result = correlate2d(x, k / k.sum(), nan="omit")
    np.testing.assert_allclose(result, 7.0, rtol=1e-12)


def test_omit_changes_nothing_where_nothing_is_missing():
    rng = np.random.default_rng(1)
    x, k = rng.normal(size=(40, 41)), rng.random((3, 3))
    clean = correlate2d(x, k, method="direct")
    np.testing.assert_array_equal(correlate2d(x, k, nan="omit", method="direct"), clean)
    x[20, 20] = np.nan
    result = correlate2d(x, k, nan="omit", method="direct")
    untouched = np.ones(clean.shape, bool)
    untouched[18:21, 18:21] = False
    np.testing.assert_array_equal(result[untouched], clean[untouched])
    assert np.isfinite(result).all()


def test_bias_is_added_after_the_scaling():
    x = np.array([[1.0, np.nan, 3.0]])
    assert correlate2d(x, Kernel([[1, 1, 1]], bias=10), nan="omit").tolist() == [[16.0]]


@pytest.mark.parametrize("method", METHODS)
def test_masked_pixels_count_as_nan(method):
    rng = np.random.default_rng(2)
    x, k = rng.normal(size=(2, 9, 8)), rng.normal(size=(3, 2))
    mask = rng.random(x.shape) < 0.9
    holes = np.where(mask, x, np.nan)
    for options in ({}, {"mode": "same", "boundary": "edge"}, {"stride": 2, "mode": "full"}):
        result = correlate2d(x, k, mask=mask, method=method, **options)
        np.testing.assert_array_equal(result, correlate2d(holes, k, method=method, **options))
        assert np.isnan(result).any()


def test_one_mask_serves_all_planes():
    x, k = np.random.default_rng(3).normal(size=(3, 6, 7)), np.ones((2, 2))
    mask = np.ones((6, 7), bool)
    mask[2, 2] = False
    whole = correlate2d(x, k, mask=np.broadcast_to(mask, x.shape), nan="omit")
    np.testing.assert_array_equal(correlate2d(x, k, mask=mask, nan="omit"), whole)


def test_a_mask_makes_integers_float():
    x = np.arange(12, dtype="u1").reshape(3, 4)
    mask = np.ones((3, 4), bool)
    assert correlate2d(x, [[1, 1]], mask=mask).dtype == np.float64
    mask[1, 1] = False
    result = correlate2d(x, [[1, 1]], mask=mask)
    np.testing.assert_array_equal(result, [[1, 3, 5], [np.nan, np.nan, 13], [17, 19, 21]])
    omitted = correlate2d(x, [[1, 1]], mask=mask, nan="omit", dtype="i4")
    np.testing.assert_array_equal(omitted, [[1, 3, 5], [8, 12, 13], [17, 19, 21]])


def test_integers_without_a_mask_have_nothing_to_omit():
    x = np.arange(12, dtype="u1").reshape(3, 4)
    result = correlate2d(x, [[1, -1]], nan="omit")
    np.testing.assert_array_equal(result, correlate2d(x, [[1, -1]]))
    assert result.dtype == np.int16


def test_kernels_that_mix_channels_omit_over_all_of_them():
    x = np.ones((2, 4, 4))
    x[0, 1, 1] = np.nan
    kernel = Kernel(np.arange(1, 9.0).reshape(1, 2, 2, 2))
    for method in ("direct", "channels", "blas", "fourier"):
        result = correlate2d(x, kernel, nan="omit", method=method)
        np.testing.assert_allclose(result, np.full((1, 3, 3), 36.0))


def test_refusals():
    x = np.ones((3, 3))
    with pytest.raises(InvalidInput, match="needs taps whose sum is not zero, got the sum 0"):
        correlate2d(x, [[1, -1]], nan="omit")
    with pytest.raises(InvalidInput, match="needs real taps, got dtype complex128"):
        correlate2d(x, [[1j]], nan="omit")
    with pytest.raises(InvalidInput, match="nan must be one of propagate, omit, got 'skip'"):
        correlate2d(x, [[1.0]], nan="skip")
    with pytest.raises(InvalidInput, match="mask must be boolean"):
        correlate2d(x, [[1.0]], mask=np.ones((3, 3)))
    with pytest.raises(InvalidInput, match=r"mask must have shape \(3, 3\), got \(2, 3\)"):
        correlate2d(x, [[1.0]], mask=np.ones((2, 3), bool))
