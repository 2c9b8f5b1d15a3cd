"""The error bound of a plan holds, and is no more than 100 times the truth."""

from __future__ import annotations

import numpy as np
import pytest

from kernfit import Kernel
from kernfit.correlate import correlate2d, make_plan

pytestmark = pytest.mark.slow


def exact(x, k):
    """Sums in long doubles, by shifted images."""
    dtype = np.clongdouble if "c" in (x.dtype.kind, k.dtype.kind) else np.longdouble
    out = np.zeros((x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1), dtype)
    for (a, b), tap in np.ndenumerate(k.astype(dtype)):
        out += x[a : a + out.shape[0], b : b + out.shape[1]].astype(dtype) * tap
    return out


def images(rng, shape):
    """Images for which rounding behaves very differently."""
    row, column = np.indices(shape)
    yield "photograph", rng.random(shape) * 255
    yield "noise", rng.normal(size=shape)
    yield "signs", rng.choice([-1.0, 1.0], shape)
    yield "constant", np.full(shape, 0.1)
    yield "wave", np.sin(row * 0.7 + column * 1.3)
    yield "half", (column > shape[1] // 2) * 0.3
    yield "checker", (row + column) % 2 - 0.3


def suited(rng, k, shape):
    """An image that repeats the signs of the taps: where all products of a window add up."""
    rounds = [-(-n // m) for n, m in zip(shape, k.shape, strict=True)]
    signs = np.tile(np.sign(k.real), rounds)[: shape[0], : shape[1]]
    return signs * rng.uniform(0.5, 1, shape)


def kernels(rng, size):
    yield "random", rng.normal(size=size)
    yield "positive", rng.random(size)
    yield "smooth", np.outer(*(np.hanning(n + 2)[1:-1] for n in size))
    yield (
        "low rank",
        sum(np.outer(rng.normal(size=size[0]), rng.normal(size=size[1])) for _ in "12"),
    )


@pytest.mark.parametrize("method", ["direct", "separable", "fourier", "auto"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
@pytest.mark.parametrize("size", [(1, 2), (3, 3), (7, 6), (21, 20)])
def test_it_holds(method, dtype, size):
    rng = np.random.default_rng(size)
    for _, k in kernels(rng, size):
        k = k.astype(dtype)
        plan = make_plan((70, 75), dtype, k, method=method)
        for x in (*dict(images(rng, (70, 75))).values(), suited(rng, k, (70, 75))):
            x = x.astype(dtype)
            error = abs(plan(x) - exact(x, k)).max()
            assert error <= plan.error_bound * abs(x).max()


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize(
    ("method", "size"),
    [
        *[("direct", size) for size in [(1, 2), (3, 3), (5, 4), (11, 11), (15, 15), (21, 21)]],
        *[("separable", size) for size in [(3, 3), (5, 4), (11, 11), (21, 21), (40, 63)]],
        *[("fourier", size) for size in [(3, 3), (11, 11), (31, 31), (40, 63), (75, 70)]],
        *[("auto", size) for size in [(2, 2), (9, 9), (13, 13), (31, 31), (40, 63)]],
    ],
)
def test_it_is_within_100_times_the_truth(method, size, dtype):
    # It is settled before any pixel is seen. So the truth is that of the image that is worst for
    # the kernel; among other pixels, products of either sign cancel, and so do their errors.
    rng = np.random.default_rng(size)
    shape = tuple(max(160, n + 40) for n in size)
    for name, k in kernels(rng, size):
        if method == "separable" and name in ("random", "positive"):
            continue  # of full rank: never chosen
        k = k.astype(dtype)
        plan = make_plan(shape, dtype, k, method=method)
        ratios = []
        for x in (rng.random(shape) * 255, suited(rng, k, shape)):
            x = x.astype(dtype)
            error = abs(plan(x) - exact(x, k)).max()
            ratios.append(plan.error_bound * abs(x).max() / error)
        assert min(ratios) >= 1
        assert min(ratios) <= 100


@pytest.mark.parametrize(
    ("image", "kernel", "options"),
    [
        ("f2", "f2", {}),
        ("f8", "f8", {"dtype": "f4"}),
        ("f4", "f4", {"dtype": "f8"}),
        ("f4", "list", {}),
        ("i8", "f8", {}),
        ("u2", "f4", {}),
        ("f4", "f8", {}),
        ("u1", "i4", {"dtype": "f4"}),
    ],
)
def test_it_counts_every_conversion(image, kernel, options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 61)) * (2.0**60 if image == "i8" else 1)
    x = (abs(x) * 50).astype(image) if image[0] == "u" else x.astype(image)
    k = rng.normal(size=(4, 3)) * (1e6 if kernel == "i4" else 10)
    taps = k.tolist() if kernel == "list" else k.astype(kernel)
    plan = make_plan(x.shape, image, taps, **options)
    result = plan(x)
    error = abs(result - exact(x, np.asarray(taps))).max()
    assert 0 < error <= plan.error_bound * abs(x.astype(float)).max() <= 100 * error


def test_it_counts_the_bias():
    rng = np.random.default_rng(0)
    x = rng.random((60, 60)).astype("f4")
    kernel = Kernel(rng.random((2, 2)), bias=1e3)
    plan = make_plan(x.shape, x.dtype, kernel)
    error = abs(plan(x) - exact(x, kernel.taps) - 1000).max()
    assert 0 < error <= plan.error_bound * 1e3


def test_channels():
    rng = np.random.default_rng(0)
    x = rng.random((6, 40, 41)).astype("f4")
    weight = rng.normal(size=(5, 6, 3, 3))
    truth = [sum(exact(x[c], weight[o, c]) for c in range(6)) for o in range(5)]
    for method in ("direct", "channels", "blas", "fourier"):
        plan = make_plan(x.shape, x.dtype, Kernel(weight), method=method)
        error = abs(plan(x) - np.array(truth)).max()
        assert 0 < error <= plan.error_bound <= 100 * error


def test_integers_have_no_error():
    assert make_plan((9, 9), "u1", [[1, 2]]).error_bound == 0
    assert make_plan((9, 9), "i8", [[1, 2]], method="separable").error_bound == 0


def test_rank_is_decided_without_changing_the_answer():
    # Of rank 3 in fact, of rank 2 to within single precision.
    rng = np.random.default_rng(0)
    u, _, v = np.linalg.svd(rng.normal(size=(9, 9)))
    k = u[:, :3] @ np.diag([1, 0.5, 1e-9]) @ v[:3]
    x = rng.random((50, 50))
    single = make_plan(x.shape, "f4", k.astype("f4"), method="separable")
    double = make_plan(x.shape, "f8", k, method="separable")
    assert "rank 2" in single.reason
    assert "rank 3" in double.reason
    assert abs(double(x) - exact(x, k)).max() <= double.error_bound < 1e-13
    result = correlate2d(x.astype("f4"), k.astype("f4"), method="separable")
    truth = exact(x.astype("f4"), k.astype("f4"))
    assert abs(result - truth).max() <= single.error_bound < 1e-4
