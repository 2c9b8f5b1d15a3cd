"""Layers by the Fourier method: planes are transformed once, and the result is that of planes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from kernfit import Kernel
from kernfit.correlate import conv2d, correlate2d, make_plan
from kernfit.correlate.fourier.blocks import correlate_layer, layer_spectra
from kernfit.correlate.fourier.layers import FourierLayer
from kernfit.correlate.options import Options
from kernfit.correlate.planner import plan_for
from kernfit.correlate.taps import taps_of_layer
from kernfit.errors import InvalidInput


def by_planes(x, weight, **options):
    """Each kernel on its plane by the direct method, in double precision."""
    x, weight = x.astype("f8"), weight.astype("f8")
    direct = {"method": "direct", **options}
    return np.array(
        [sum(correlate2d(p, k, **direct) for p, k in zip(x, taps, strict=True)) for taps in weight]
    )


def fourier_plan(x, weight, groups=1, **options):
    pads = options.pop("pads", ((0, 0), (0, 0)))
    return plan_for(
        x.shape,
        x.dtype,
        taps_of_layer(weight, None, groups),
        Options(padding=pads, method="fourier", **options),
    )


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("planes", [(1, 2), (2, 1), (5, 3), (4, 6)])
@pytest.mark.parametrize("size", [(7, 9), (60, 40), (150, 140)])
def test_it_is_the_sum_of_planes(dtype, planes, size):
    x, weight = draw((planes[1], *size), dtype), draw((*planes, 5, 8), dtype, 1)
    plan = fourier_plan(x, weight)
    assert isinstance(plan.work.apply, FourierLayer)
    error = abs(plan(x) - by_planes(x, weight)).max()
    assert error <= plan.error_bound * abs(x).max()
    if size > (50, 30):  # among few outputs none may have an error of the usual size
        assert plan.error_bound * abs(x).max() <= 100 * error


@pytest.mark.parametrize(("stride", "dilation"), [*product([1, (2, 3)], [1, (3, 2)])])
def test_groups_strides_and_gaps(stride, dilation):
    x, weight = draw((6, 50, 71), "f8"), draw((6, 3, 4, 3), "f8", 1)
    options = {"stride": stride, "dilation": dilation}
    plan = fourier_plan(x, weight, groups=2, pads=((2, 1), (0, 3)), **options)
    padded = np.pad(x, ((0, 0), (2, 1), (0, 3)))
    expected = [by_planes(padded[n : n + 3], weight[n : n + 3], **options) for n in (0, 3)]
    np.testing.assert_allclose(plan(x), np.concatenate(expected), atol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_bound_holds_for_planes_that_are_alike(dtype):
    x = np.repeat(np.random.default_rng(0).random((1, 70, 80)), 24, 0).astype(dtype)
    weight = np.repeat(draw((2, 1, 9, 9), dtype), 24, 1)
    for pixels in (x, np.full_like(x, 0.1)):
        plan = fourier_plan(pixels, weight)
        assert abs(plan(pixels) - by_planes(pixels, weight)).max() <= plan.error_bound


@pytest.mark.parametrize("groups", [1, 2])
def test_what_is_not_even_stays_in_its_footprint(groups):
    x, weight = draw((4, 90, 100), "f4"), draw((4, 4 // groups, 6, 5), "f4", 1)
    clean = fourier_plan(x, weight, groups)
    whole = clean(x)
    x[1, 40, 50], x[2, 70, 20], x[3, 5, 90] = np.nan, np.inf, 1e12
    with np.errstate(invalid="ignore"):
        result = clean(x)
        direct = conv2d(x.astype("f8"), weight.astype("f8"), groups=groups)
    assert (np.isnan(result) == np.isnan(direct)).all()
    with np.errstate(invalid="ignore"):
        far = np.abs(direct - whole) < 1e-3
    assert far.mean() > 0.9
    assert np.abs(result[far] - direct[far]).max() <= clean.error_bound * 5
    near = np.isfinite(direct) & ~far
    np.testing.assert_allclose(result[near], direct[near], rtol=1e-5)


def test_threads_and_tiles_do_not_change_the_result():
    x, weight = draw((2, 8, 300, 290), "f4"), draw((6, 8, 7, 7), "f4", 1)
    one = fourier_plan(x, weight, threads=1)(x)
    np.testing.assert_array_equal(fourier_plan(x, weight, threads=3)(x), one)


def test_memory_orders():
    x, weight = draw((3, 40, 90), "f4"), draw((2, 3, 5, 5), "f4", 1)
    whole = fourier_plan(x, weight)(x)
    for same in (np.asfortranarray(x), x[:, ::-1].copy()[:, ::-1]):
        np.testing.assert_array_equal(fourier_plan(x, weight)(same), whole)


def test_large_kernels_choose_it_and_small_ones_do_not():
    for side, method in ((3, "channels"), (15, "fourier"), (31, "fourier")):
        weight = Kernel(draw((16, 16, side, side), "f4"))
        assert make_plan((1, 16, 256, 256), "f4", weight).method == method


def test_too_many_spectra_are_refused():
    # 256 x 256 kernels would take hundreds of megabytes; planes one by one do not.
    weight = draw((256, 256, 13, 13), "f4")
    plan = plan_for(
        (256, 20, 20), np.dtype("f4"), taps_of_layer(weight, None, 1), Options(threads=1)
    )
    assert plan.method == "channels"


def test_shapes_that_would_be_written_past():
    weight = draw((2, 3, 5, 5), "f4")
    spectra = layer_spectra(weight, (32, 32), np.dtype("f4"))
    with pytest.raises(InvalidInput, match="out must have the shape"):
        correlate_layer(draw((3, 20, 20), "f4"), spectra, (5, 5), np.zeros((2, 17, 16), "f4"))
    with pytest.raises(InvalidInput, match="out must have the shape"):
        correlate_layer(draw((3, 20, 20), "f4"), spectra, (5, 5), np.zeros((3, 16, 16), "f4"))
