"""What holds for every correlation, whatever the numbers: found out by hypothesis."""

from __future__ import annotations

import numpy as np
from checks import BOUNDARIES, assert_same, reference
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernfit.correlate import convolve2d, corr2d, correlate2d, image_gradient, kernel_gradient

METHODS = st.sampled_from(["direct", "separable", "fourier", "auto"])
SIDES = st.integers(1, 9)
TAPS = st.integers(1, 5)
UNITS = st.floats(-1, 1, allow_subnormal=False).map(lambda v: v if abs(v) > 1e-100 else 0.0)
QUICK = settings(max_examples=60, deadline=None)


def image(rows=SIDES, columns=SIDES):
    return st.tuples(rows, columns).flatmap(lambda shape: arrays(np.float64, shape, elements=UNITS))


def kernel(rows=TAPS, columns=TAPS):
    return image(rows, columns)


OPTIONS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["valid", "same", "full"]),
        "boundary": st.one_of(
            st.sampled_from(BOUNDARIES), st.tuples(*[st.sampled_from(BOUNDARIES)] * 2)
        ),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    }
)


@QUICK
@given(image(), kernel(), OPTIONS, METHODS, UNITS)
def test_definition(x, k, options, method, fill):
    expected = reference(x, k, fill_value=fill, **options)
    assert_same(correlate2d(x, k, fill_value=fill, method=method, **options), expected, 1e-13)


@QUICK
@given(image(), kernel(), OPTIONS, METHODS, UNITS, UNITS)
def test_linear_in_the_image(x, k, options, method, a, b):
    other = x[::-1, ::-1]
    whole = correlate2d(a * x + b * other, k, method=method, **options)
    parts = a * correlate2d(x, k, method=method, **options)
    parts = parts + b * correlate2d(other, k, method=method, **options)
    np.testing.assert_allclose(whole, parts, atol=1e-12)


@QUICK
@given(image(), kernel(), OPTIONS, UNITS)
def test_linear_in_the_kernel(x, k, options, a):
    other = k[::-1, ::-1]
    whole = correlate2d(x, k + a * other, **options)
    parts = correlate2d(x, k, **options) + a * correlate2d(x, other, **options)
    np.testing.assert_allclose(whole, parts, atol=1e-12)


@QUICK
@given(image(), kernel(), st.integers(-9, 9), st.integers(-9, 9), METHODS)
def test_a_shift_of_the_image_shifts_the_result(x, k, down, right, method):
    options = {"mode": "same", "boundary": "wrap", "method": method}
    moved = correlate2d(np.roll(x, (down, right), (0, 1)), k, **options)
    expected = np.roll(correlate2d(x, k, **options), (down, right), (0, 1))
    np.testing.assert_allclose(moved, expected, atol=1e-13)


@QUICK
@given(image(st.integers(5, 12), st.integers(5, 12)), kernel(), kernel())
def test_two_kernels_merge_into_one(x, first, second):
    twice = correlate2d(correlate2d(x, first), second)
    merged = convolve2d(first, second, mode="full")
    once = correlate2d(x, merged)
    assert twice.shape == once.shape or twice.size == once.size == 0
    if once.size:
        np.testing.assert_allclose(twice, once, atol=1e-12)
        swapped = correlate2d(correlate2d(x, second), first)
        np.testing.assert_allclose(twice, swapped, atol=1e-12)


@QUICK
@given(image(), kernel(), OPTIONS, st.randoms(use_true_random=False))
def test_dot(x, k, options, random):
    y = correlate2d(x, k, **options)
    g = np.array([random.uniform(-1, 1) for _ in range(y.size)]).reshape(y.shape)
    expected = (g * y).sum()
    back = image_gradient(g, k, x.shape, **options)
    taps = kernel_gradient(x, g, k.shape, **options)
    assert abs((back * x).sum() - expected) <= 1e-11
    assert abs((taps * k).sum() - expected) <= 1e-11


@QUICK
@given(
    st.sampled_from(["?", "u1", "i1", "u2", "i2", "u4", "i4"]).flatmap(
        lambda dtype: st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays(dtype, shape))
    ),
    st.tuples(TAPS, TAPS).flatmap(
        lambda shape: arrays(np.int64, shape, elements=st.integers(-(2**20), 2**20))
    ),
    OPTIONS,
)
def test_integers_are_exact(x, k, options):
    result = correlate2d(x, k, **options)
    np.testing.assert_array_equal(result.astype(object), reference(x, k, **options))


@QUICK
@given(image(), kernel(), st.data())
def test_tiles_of_the_output_are_the_same_bits(x, k, data):
    whole = correlate2d(x, k, mode="full", boundary="reflect", method="direct")
    wide = np.pad(x, [(n - 1, n - 1) for n in k.shape], mode="reflect")
    top = data.draw(st.integers(0, whole.shape[0] - 1))
    left = data.draw(st.integers(0, whole.shape[1] - 1))
    tile = correlate2d(wide[top:, left:], k, method="direct")
    np.testing.assert_array_equal(tile, whole[top:, left:])


@QUICK
@given(image(), kernel())
def test_flipping_everything_flips_the_result(x, k):
    turned = correlate2d(x[::-1, ::-1], k[::-1, ::-1], method="direct")
    np.testing.assert_allclose(turned[::-1, ::-1], corr2d(x, k), atol=1e-13)
