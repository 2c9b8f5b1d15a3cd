"""Every method against the nested loops, over everything that an image and a kernel can be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from checks import BOUNDARIES, assert_same, reference

from kernfit import Kernel
from kernfit.correlate import convolve2d, corr2d, correlate2d

METHODS = ("definition", "direct", "separable", "fourier", "auto")
TOLERANCE = 1e-13  # for magnitudes of about 1 and up to some hundred taps
KERNELS = ((3, 3), (2, 4), (1, 3), (4, 1), (1, 1), (5, 2))
LARGE = ((9, 4), (3, 11), (12, 12))  # larger than the images below, in one axis or both
RULES = (*BOUNDARIES, ("wrap", "constant"), ("constant", "edge"), ("reflect", "symmetric"))


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", RULES)
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_modes_boundaries_and_shapes(method, mode, boundary):
    for shape, size in itertools.product([(7, 8), (1, 5), (4, 1)], KERNELS + LARGE):
        x, k = draw(*shape), draw(*size, seed=1)
        options = {"mode": mode, "boundary": boundary, "fill_value": 0.7}
        assert_same(
            correlate2d(x, k, method=method, **options), reference(x, k, **options), TOLERANCE
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [1, (2, 3), (3, 1)])
@pytest.mark.parametrize("dilation", [1, (2, 1), (1, 3), (2, 2)])
def test_stride_and_dilation(method, stride, dilation):
    for boundary, mode in itertools.product(["constant", "reflect"], ["valid", "same", "full"]):
        for shape, size in itertools.product([(9, 8), (2, 3)], [(3, 3), (2, 4), (1, 3)]):
            x, k = draw(*shape), draw(*size, seed=1)
            options = {"mode": mode, "boundary": boundary, "stride": stride, "dilation": dilation}
            result = correlate2d(x, k, method=method, **options)
            assert_same(result, reference(x, k, **options), TOLERANCE)


@pytest.mark.parametrize("method", METHODS)
def test_stride_and_dilation_with_common_factors(method):
    x, k = draw(23, 26), draw(5, 4, seed=1)
    for stride, dilation in [((4, 2), (2, 4)), ((6, 3), (4, 3)), ((2, 9), (3, 6)), (4, 4)]:
        options = {"mode": "same", "stride": stride, "dilation": dilation, "boundary": "wrap"}
        result = correlate2d(x, k, method=method, **options)
        assert_same(result, reference(x, k, **options), TOLERANCE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", RULES)
def test_asymmetric_padding(method, boundary):
    x, k = draw(5, 6), draw(3, 2, seed=1)
    for padding in [((0, 3), (2, 0)), ((14, 1), (0, 17)), ((1, 1), (1, 1))]:
        options = {"padding": padding, "boundary": boundary, "fill_value": -1.5}
        result = correlate2d(x, k, method=method, **options)
        assert_same(result, reference(x, k, **options), TOLERANCE)


@pytest.mark.parametrize("method", METHODS)
def test_anchor_sits_on_the_output_pixel(method):
    x, k = draw(6, 7), draw(3, 4, seed=1)
    for anchor in itertools.product(range(3), range(4)):
        result = correlate2d(x, k, mode="same", anchor=anchor, method=method)
        assert_same(result, reference(x, k, mode="same", anchor=anchor), TOLERANCE)
        assert_same(correlate2d(x, Kernel(k, anchor=anchor), mode="same", method=method), result, 0)
    one = np.zeros((3, 4))
    one[2, 1] = 1  # the tap at the anchor alone: nothing moves
    assert_same(correlate2d(x, one, mode="same", anchor=(2, 1), method=method), x, TOLERANCE)


@pytest.mark.parametrize("method", METHODS)
def test_large_images_in_many_tiles(method):
    # Outputs at the seams of tiles and blocks, against plain sums of shifted images.
    x = draw(300, 1300)
    for k in (draw(3, 3), draw(2, 9), np.outer(draw(7, 1), draw(9, 1))):
        if method == "definition" and k.size > 9:
            continue
        for boundary in ("constant", "reflect"):
            result = correlate2d(x, k, mode="same", boundary=boundary, method=method)
            a, b = (k.shape[0] - 1) // 2, (k.shape[1] - 1) // 2
            pads = [(a, k.shape[0] - 1 - a), (b, k.shape[1] - 1 - b)]
            wide = np.pad(x, pads, mode=boundary)
            expected = np.zeros(x.shape)
            for (i, j), tap in np.ndenumerate(k):
                expected += wide[i : i + 300, j : j + 1300] * tap
            assert_same(result, expected, 1e-11)


def memory_orders(x):
    """The same pixels, laid out in every way."""
    yield "contiguous", x
    yield "fortran", np.asfortranarray(x)
    yield "turned", x[::-1, ::-1].copy()[::-1, ::-1]
    wide = np.zeros((x.shape[0] * 2, x.shape[1] * 3), x.dtype)
    wide[::2, ::3] = x
    yield "strided", wide[::2, ::3]
    yield "swapped", x.astype(x.dtype.newbyteorder())
    still = x.copy()
    still.flags.writeable = False
    yield "read-only", still
    packed = np.zeros(x.shape, np.dtype([("flag", "i1"), ("value", x.dtype)]))  # unaligned
    packed["value"] = x
    yield "unaligned", packed["value"]


# Pixels too large to stay exact in a transform; sums of 16 and 32 bits have one pass only.
REFUSED = {("fourier", "u8"), *(("separable", dtype) for dtype in ("u1", "i1", "i2", "?"))}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i2", "u8", "c16", "?", "f2", "i1"])
def test_memory_orders(method, dtype):
    x = (draw(9, 8) * 10 + 40).astype(dtype)
    k = np.array([[1, 2], [3, -4], [0, 5]])
    separable = np.array([[1, -2], [2, -4], [0, 0]])
    for mode in ("valid", "same"):
        taps = separable if method == "separable" else k
        expected = reference(x, taps, mode=mode)
        if (method, dtype) in REFUSED:
            break
        for _, image in memory_orders(x):
            for _, kernel in memory_orders(taps):
                if dtype == "f2":
                    kernel = kernel.tolist()
                result = correlate2d(image, kernel, mode=mode, method=method)
                assert_same(result, expected, {"f2": 0.5, "f4": 2e-3}.get(dtype, 1e-11))


@pytest.mark.parametrize("method", ["direct", "separable", "fourier", "auto"])
def test_batches_are_planes(method):
    x, k = draw(2, 3, 8, 9), draw(3, 2, seed=1)
    for image in (x, np.moveaxis(x, 0, 2).copy().transpose(2, 0, 1, 3), x[:, ::-1]):
        result = correlate2d(image, k, mode="same", method=method)
        assert result.shape == x.shape
        for n, c in np.ndindex(2, 3):
            alone = correlate2d(image[n, c], k, mode="same", method=method)
            np.testing.assert_array_equal(result[n, c], alone)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (3, 0, 4), (0, 4, 4), (2, 0, 0)])
def test_empty_images_give_empty_results(method, shape):
    x, k = np.zeros(shape), draw(2, 3)
    for mode, boundary in itertools.product(["valid", "same", "full"], BOUNDARIES):
        result = correlate2d(x, k, mode=mode, boundary=boundary, method=method)
        assert result.size == 0
        assert result.dtype == np.float64
        assert result.shape[:-2] == shape[:-2]


@pytest.mark.parametrize("method", METHODS)
def test_a_kernel_larger_than_the_image_has_no_valid_output(method):
    assert correlate2d(np.ones((3, 4)), np.ones((4, 2)), method=method).shape == (0, 3)
    assert correlate2d(np.ones((3, 4)), np.ones((2, 6)), method=method).shape == (2, 0)


@pytest.mark.parametrize("method", METHODS)
def test_out_of_any_layout(method):
    x, k = draw(20, 21), draw(3, 2, seed=1)
    expected = correlate2d(x, k, method=method)
    for _, out in memory_orders(np.empty((18, 20))):
        if out.dtype == expected.dtype and out.flags.writeable:
            assert correlate2d(x, k, method=method, out=out) is out
            np.testing.assert_array_equal(out, expected)


def test_convolution_is_correlation_with_the_kernel_flipped():
    x = draw(7, 8)
    for size in KERNELS:
        k = draw(*size, seed=1)
        for mode in ("valid", "full"):
            np.testing.assert_array_equal(
                convolve2d(x, k, mode=mode), correlate2d(x, k[::-1, ::-1], mode=mode)
            )
        for kernel in (k, k.tolist(), Kernel(k)):
            result = convolve2d(x, kernel, mode="same")
            full = reference(x, k[::-1, ::-1], mode="full")
            top, left = (n - 1 - (n - 1) // 2 for n in size)
            top, left = size[0] - 1 - top, size[1] - 1 - left
            assert_same(result, full[top : top + 7, left : left + 8], TOLERANCE)


def test_convolution_keeps_the_anchor_on_its_tap():
    x, k = draw(5, 6), np.zeros((3, 4))
    k[2, 1] = 1
    np.testing.assert_array_equal(convolve2d(x, k, mode="same", anchor=(2, 1)), x)
    np.testing.assert_array_equal(convolve2d(x, Kernel(k, anchor=(2, 1)), mode="same"), x)


def test_the_lesson():
    x, k = [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]]
    for result in (corr2d(x, k), correlate2d(x, k), convolve2d(x, [[3, 2], [1, 0]])):
        np.testing.assert_array_equal(result, [[19, 25], [37, 43]])
    image = np.ones((6, 8))
    image[:, 2:6] = 0
    edges = np.zeros((6, 7))
    edges[:, 1], edges[:, 5] = 1, -1
    np.testing.assert_array_equal(corr2d(image, [[1, -1]]), edges)
    np.testing.assert_array_equal(correlate2d(image, [[1, -1]]), edges)
    assert correlate2d(image.T, [[1, -1]]).any() == np.False_


def test_bias_of_a_kernel_is_added():
    x, k = draw(4, 5), draw(2, 2, seed=1)
    assert_same(correlate2d(x, Kernel(k, bias=2.5)), reference(x, k) + 2.5, TOLERANCE)
    assert_same(correlate2d(x, Kernel(k, bias=0)), reference(x, k), TOLERANCE)


def test_a_kernel_larger_than_a_block_goes_in_parts():
    x, k = draw(450, 470), draw(400, 5, seed=1)
    for size in (k, k.T, np.pad(k, ((0, 0), (390, 0)))[:, :400]):
        result = correlate2d(x, size, mode="same", method="fourier")
        direct = correlate2d(x, size, mode="same", method="direct")
        assert_same(result, direct, 1e-11)


LARGE_KERNELS = [(127, 127), (63, 90), (126, 31), (1, 99), (130, 1), (191, 40), (40, 64)]


@pytest.mark.parametrize("size", LARGE_KERNELS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "u1"])
def test_small_images_and_large_kernels(size, dtype):
    # Windows reach round a block to the zeros around the image, where there are zeros.
    rng = np.random.default_rng(3)
    x, k = rng.normal(size=(64, 70)) * 9, rng.normal(size=size) * 9
    if dtype == "c16":
        x, k = x + 1j * draw(64, 70), k * (2 - 1j)
    x, k = (
        abs(x).astype(dtype) if dtype == "u1" else x.astype(dtype),
        k.astype("i2" if dtype == "u1" else dtype),
    )
    for options in (
        *({"mode": mode} for mode in ("same", "full")),
        *({"mode": "same", "boundary": rule} for rule in RULES),
        *({"mode": "same", "fill_value": 2}, {"mode": "same", "stride": (3, 2)}),
        *({"padding": ((size[0], 3), (9, size[1]))}, {"mode": "full", "dilation": (1, 2)}),
    ):
        result = correlate2d(x, k, method="fourier", **options)
        direct = correlate2d(
            *(z.astype("c16" if dtype == "c16" else "f8") for z in (x, k)),
            method="direct",
            **options,
        )
        assert_same(result, direct, {"f4": 0.2, "f8": 1e-8, "c16": 1e-8, "u1": 0}[dtype])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", LARGE_KERNELS)
def test_nothing_wraps_round(size, dtype):
    # A NaN, an infinity and a pixel that drowns the others stay in their footprint.
    x, k = draw(64, 70).astype(dtype), draw(*size, seed=1).astype(dtype)
    for i, j in ((0, 0), (63, 69), (5, 60)):
        for value in (np.nan, np.inf, 1e30):
            pixels = x.copy()
            pixels[i, j] = value
            result, clean = (correlate2d(y, k, mode="same", method="fourier") for y in (pixels, x))
            reached = correlate2d(pixels != x, np.ones(size, "u1"), mode="same") > 0
            assert np.isfinite(clean).all()
            assert_same(result[~reached], clean[~reached], 1e-2 if dtype == "f4" else 1e-11)
            direct = correlate2d(pixels, k, mode="same", method="direct")
            np.testing.assert_allclose(result[reached], direct[reached], rtol=1e-3)
    # Nor does anything come from beyond the zeros: one pixel gives the taps, and else zeros.
    one = np.zeros_like(x)
    one[60, 3] = 1
    result = correlate2d(one, k, mode="same", method="fourier")
    np.testing.assert_array_equal(result, correlate2d(one, k, mode="same", method="direct"))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_planes_blocks_and_threads(dtype):
    x, k = draw(3, 300, 290).astype(dtype), draw(30, 41, seed=1).astype(dtype)
    x[1, 100:140, 50:90] = 0
    x[1, 200, 200] = np.nan
    kernel = Kernel(k, bias=0.5)
    whole = correlate2d(x, kernel, mode="same", method="fourier", threads=1)
    for threads in (2, 5):
        other = correlate2d(x, kernel, mode="same", method="fourier", threads=threads)
        np.testing.assert_array_equal(whole, other)
    for n, plane in enumerate(x):
        alone = correlate2d(plane, kernel, mode="same", method="fourier")
        np.testing.assert_array_equal(alone, whole[n])
        direct = correlate2d(plane, kernel, mode="same", method="direct")
        assert_same(alone, direct, 1e-3 if dtype == "f4" else 1e-11)
    out = np.zeros((3, 600, 580), dtype)[:, ::2, ::2]
    correlate2d(x, kernel, mode="same", method="fourier", out=out)
    assert_same(out, whole, 1e-4)
