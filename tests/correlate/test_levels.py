"""Levels of 8 and 16 bits from fractional taps: the exact sum, rounded half to even, every time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from checks import padded, pads_for

from kernfit import Kernel
from kernfit.correlate import correlate2d, make_plan
from kernfit.correlate.levels import levels_for
from kernfit.errors import ResultTooLarge

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
METHODS = ("auto", "direct", "separable", "fourier", "definition")


def exact_levels(x, k, bias=0.0, stride=(1, 1), dilation=(1, 1)):
    """The definition in fractions, for an image that is padded already."""
    low, high = np.iinfo(x.dtype).min, np.iinfo(x.dtype).max
    span = [(n - 1) * d + 1 for n, d in zip(k.shape, dilation, strict=True)]
    height, width = (n - s + 1 for n, s in zip(x.shape, span, strict=True))
    total = np.full((height, width), Fraction(bias), object)
    for (a, b), tap in np.ndenumerate(k):
        down, right = a * dilation[0], b * dilation[1]
        part = x[down : down + height, right : right + width].astype(object)
        total = total + part * Fraction(float(tap))
    total = total[:: stride[0], :: stride[1]]
    cut = [min(max(round(v), low), high) for v in total.ravel()]
    return np.array(cut, object).reshape(total.shape)


def draw_kernel(rng, kind, size):
    """Taps of everyday kinds, and some on purpose near ties."""
    if kind == "random":
        return rng.normal(size=size) / 3
    if kind == "box":
        return np.full(size, 1 / np.prod(size))
    if kind == "binary":
        return rng.integers(-9, 9, size) / 2.0 ** rng.integers(1, 6)
    if kind == "separable":
        k = np.outer(rng.random(size[0]), rng.random(size[1]))
        return k / k.sum()
    if kind == "float32":
        return rng.normal(size=size).astype("f4")
    # Ties but for a tap that no integer of 128 bits holds together with the others.
    return rng.integers(-9, 9, size) / 2.0 + (rng.random(size) < 0.5) * 1e-200


KINDS = ("random", "box", "binary", "separable", "float32", "nearly ties")


def try_cases(seed, count, most=40):
    rng = np.random.default_rng(seed)
    for n in range(count):
        dtype = rng.choice(["u1", "i1", "u2", "i2"])
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        size = tuple(rng.integers(1, 7, 2).tolist())
        k = draw_kernel(rng, KINDS[n % len(KINDS)], size)
        shape = [int(m) + int(rng.integers(0, most)) for m in size]
        step = int(rng.integers(1, 3))
        at = int(rng.integers(0, 9))
        memory = rng.integers(low, high, (shape[0], at + step * shape[1]), dtype, endpoint=True)
        if n % 7 == 0:
            memory[:] = rng.choice([low, high, (low + high) // 2])
        x = memory[:, at::step]  # any alignment, and pixels that do not follow one another
        anchor = [(m - 1) // 2 for m in size]
        rule = str(rng.choice(BOUNDARIES))
        fill = int(rng.integers(low, high)) if rule == "constant" else 0
        bias = float(rng.choice([0, 0, 0.5, -1.25, rng.normal()]))
        stride, dilation = ((int(a), int(b)) for a, b in rng.integers(1, 3, (2, 2)))
        if n % 3:
            stride = dilation = (1, 1)
        pads = pads_for("same", size, anchor, dilation)
        wide = padded(x, pads, rule, fill)
        result = correlate2d(
            x,
            Kernel(k, bias=bias) if bias else k,
            mode="same",
            boundary=rule,
            fill_value=fill,
            stride=stride,
            dilation=dilation,
            dtype=dtype,
            overflow="saturate",
            method="auto" if n % 2 else str(rng.choice(METHODS[1:])),
            threads=1 + n % 3,
        )
        expected = exact_levels(wide, k, bias, stride, dilation)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result.astype(object), expected)


@pytest.mark.parametrize("seed", range(6))
def test_every_level_is_that_of_the_exact_sum(seed):
    try_cases(seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_every_level_in_many_cases(seed):
    try_cases(100 + seed, 600, most=25)


@pytest.mark.parametrize("dtype", ["u1", "i2"])
def test_large_images_in_tiles_and_threads(dtype):
    rng = np.random.default_rng(1)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = rng.integers(low, high, (500, 1301), dtype, endpoint=True)
    for k in (rng.normal(size=(4, 3)) / 4, np.outer([1, 2, 4.5], [3, 1, 0.25, 1]) / 40):
        pads = pads_for("same", k.shape)
        # Exact, but for ties, which are tested above: double precision, and its error by far.
        wide = padded(x, pads, "reflect").astype("f8")
        total = sum(wide[a : a + 500, b : b + 1301] * tap for (a, b), tap in np.ndenumerate(k))
        sure = abs(total - np.floor(total) - 0.5) > 1e-9
        expected = np.clip(np.rint(total), low, high)
        options = {"mode": "same", "boundary": "reflect", "dtype": dtype, "overflow": "saturate"}
        for method in ("direct", "separable", "fourier"):
            if method == "separable" and k.shape == (4, 3):
                continue
            one = correlate2d(x, k, method=method, threads=1, **options)
            np.testing.assert_array_equal(one[sure], expected[sure])
            several = correlate2d(x, k, method=method, threads=4, **options)
            np.testing.assert_array_equal(one, several)
            out = np.zeros((1301, 500), dtype).T
            correlate2d(x, k, method=method, out=out, **options)
            np.testing.assert_array_equal(out, one)


def test_ties_go_to_even():
    x = np.arange(0, 256, dtype="u1")[None]
    half = correlate2d(x, [[0.5]], dtype="u1")
    np.testing.assert_array_equal(half[0, :8], [0, 0, 1, 2, 2, 2, 3, 4])
    # A sixth, three times, is no half: the float is a little less than a sixth.
    sixth = np.full((1, 3), 1 / 6)
    assert Fraction(1 / 6) * 3 < Fraction(1, 2)
    assert correlate2d(np.ones((1, 3), "u1"), sixth, dtype="u1")[0, 0] == 0
    assert correlate2d(np.full((1, 3), 3, "u1"), sixth, dtype="u1")[0, 0] == 1
    assert round(Fraction(1 / 6) * 9) == 1


def test_what_does_not_fit():
    x = np.full((40, 50), 200, "u1")
    k = np.full((3, 3), 0.15)
    with pytest.raises(ResultTooLarge, match="must lie within 0 to 255 .* got values from 270"):
        correlate2d(x, k, dtype="u1")
    assert (correlate2d(x, k, dtype="u1", overflow="saturate") == 255).all()
    assert (correlate2d(x, -k, dtype="u1", overflow="saturate") == 0).all()
    assert (correlate2d(x, k, dtype="u1", overflow="wrap") == 270 - 256).all()
    # 255.49 rounds to what fits, 255.5 does not.
    fits, not_quite = (np.array([[value / 200]]) for value in (255.49, 255.51))
    assert (correlate2d(x, fits, dtype="u1") == 255).all()
    with pytest.raises(ResultTooLarge, match="must lie within"):
        correlate2d(x, not_quite, dtype="u1")


def test_other_numbers_go_the_other_way():
    x = np.full((9, 9), 100, "u1")
    k = np.full((3, 3), 1 / 9)
    assert make_plan(x.shape, "u1", k, dtype="u1").error_bound == 0
    assert "rounded half to even" in str(make_plan(x.shape, "u1", k, dtype="u1"))
    for options in ({"dtype": "i4"}, {"dtype": "u1", "fill_value": 0.5, "mode": "full"}):
        assert make_plan(x.shape, "u1", k, **options).error_bound > 0
    mask = np.ones(x.shape, bool)
    mask[4, 4] = False
    rest = correlate2d(x, k, mask=mask, nan="omit", dtype="u1")
    np.testing.assert_array_equal(rest, 100)
    half = correlate2d(np.zeros((3, 3), "u1"), k, mode="full", fill_value=4.6, dtype="u1")
    assert half[0, 0] == round(8 * 4.6 / 9)
    assert levels_for(
        np.full((1, 1), 1e9), 0.0, np.dtype("u1"), np.dtype("f4"), 0.0, "saturate", (1, 1), (1, 1)
    ) is None  # fmt: skip
    assert correlate2d(x, [[1e9]], dtype="u1", overflow="saturate").max() == 255


def test_taps_do_not_raise_a_floating_image():
    for image, taps, result in (
        ("f4", "f8", "f4"), ("f2", "f8", "f2"), ("f2", "f4", "f2"), ("f8", "f4", "f8"),
        ("f4", "i8", "f4"), ("f4", "c16", "c8"), ("c8", "f8", "c8"), ("f8", "c8", "c16"),
        ("u1", "f4", "f4"), ("u1", "f8", "f8"), ("i4", "f4", "f8"),
    ):  # fmt: skip
        assert make_plan((5, 6), image, np.ones((2, 2), taps)).dtype == result
    rng = np.random.default_rng(2)
    x, k = rng.normal(size=(60, 70)).astype("f4"), rng.normal(size=(5, 4))
    plan = make_plan(x.shape, "f4", k)
    double = correlate2d(x.astype("f8"), k)
    error = abs(plan(x) - double).max()
    assert 0 < error <= plan.error_bound * abs(x).max()
    wide = correlate2d(x, k, dtype="f8")
    assert wide.dtype == np.float64
    assert abs(wide - double).max() < 1e-12  # it computes so, and does not convert afterwards
    assert make_plan(x.shape, "u1", k, dtype="f4").work.numbers.sums == np.float32
