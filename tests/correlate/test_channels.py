"""Sums of products in vector code, and what is laid out for them."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from kernfit import InvalidInput, Kernel
from kernfit.correlate import blas, correlate2d
from kernfit.correlate.channels import _POSITIONS, OUTPUTS
from kernfit.correlate.products import POSITIONS, sum_products


def test_numbers_of_both_files():
    from kernfit.correlate import products

    assert (OUTPUTS, _POSITIONS) == (products.OUTPUTS, POSITIONS)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_sums_of_products(dtype):
    rng = np.random.default_rng(0)
    for _ in range(60):
        blocks, depth, count = (int(n) for n in rng.integers(1, 9, 3))
        count *= POSITIONS
        offsets = rng.integers(0, 50, depth)
        # Surrounded by NaN: nothing may be read that is not asked for, nor written elsewhere.
        memory = np.full(count + offsets.max() + 40, np.nan, dtype)
        pixels = memory[20:-20]
        pixels[:] = rng.integers(-9, 9, len(pixels))
        taps = rng.integers(-9, 9, (blocks, depth, OUTPUTS)).astype(dtype)
        sums = np.full((blocks + 2, OUTPUTS, count), np.nan, dtype)
        sum_products(pixels, offsets, taps, sums[1:-1])
        under = pixels[offsets[:, None] + np.arange(count)]
        np.testing.assert_array_equal(sums[1:-1], np.einsum("knm,nq->kmq", taps, under))
        assert np.isnan(sums[[0, -1]]).all()


def test_what_vector_code_refuses():
    pixels, taps = np.zeros(40), np.zeros((1, 2, OUTPUTS))
    sums = np.zeros((1, OUTPUTS, POSITIONS))
    for offsets in ([0, 40 - POSITIONS + 1], [-1, 0]):
        with pytest.raises(InvalidInput, match="pixels must reach"):
            sum_products(pixels, np.array(offsets), taps, sums)
    for wrong in (np.zeros((2, OUTPUTS, POSITIONS)), np.zeros((1, OUTPUTS, POSITIONS + 1))):
        with pytest.raises(InvalidInput, match="sums"):
            sum_products(pixels, np.array([0, 1]), taps, wrong)
    with pytest.raises(InvalidInput, match="an offset each"):
        sum_products(pixels, np.array([0]), taps, sums)


@pytest.mark.parametrize("method", ["direct", "channels"])
def test_the_same_bits_for_any_number_of_threads(method):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 5, 61, 67))
    kernel = Kernel(rng.normal(size=(9, 5, 3, 4)))
    options = {"mode": "same", "boundary": "reflect", "method": method}
    one = correlate2d(x, kernel, threads=1, **options)
    for threads in (2, 5):
        np.testing.assert_array_equal(correlate2d(x, kernel, threads=threads, **options), one)
    # A tile of its own, somewhere else in the image.
    part = correlate2d(x[..., 20:40, 30:60], kernel, method=method)
    np.testing.assert_array_equal(part, one[..., 21:39, 31:58])


def test_filter_banks_in_strips():
    rng = np.random.default_rng(2)
    x, weight = rng.normal(size=(1, 300, 700)), rng.normal(size=(3, 1, 5, 4))
    for mode in ("valid", "same"):
        result = correlate2d(x, Kernel(weight), mode=mode, method="direct")
        for plane, taps in zip(result, weight, strict=True):
            np.testing.assert_array_equal(plane, correlate2d(x[0], taps[0], mode=mode))


def threads_of_blas():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_matrix_products_leave_the_threads_as_they_were():
    before = threads_of_blas()
    with blas.one_blas_thread():
        with blas.one_blas_thread():
            assert set(threads_of_blas()) <= {1}
        assert set(threads_of_blas()) <= {1}
    assert threads_of_blas() == before
    x = np.ones((4, 8, 8), complex)
    assert (correlate2d(x, Kernel(np.ones((3, 4, 2, 2))), method="blas", threads=3) == 16).all()
    assert threads_of_blas() == before
