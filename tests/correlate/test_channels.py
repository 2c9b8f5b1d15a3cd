"""Layers of many channels in vector code, and what is laid out for them."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from kernfit import InvalidInput, Kernel
from kernfit.correlate import correlate2d, make_plan
from kernfit.correlate.direct import blas
from kernfit.correlate.direct.channels import OUTPUTS
from kernfit.correlate.options import Options
from kernfit.correlate.planner import plan_for
from kernfit.correlate.run import run_samples
from kernfit.correlate.taps import taps_of_layer


def test_numbers_of_both_files():
    from kernfit.correlate.direct import products

    assert OUTPUTS == products.OUTPUTS


def by_tiles(plan, image):
    """The result by the other way, which gathers each tile on its own."""
    out = np.empty(plan.shape, plan.dtype)
    run_samples(plan.work, image, None, out)
    return out


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_same_bits_as_tile_by_tile(dtype):
    rng = np.random.default_rng(0)
    boundaries = ["constant", "edge", "reflect", "symmetric", "wrap"]
    for n in range(150):
        groups, inputs, each = (int(n) for n in rng.integers(1, (3, 5, 11)))
        size = tuple(rng.integers(1, (5, 6)))
        weight = rng.standard_normal((groups * each, inputs, *size)).astype(dtype)
        bias = rng.standard_normal(groups * each) if n % 3 else None
        x = rng.standard_normal((2, groups * inputs, *rng.integers(1, (30, 90)))).astype(dtype)
        taps = taps_of_layer(weight, bias, groups)
        stride, dilation = (tuple(rng.integers(1, 4, 2).tolist()) for _ in range(2))
        pads = tuple(map(tuple, rng.integers(0, 9, (2, 2)).tolist()))
        rules = tuple(rng.choice(boundaries, 2).tolist())
        options = Options(
            boundary=rules,
            fill_value=0.5,
            padding=pads,
            stride=stride,
            dilation=dilation,
            method="channels",
            threads=1 + n % 3,
        )
        plan = plan_for(x.shape, x.dtype, taps, options)
        if not np.prod(plan.shape):
            continue
        assert plan.straight is not None
        if n % 4 == 1:
            x = np.asfortranarray(x)
        right = by_tiles(plan, x).tobytes()
        assert plan.run(x, None, None).tobytes() == right
        # Surrounded by a sentinel: nothing may be written elsewhere.
        wide = np.full((*plan.shape[:2], *(n + 2 for n in plan.shape[2:])), 77, dtype)
        plan.run(x, None, wide[..., 1:-1, 1:-1])
        assert wide[..., 1:-1, 1:-1].tobytes() == right
        wide[..., 1:-1, 1:-1] = 77
        assert (wide == 77).all()


def test_wide_images_in_strips():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 50, 1300))
    kernel = Kernel(rng.standard_normal((9, 3, 3, 5)))
    options = {"mode": "same", "method": "channels"}
    plan = make_plan(x.shape, x.dtype, kernel, **options)
    assert plan(x).tobytes() == by_tiles(plan, x).tobytes()
    exact = sum(
        correlate2d(x[c], kernel.weight[:, c][4], mode="same", method="direct") for c in range(3)
    )
    np.testing.assert_allclose(plan(x)[4], exact, rtol=0, atol=1e-12)


def test_any_strides_of_the_result():
    rng = np.random.default_rng(2)
    x, kernel = rng.standard_normal((3, 20, 40)), Kernel(rng.standard_normal((9, 3, 3, 3)))
    right = correlate2d(x, kernel, method="channels")
    out = np.empty((2 * right.shape[0], *right.shape[:0:-1])).transpose(0, 2, 1)[::-2]
    np.testing.assert_array_equal(correlate2d(x, kernel, method="channels", out=out), right)


def test_what_vector_code_refuses():
    from kernfit.correlate.direct.channels import compiled_channels, compiled_sums

    call = compiled_channels()
    sum_products, add = compiled_sums(np.dtype("f8"))
    right = {
        "image": np.ones((5, 20)), "taps": np.ones((1, 1, 6, OUTPUTS)), "bias": np.ones(0),
        "out": np.zeros((4, 18)), "sum_products": sum_products, "add": add,
        "rows": np.arange(5)[None], "columns": np.arange(20)[None],
        "begins": np.array([[0, 0, 20]]), "offsets": np.arange(6), "image_step": 0, "out_step": 0,
        "inputs": 1, "outputs": 1, "stride": 1, "fill": 0, "high": 4, "wide": 18, "first": 0,
        "stop": 4,
    }  # fmt: skip
    call(*right.values())
    for changes in (
        {"taps": np.ones((1, 1, 5, OUTPUTS))},
        {"taps": np.ones((1, 1, 6, 4))},
        {"outputs": 9},
        {"offsets": np.arange(6) - 1},
        {"offsets": np.arange(6) + 1000},
        {"first": -1},
        {"stop": 5},
        {"high": 0},
        {"rows": np.arange(3)[None]},
        {"rows": np.arange(5)[None] + 1},
        {"columns": np.arange(20)[None] - 2},
        {"begins": np.array([[0, 1, 20]])},
        {"begins": np.array([[-1, 0, 20]])},
        {"bias": np.ones(2)},
        {"out": np.zeros((4, 36))[:, ::2]},
    ):
        with pytest.raises(InvalidInput):
            call(*(right | changes).values())


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
