"""Plans: pure, cached, honest about themselves; and the options they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel
from kernfit.correlate import convolve2d, correlate2d, make_plan

GAUSS = np.outer(np.hanning(17)[1:-1], np.hanning(17)[1:-1])
NOISE = np.random.default_rng(0).normal(size=(15, 15))


def test_equal_arguments_give_the_very_same_plan():
    k = np.ones((3, 3), "f4")
    assert make_plan((64, 64), "f4", k) is make_plan([64, 64], np.float32, k.copy())
    padded = make_plan((64, 64), "f4", k, padding=[[1, 1], [0, 2]], stride=[2, 1])
    assert padded is make_plan((64, 64), "f4", k, padding=((1, 1), (0, 2)), stride=(2, 1))
    assert padded is make_plan((64, 64), "f4", k, padding=np.array([[1, 1], [0, 2]]), stride=(2, 1))
    assert make_plan((64, 64), "f4", k) is not make_plan((64, 65), "f4", k)
    assert make_plan((64, 64), "f4", k) is not make_plan((64, 64), "f4", 2 * k)
    assert make_plan((64, 64), "f4", k) is not make_plan((64, 64), "f4", k.T[:1])


def test_few_plans_of_very_large_kernels_are_kept():
    def plan(value):
        return make_plan((9, 9), "f8", np.full((200, 300), value), method="direct")

    first = plan(0.0)
    assert plan(0.0) is first
    others = [plan(float(n)) for n in range(1, 9)]
    assert plan(8.0) is others[-1]
    assert plan(0.0) is not first


def test_a_plan_does_not_remember_a_kernel_that_changed():
    x, k = np.ones((4, 4)), np.ones((2, 2))
    assert correlate2d(x, k)[0, 0] == 4
    k[0, 0] = 5
    assert correlate2d(x, k)[0, 0] == 8


@pytest.mark.parametrize(
    ("shape", "dtype", "kernel", "method"),
    [
        ((64, 64), "f4", NOISE[:3, :3], "direct"),
        ((4096, 4096), "f4", NOISE[:5, :5], "direct"),
        ((4096, 4096), "f4", GAUSS, "separable"),
        ((4096, 4096), "f4", np.random.default_rng(0).normal(size=(63, 63)), "fourier"),
        ((4096, 4096), "u1", np.ones((3, 3), int), "direct"),
        ((4096, 4096), "u1", np.random.default_rng(0).integers(-9, 9, (63, 63)), "fourier"),
        ((64, 64), "g", GAUSS, "direct"),
        ((64, 64), "f8", [[np.nan]], "direct"),
    ],
)
def test_auto_takes_what_costs_least(shape, dtype, kernel, method):
    plan = make_plan(shape, dtype, np.asarray(kernel).astype(dtype) if dtype == "f4" else kernel)
    assert plan.method == method
    for other in ("direct", "separable", "fourier"):
        try:
            assert plan.cost <= make_plan(shape, dtype, kernel, method=other).cost * 1.001
        except InvalidInput:
            assert dtype in ("u1", "g", "f8")


def test_it_says_method_reason_cost_and_bound():
    plan = make_plan((1000, 3000), "f4", GAUSS.astype("f4"), threads=2)
    text = str(plan)
    assert text.splitlines()[0] == "1000 x 3000 float32 -> 986 x 2986 float32"
    assert "separable, the cheapest for one sample: separable (rank 1)" in text
    assert "direct" in text
    assert "ms of one core, on 2 threads" in text
    assert f"{plan.error_bound:.2g} times the largest magnitude" in text
    assert "as asked for (rank 1)" in str(make_plan((9, 9), "f4", GAUSS, method="separable"))
    assert "0: the result is exact" in str(make_plan((9, 9), "u1", [[1, 2]]))


def test_a_plan_runs():
    x, k = np.random.default_rng(0).random((20, 21)), NOISE[:3, :4]
    plan = make_plan(x.shape, x.dtype, k, mode="same", boundary="edge")
    expected = correlate2d(x, k, mode="same", boundary="edge")
    np.testing.assert_array_equal(plan(x), expected)
    out = np.empty(plan.shape, plan.dtype)
    assert plan(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    masked = make_plan(x.shape, x.dtype, k, masked=True)
    mask = x > 0.1
    np.testing.assert_array_equal(masked(x, mask=mask), correlate2d(x, k, mask=mask))
    with pytest.raises(
        InvalidInput, match=r"image must be float64 of shape \(20, 21\), as planned"
    ):
        plan(x[1:])
    with pytest.raises(InvalidInput, match="image must be float64 of shape"):
        plan(x.astype("f4"))
    with pytest.raises(
        InvalidInput, match="mask must be left out with a plan that has masked=False"
    ):
        plan(x, mask=mask)
    with pytest.raises(InvalidInput, match="mask must be given with a plan that has masked=True"):
        masked(x)


X = np.ones((5, 6))
K = np.ones((3, 3))


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("mode must be one of valid, same, full, got 'some'", {"mode": "some"}),
        ("boundary must be one of constant, edge, .* got 'zero'", {"boundary": "zero"}),
        ("boundary must be one of .* got 'zero'", {"boundary": ("edge", "zero")}),
        (r"boundary must be .* or a \(rows, columns\) pair of them", {"boundary": ("edge",)}),
        ("boundary must be .* or a", {"boundary": 3}),
        ("padding takes the place of mode", {"padding": 1, "mode": "same"}),
        (r"padding must be \(\(top, bottom\), \(left, right\)\)", {"padding": (1, 2)}),
        (r"padding must be \(\(top, bottom\), \(left, right\)\)", {"padding": "same"}),
        (r"padding must be", {"padding": ((1, -1), (0, 0))}),
        (r"padding must be", {"padding": ((1.5, 1), (0, 0))}),
        ("anchor must be one of the taps of a 3x3 kernel", {"anchor": (0, 3), "mode": "same"}),
        ("anchor must be an integer or", {"anchor": (0.5, 3), "mode": "same"}),
        ("stride must be at least 1", {"stride": 0}),
        ("stride must be an integer or", {"stride": 1.5}),
        ("stride must be an integer or", {"stride": {"a": 1}}),
        ("dilation must be at least 1", {"dilation": (1, 0)}),
        ("method must be one of auto, direct", {"method": "fft"}),
        ("method must be one that keeps the contract", {"method": "blas"}),
        ("threads must be", {"threads": 0}),
        ("threads must be", {"threads": 1.5}),
        (r"out must be an array of float64 and shape \(3, 4\), got list", {"out": [1]}),
        ("out must be an array of float64", {"out": np.empty((3, 4), "f4")}),
        ("out must be an array of float64", {"out": np.empty((4, 3))}),
        ("out must not share memory with image", {"out": X[:3, :4]}),
    ],
)
def test_refusals(message, options):
    with pytest.raises(InvalidInput, match=message) as caught:
        correlate2d(X, K, **options)
    assert "\n" not in str(caught.value)


def test_refusals_of_arrays():
    with pytest.raises(InvalidInput, match="image must have at least 2 axes"):
        correlate2d([1, 2], K)
    with pytest.raises(InvalidInput, match="image must hold numbers"):
        correlate2d([["a"]], K)
    with pytest.raises(InvalidInput, match="kernel must have 2 axes"):
        correlate2d(X, [1, 2])
    with pytest.raises(InvalidInput, match="kernel must have 2 axes .* at least one tap"):
        correlate2d(X, np.ones((0, 2)))
    with pytest.raises(InvalidInput, match="kernel must have 2 axes"):
        convolve2d(X, np.ones((1, 2, 2)))
    with pytest.raises(InvalidInput, match="anchor must be one of the taps"):
        convolve2d(X, K, anchor=(3, 0), mode="same")
    still = np.empty((3, 4))
    still.flags.writeable = False
    with pytest.raises(InvalidInput, match="out must be writeable"):
        correlate2d(X, K, out=still)
    with pytest.raises(InvalidInput, match=r"image must have shape \(..., 2, rows, columns\)"):
        correlate2d(X, Kernel(np.ones((1, 2, 3, 3))))


def test_out_beside_the_image_in_one_array_is_fine():
    both = np.ones((5, 20))
    image, out = both[:, ::2], both[:3, 1:17:2]
    assert correlate2d(image, K, out=out) is out
    assert (out == 9).all()


def test_a_plan_shows_itself():
    plan = make_plan((64, 64), "float32", [[1, -1]])
    assert repr(plan) == f"Plan: {plan}"
    assert str(plan).splitlines()[0] == "64 x 64 float32 -> 64 x 63 float32"
    html = plan._repr_html_()
    for line in str(plan).splitlines()[1:]:
        name, value = line.split(":", 1)
        assert f">{name}</th>" in html
        assert value.strip().split(",")[0] in html
